//! The data folder: one process at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A data folder that this process holds alone, until the value is dropped.
///
/// The lock is a convenience that gives a clear message: what keeps two writers from forking a log is the epoch.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    lock: File,
}

impl DataFolder {
    /// Takes the folder, creating it (mode 0700) if its parent exists.
    ///
    /// # Errors
    /// [`Error::Locked`] while another process holds it, [`Error::ReadOnly`] if it cannot be written.
    pub fn open(path: &Path) -> Result<Self, Error> {
        create_private(path)?;
        let lock_path = path.join("lock");
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(|cause| unwritable(&lock_path, &cause))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked { path: path.to_owned(), holder: holder(&mut lock) });
            }
            Err(TryLockError::Error(cause)) => return Err(Error::storage("locking the data folder", cause)),
        }
        // Only for the message of the process that comes second, so a failure here is no reason to refuse.
        let _ = lock.set_len(0).and_then(|()| lock.rewind());
        let _ = write!(lock, "process {}", std::process::id());
        Ok(DataFolder { path: path.to_owned(), lock })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it that only its owner may read, created empty if it is not there. (SQLite gives the files beside a
    /// database the mode of the database.)
    ///
    /// # Errors
    /// [`Error::ReadOnly`] or [`Error::Full`].
    pub(crate) fn private_file(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.join(name);
        let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match created {
            Err(cause) if cause.kind() != ErrorKind::AlreadyExists => Err(unwritable(&path, &cause)),
            _ => Ok(path),
        }
    }

    /// A file in it.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for DataFolder {
    /// Unlocks, since closing the file is not enough: a child process that is being started holds a copy of it until it
    /// has become another program.
    fn drop(&mut self) {
        // What fails here is undone by the end of the process at the latest.
        let _ = self.lock.unlock();
    }
}

fn create_private(path: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        // What lies here is for its owner alone, whoever made the folder.
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists && path.is_dir() => {
            let private = std::fs::Permissions::from_mode(0o700);
            std::fs::set_permissions(path, private).map_err(|cause| unwritable(path, &cause))
        }
        Err(cause) => Err(unwritable(path, &cause)),
    }
}

fn holder(lock: &mut File) -> String {
    let mut text = String::new();
    match lock.take(64).read_to_string(&mut text) {
        Ok(length) if length > 0 => text,
        _ => "unknown".to_owned(),
    }
}

/// An error of the system while writing to `path`, told apart by what one can do about it.
pub(crate) fn unwritable(path: &Path, cause: &std::io::Error) -> Error {
    match cause.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::Full,
        _ => Error::ReadOnly { path: path.to_owned(), cause: cause.to_string() },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_second_holder_is_refused_with_the_process_id_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataFolder::open(folder.path()).unwrap();
        let refused = DataFolder::open(folder.path()).unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        drop(first);
        DataFolder::open(folder.path()).unwrap();
    }

    #[test]
    fn a_copy_of_the_file_in_a_starting_child_does_not_keep_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataFolder::open(folder.path()).unwrap();
        let _inherited = first.lock.try_clone().unwrap();
        drop(first);
        DataFolder::open(folder.path()).unwrap();
    }

    #[test]
    fn a_folder_whose_parent_is_missing_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("missing/data");
        assert!(matches!(DataFolder::open(&deep), Err(Error::ReadOnly { .. })));
    }
}
