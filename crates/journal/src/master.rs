//! The deployment's master key, from a file or from the environment.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign_evidence::key::{Key, Random};
use zeroize::Zeroizing;

/// The environment variable that [`MasterKey::from_env`] reads.
pub const MASTER_KEY_VARIABLE: &str = "COUNTERSIGN_MASTER_KEY";

/// Wraps every other key. Without it nothing sealed opens, and new records cannot be sealed.
#[derive(Debug, Clone)]
pub struct MasterKey(pub(crate) Key);

/// Why there is no master key. Never contains key material.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Not the standard base64 of 32 bytes.
    #[error("{0} does not hold the standard base64 of 32 random bytes (44 characters)")]
    Malformed(String),
    /// Group or others may read the file.
    #[error("{path} can be read by others (mode {mode:o}); run chmod 600 on it, and change the key if they may have")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file cannot be read or written.
    #[error("{path}: {cause}; check the path, its owner and its mode")]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        cause: std::io::Error,
    },
}

impl MasterKey {
    /// Takes a key that comes from elsewhere.
    #[must_use]
    pub fn new(key: Key) -> Self {
        MasterKey(key)
    }

    /// The key in [`MASTER_KEY_VARIABLE`] (standard base64 of 32 bytes), if that is set.
    ///
    /// # Errors
    /// [`MasterKeyError::Malformed`].
    pub fn from_env() -> Result<Option<Self>, MasterKeyError> {
        match std::env::var(MASTER_KEY_VARIABLE) {
            Ok(text) => Self::parse(&Zeroizing::new(text), MASTER_KEY_VARIABLE).map(Some),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(MasterKeyError::Malformed(MASTER_KEY_VARIABLE.to_owned())),
        }
    }

    /// The key in a file, which only its owner may read.
    ///
    /// # Errors
    /// [`MasterKeyError`].
    pub fn from_file(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |cause| MasterKeyError::File { path: path.to_owned(), cause };
        let file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(MasterKeyError::Exposed { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(String::with_capacity(64));
        file.take(64).read_to_string(&mut text).map_err(failed)?;
        Self::parse(text.trim_end(), &path.display().to_string())
    }

    /// Writes a new key to a file (mode 0600) that must not exist; whole and durable, or not at all.
    ///
    /// # Errors
    /// [`MasterKeyError::File`], also if the file exists.
    pub fn create_file(path: &Path, random: &dyn Random) -> Result<Self, MasterKeyError> {
        let key = MasterKey(Key::generate(random));
        let failed = |cause| MasterKeyError::File { path: path.to_owned(), cause };
        let mut aside = path.as_os_str().to_owned();
        aside.push(format!(".{}.new", std::process::id()));
        let aside = PathBuf::from(aside);
        let written = key.write_new(&aside).and_then(|()| {
            // A link, unlike a rename, fails where the file exists already.
            fs::hard_link(&aside, path)
        });
        let _ = fs::remove_file(&aside);
        written.map_err(failed)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(key)
    }

    /// The key in a file, which is created if it is not there.
    ///
    /// # Errors
    /// [`MasterKeyError`].
    pub fn load_or_create(path: &Path, random: &dyn Random) -> Result<Self, MasterKeyError> {
        match Self::from_file(path) {
            Err(MasterKeyError::File { cause, .. }) if cause.kind() == ErrorKind::NotFound => {
                Self::create_file(path, random)
            }
            done => done,
        }
    }

    fn write_new(&self, path: &Path) -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let text = Zeroizing::new(STANDARD.encode(self.0.as_bytes()) + "\n");
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    fn parse(text: &str, whence: &str) -> Result<Self, MasterKeyError> {
        let malformed = || MasterKeyError::Malformed(whence.to_owned());
        let bytes = Zeroizing::new(STANDARD.decode(text).map_err(|_| malformed())?);
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| malformed())?;
        Ok(MasterKey(Key::from_bytes(bytes)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    struct Fixed;

    impl Random for Fixed {
        fn fill(&self, out: &mut [u8]) {
            out.fill(7);
        }
    }

    #[test]
    fn a_created_file_is_private_read_back_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        MasterKey::load_or_create(&path, &Fixed).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(MasterKey::from_file(&path).unwrap().0.as_bytes(), &[7; 32]);
        assert!(matches!(MasterKey::create_file(&path, &Fixed), Err(MasterKeyError::File { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        MasterKey::create_file(&path, &Fixed).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(MasterKey::from_file(&path), Err(MasterKeyError::Exposed { .. })));
        }
    }

    #[test]
    fn malformed_keys_are_refused_without_being_shown() {
        for text in ["", "secret!", "c2hvcnQ=", &STANDARD.encode([1; 33])] {
            let refused = MasterKey::parse(text, "the test").unwrap_err();
            assert!(text.is_empty() || !format!("{refused} {refused:?}").contains(text));
        }
        let shown = format!("{:?}", MasterKey(Key::from_bytes([7; 32])));
        assert!(!shown.contains('7'), "{shown}");
    }
}
