//! What one process of the hook leaves for the next: which action a call that runs now is. Where it is lost the outcome is not
//! recorded, and becomes `unknown` at its deadline; nothing is allowed by it.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_evidence::time::Timestamp;
use uuid::Uuid;

/// Sessions whose last call began so long ago are over.
const KEPT: Duration = Duration::from_secs(7 * 86_400);
/// Folder of the actions that a call was sent to the gateway for; no session is called so.
const TOLD: &str = "told to the gateway";
/// Longest name of an attempt.
const MOST_ATTEMPT: usize = 128;

/// A folder of sessions, each with a file for every call that runs.
#[derive(Debug, Clone)]
pub struct Memory {
    folder: PathBuf,
}

/// A call that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) action: Uuid,
    pub(crate) attempt: String,
}

impl Memory {
    /// In this folder; it is made when it is needed.
    pub fn new(folder: PathBuf) -> Self {
        Memory { folder }
    }

    /// Keeps that the call runs. `session` and `place` are names of files.
    pub(crate) fn keep(&self, session: &str, place: &str, running: &Running, now: Timestamp) -> io::Result<()> {
        let folder = self.session(session, now)?;
        fs::write(folder.join(format!("{place}.{}", running.action)), &running.attempt)
    }

    /// Whether this call is the one that was told that it may go to the gateway as this action, or nobody was told yet.
    pub(crate) fn told(&self, session: &str, action: Uuid, call: &str, now: Timestamp) -> io::Result<bool> {
        self.session(session, now)?;
        let folder = self.folder.join(TOLD);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let path = folder.join(action.to_string());
        match fs::OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => io::Write::write_all(&mut file, call.as_bytes()).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(fs::read_to_string(&path)? == call),
            Err(error) => Err(error),
        }
    }

    /// Takes the call that began first at this place; `None` where none did.
    pub(crate) fn take(&self, session: &str, place: &str) -> io::Result<Option<Running>> {
        let folder = self.folder.join(session);
        let mut names: Vec<String> = match fs::read_dir(&folder) {
            Ok(entries) => entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // Ids of actions sort by time.
        names.sort();
        for name in names {
            let Some(action) = name.strip_prefix(place).and_then(|rest| rest.strip_prefix('.')) else { continue };
            let (path, Ok(action)) = (folder.join(&name), action.parse()) else { continue };
            let attempt = fs::read_to_string(&path)?;
            // Who removes it has it: two events may come at once.
            if fs::remove_file(&path).is_ok() && attempt.len() <= MOST_ATTEMPT {
                return Ok(Some(Running { action, attempt }));
            }
        }
        Ok(None)
    }

    /// A session's folder. With each new one what is old is forgotten.
    fn session(&self, session: &str, now: Timestamp) -> io::Result<PathBuf> {
        let folder = self.folder.join(session);
        if !folder.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
            self.forget_old(now);
        }
        Ok(folder)
    }

    /// Not that it matters much: what cannot be removed stays. No authorization holds as long as any of it.
    fn forget_old(&self, now: Timestamp) {
        let old = |path: &Path| {
            let since = fs::metadata(path).ok()?.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
            let age = now.as_micros().saturating_sub(i64::try_from(since.as_micros()).ok()?);
            Some(age > i64::try_from(KEPT.as_micros()).ok()?)
        };
        let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        for path in entries(&self.folder.join(TOLD)).filter(|path| old(path) == Some(true)) {
            let _ = fs::remove_file(path);
        }
        for path in entries(&self.folder).filter(|path| old(path) == Some(true)) {
            let _ = fs::remove_dir_all(path);
        }
    }
}
