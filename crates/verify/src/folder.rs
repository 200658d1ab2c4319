//! Where a published log is read from.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Largest file that a [`Directory`] reads, in bytes.
const MOST_FILE: u64 = 1 << 30;

/// A published log's files, by paths with `/` between their parts.
pub trait Folder {
    /// The bytes of a file; `None` where there is none.
    ///
    /// # Errors
    /// Where it is there but cannot be read.
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>>;

    /// The paths of all files.
    ///
    /// # Errors
    /// Where the folder cannot be listed.
    fn list(&self) -> io::Result<Vec<String>>;
}

/// A folder of the file system.
#[derive(Debug, Clone)]
pub struct Directory(PathBuf);

impl Directory {
    /// The folder at `path`.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Directory(path.as_ref().to_owned())
    }

    fn list_into(&self, below: &str, found: &mut Vec<String>) -> io::Result<()> {
        for entry in fs::read_dir(self.0.join(below))? {
            let entry = entry?;
            // A name that is no Unicode is none of ours; its lossy form still tells which file it is.
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            match entry.file_type()?.is_dir() {
                true => self.list_into(&path, found)?,
                false => found.push(path),
            }
        }
        Ok(())
    }
}

impl Folder for Directory {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match fs::File::open(self.0.join(path)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        let mut bytes = Vec::with_capacity(usize::try_from(length.min(MOST_FILE)).unwrap_or_default());
        file.take(MOST_FILE + 1).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length <= MOST_FILE) {
            return Ok(Some(bytes));
        }
        Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("{path} has more than 1 GiB; no tile is that large")))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        self.list_into("", &mut found)?;
        found.sort_unstable();
        Ok(found)
    }
}

/// Files in memory: an unpacked archive, or what a test has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory(pub BTreeMap<String, Vec<u8>>);

impl Folder for Memory {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.keys().cloned().collect())
    }
}
