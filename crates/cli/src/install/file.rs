//! Files that are changed, and how they come back: what each was without us lies beside it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use countersign_evidence::digest::Digest;
use serde::{Deserialize, Serialize};
use similar::TextDiff;

use super::ours::Ours;
use crate::error::Failure;

/// Beside a file: what it was.
const BACKUP: &str = "before-countersign";
/// In the client's folder: which files were changed.
const INSTALLED: &str = "countersign-install.json";
/// Lines around a change that are shown.
const CONTEXT: usize = 2;

/// One file's change.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// Which.
    pub(crate) path: PathBuf,
    /// Its text now; `None` where it is not there.
    pub(crate) before: Option<String>,
    /// Its text then.
    pub(crate) after: String,
    /// Its text without what an earlier install wrote: what `--undo` brings back.
    pub(crate) without: Option<String>,
    /// What is ours in it then.
    pub(crate) ours: Ours,
    /// What of others stays there that somebody should know of.
    pub(crate) notes: Vec<String>,
}

/// What was changed, for `--undo`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Installed {
    files: Vec<Record>,
    /// Folders that were not there before, the outer ones first.
    #[serde(default)]
    folders: Vec<PathBuf>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    path: PathBuf,
    /// SHA-256 of what was written.
    sha256: String,
    /// Whether the file was there before.
    existed: bool,
    /// What was written.
    #[serde(default)]
    ours: Ours,
}

impl Change {
    /// Nothing to change yet.
    ///
    /// # Errors
    /// [`Failure::File`].
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let before = match fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => return Err(Failure::File { path: path.to_owned(), source }),
        };
        let after = before.clone().unwrap_or_default();
        Ok(Change { path: path.to_owned(), before, after, without: None, ours: Ours::default(), notes: Vec::new() })
    }

    /// Whether anything changes.
    pub(crate) fn changes(&self) -> bool {
        self.before.as_ref() != Some(&self.after)
    }

    /// The change as a unified diff.
    pub(crate) fn diff(&self) -> String {
        let before = self.before.as_deref().unwrap_or_default();
        let diff = TextDiff::from_lines(before, &self.after);
        let mut name = self.path.display().to_string();
        if is_link(&self.path) {
            name = format!("{name} (a link to {})", real(&self.path).display());
        }
        diff.unified_diff().context_radius(CONTEXT).header(&name, &name).to_string()
    }
}

impl Installed {
    /// Writes the changes. What stands for `--undo` is written first.
    ///
    /// # Errors
    /// [`Failure::File`]; what was written until then is told by the file itself.
    pub(crate) fn write(folder: &Path, changes: &[Change]) -> Result<(), Failure> {
        let installed = Installed::read(folder)?;
        let known = |change: &Change| installed.as_ref().and_then(|known| known.record(&change.path));
        // Where nobody changed it since, what lies beside it is the file as it was, to the byte.
        let untouched = |change: &Change| {
            let now = change.before.as_ref().map(|before| Digest::of(before.as_bytes()).to_string());
            known(change).is_some_and(|record| Some(&record.sha256) == now.as_ref())
        };
        let existed = |change: &Change| match known(change) {
            // Somebody wrote into a file that we had made: it is theirs from then on.
            Some(record) if !record.existed && !untouched(change) => !change.without.as_deref().is_none_or(is_nothing),
            Some(record) => record.existed,
            None => change.before.is_some(),
        };
        let mut folders = installed.as_ref().map(|known| known.folders.clone()).unwrap_or_default();
        folders.extend(missing(changes.iter().filter_map(|change| change.path.parent()).chain([folder])));
        fs::create_dir_all(folder).map_err(Failure::file(folder))?;
        let files = changes.iter().map(|change| Record {
            path: change.path.clone(),
            sha256: Digest::of(change.after.as_bytes()).to_string(),
            existed: existed(change),
            ours: change.ours.clone(),
        });
        let writing = Installed { files: files.collect(), folders };
        for change in changes.iter().filter(|change| !untouched(change)) {
            if let Some(without) = change.without.as_ref().filter(|_| existed(change)) {
                replace(no_link(&backup(&change.path))?, without, Some(&change.path))?;
            }
        }
        let text = serde_json::to_string_pretty(&writing).map_err(|error| Failure::No(error.to_string()))?;
        replace(no_link(&folder.join(INSTALLED))?, &format!("{text}\n"), None)?;
        changes
            .iter()
            .filter(|change| change.changes())
            .try_for_each(|change| replace(&real(&change.path), &change.after, Some(&change.path)))
    }

