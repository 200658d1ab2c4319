//! Up to where a target was told: one small file each, replaced as a whole.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use crate::target::NotifyError;

/// A place in the log on disk.
pub(crate) struct Cursor {
    file: PathBuf,
}

impl Cursor {
    pub(crate) fn new(file: PathBuf) -> Self {
        Cursor { file }
    }

    fn failed(&self, error: std::io::Error) -> NotifyError {
        NotifyError::Cursor { file: self.file.display().to_string(), error }
    }

    /// The position to go on from; `start` where nothing was ever told.
    pub(crate) fn read(&self, start: u64) -> Result<u64, NotifyError> {
        match fs::read_to_string(&self.file) {
            Ok(text) => text.trim().parse().map_err(|_| self.failed(ErrorKind::InvalidData.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => self.write(start).map(|()| start),
            Err(error) => Err(self.failed(error)),
        }
    }

    pub(crate) fn write(&self, position: u64) -> Result<(), NotifyError> {
        let beside = self.file.with_extension("new");
        let write = || {
            if let Some(folder) = self.file.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut file = File::create(&beside)?;
            writeln!(file, "{position}")?;
            file.sync_all()?;
            fs::rename(&beside, &self.file)
        };
        write().map_err(|error| self.failed(error))
    }
}