    /// What was installed in this folder.
    ///
    /// # Errors
    /// [`Failure`] where its file cannot be read.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, Failure> {
        let path = folder.join(INSTALLED);
        no_link(&path)?;
        match fs::read_to_string(&path) {
            Ok(text) => {
                let read = serde_json::from_str(&text);
                read.map(Some).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Failure::File { path, source }),
        }
    }

    /// The files that were changed. What lies in a project's folder may be anybody's writing: only files that `install` would change
    /// there count.
    ///
    /// # Errors
    /// [`Failure::No`] where another file is named.
    pub(crate) fn files(&self, expected: &[&Path]) -> Result<Vec<&Path>, Failure> {
        let files: Vec<&Path> = self.files.iter().map(|record| record.path.as_path()).collect();
        match files.iter().find(|file| !expected.contains(file)) {
            None => Ok(files),
            Some(other) => Err(Failure::No(format!(
                "{INSTALLED} names {}, which `install` does not change here: nothing was touched",
                other.display()
            ))),
        }
    }

    /// Brings back what was there before; the files that came back.
    ///
    /// # Errors
    /// [`Failure::No`] where a file was changed since; nothing is touched then.
    pub(crate) fn undo(&self, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
        for record in &self.files {
            no_link(&backup(&record.path))?;
            let now = fs::read(&record.path).map_err(Failure::file(&record.path))?;
            if Digest::of(&now).to_string() != record.sha256 {
                let (path, backup) = (record.path.display(), backup(&record.path));
                return Err(Failure::No(format!(
                    "{path} was changed since the install, so nothing was touched. Run `countersign install` again, which takes the \
                     changes over, and then --undo; or compare it with {} and put it right by hand",
                    backup.display()
                )));
            }
        }
        for record in &self.files {
            let backup = backup(&record.path);
            match record.existed {
                true => {
                    let text = fs::read_to_string(&backup).map_err(Failure::file(&backup))?;
                    replace(&real(&record.path), &text, Some(&record.path))?;
                    fs::remove_file(&backup).map_err(Failure::file(&backup))?;
                }
                false => fs::remove_file(&record.path).map_err(Failure::file(&record.path))?,
            }
        }
        let path = folder.join(INSTALLED);
        fs::remove_file(&path).map_err(Failure::file(&path))?;
        let ours =
            |made: &&PathBuf| folder.starts_with(made) || self.files.iter().any(|file| file.path.starts_with(made));
        // Where something else lies in it by now, it stays.
        self.folders.iter().rev().filter(ours).for_each(|made| drop(fs::remove_dir(made)));
        Ok(self.files.iter().map(|record| record.path.clone()).collect())
    }

    /// What an earlier install wrote into a file; `None` where none did.
    pub(super) fn ours(&self, path: &Path) -> Option<&Ours> {
        self.record(path).map(|record| &record.ours)
    }

    fn record(&self, path: &Path) -> Option<&Record> {
        self.files.iter().find(|record| record.path == path)
    }
}

/// Folders, of these and above them, that are not there; the outer ones first.
pub(crate) fn missing<'a>(folders: impl Iterator<Item = &'a Path>) -> Vec<PathBuf> {
    let above = folders.flat_map(Path::ancestors).filter(|above| !above.as_os_str().is_empty());
    let missing: BTreeSet<&Path> = above.filter(|above| above.symlink_metadata().is_err()).collect();
    missing.into_iter().map(Path::to_owned).collect()
}

/// What remains of a file that we made where nobody else wrote into it.
fn is_nothing(text: &str) -> bool {
    matches!(text.split_whitespace().collect::<String>().as_str(), "" | "{}" | r#"{"version":1}"#)
}

fn backup(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(BACKUP);
    path.with_file_name(name)
}

/// The user's own configuration may be a link: the file behind it is meant. [`super::Place::must_be_inside`] refuses all others.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_symlink())
}

/// Refuses a link: it would lead what is written there elsewhere.
pub(super) fn no_link(path: &Path) -> Result<&Path, Failure> {
    match is_link(path) {
        true => Err(Failure::No(format!("{} is a link: remove it, nothing is written through it", path.display()))),
        false => Ok(path),
    }
}

/// Writes a file whole or not at all, with the rights of `like`: configurations hold keys. A link in its place is replaced, not
/// followed.
fn replace(path: &Path, text: &str, like: Option<&Path>) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(Failure::file(folder))?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(Failure::file(folder))?;
    file.write_all(text.as_bytes()).map_err(Failure::file(path))?;
    let mode = like.and_then(|like| fs::metadata(like).ok()).map_or(0o600, |found| found.permissions().mode() & 0o777);
    file.as_file().set_permissions(fs::Permissions::from_mode(mode)).map_err(Failure::file(path))?;
    file.as_file().sync_all().map_err(Failure::file(path))?;
    file.persist(path).map_err(|error| Failure::File { path: path.to_owned(), source: error.error })?;
    Ok(())
}
