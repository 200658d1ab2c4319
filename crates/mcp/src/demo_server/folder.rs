//! One folder, and paths that stay inside it.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Longest file that is read.
const MOST_READ: u64 = 1 << 20;

/// A folder that paths do not leave.
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder at `path`, which must exist.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let root = path.canonicalize()?;
        if root.is_dir() { Ok(Folder { root }) } else { Err(io::Error::from(io::ErrorKind::NotADirectory)) }
    }

    /// Names in a folder, folders with a slash at the end, in order.
    pub(super) fn list(&self, path: &str) -> Result<Vec<String>, String> {
        let entries = fs::read_dir(self.existing(path)?).map_err(|error| failed("list", path, &error))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed("list", path, &error))?;
            let slash = if entry.file_type().is_ok_and(|kind| kind.is_dir()) { "/" } else { "" };
            names.push(format!("{}{slash}", entry.file_name().to_string_lossy()));
        }
        names.sort();
        Ok(names)
    }

    /// The text of a file.
    pub(super) fn read(&self, path: &str) -> Result<String, String> {
        let file = self.existing(path)?;
        let length = fs::metadata(&file).map_err(|error| failed("read", path, &error))?.len();
        if length > MOST_READ {
            return Err(format!("{path} has {length} bytes, over the limit of {MOST_READ}"));
        }
        fs::read_to_string(file).map_err(|error| failed("read", path, &error))
    }

    /// Writes a file, whole; its folder must exist.
    pub(super) fn write(&self, path: &str, text: &str) -> Result<(), String> {
        let target = self.target(path)?;
        if fs::symlink_metadata(&target).is_ok_and(|found| !found.is_file()) {
            return Err(format!("{path} is not a plain file"));
        }
        fs::write(target, text).map_err(|error| failed("write", path, &error))
    }

    /// Removes a file.
    pub(super) fn delete(&self, path: &str) -> Result<(), String> {
        fs::remove_file(self.target(path)?).map_err(|error| failed("delete", path, &error))
    }

    /// A path that exists, resolved, inside the folder.
    fn existing(&self, path: &str) -> Result<PathBuf, String> {
        let resolved = self.lexical(path)?.canonicalize().map_err(|error| failed("open", path, &error))?;
        self.inside(path, resolved)
    }

    /// A path whose parent exists inside the folder; the file itself need not.
    fn target(&self, path: &str) -> Result<PathBuf, String> {
        let full = self.lexical(path)?;
        let name = full.file_name().map(OsStr::to_owned);
        match (full.parent(), name) {
            (Some(parent), Some(name)) if full != self.root => {
                let parent = parent.canonicalize().map_err(|error| failed("open", path, &error))?;
                Ok(self.inside(path, parent)?.join(name))
            }
            _ => Err(format!("{path} names no file")),
        }
    }

    /// Joins a relative path (or an absolute one that begins with the folder itself) without `..`.
    fn lexical(&self, path: &str) -> Result<PathBuf, String> {
        let relative = Path::new(path);
        let relative = relative.strip_prefix(&self.root).unwrap_or(relative);
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if path.contains('\0') || !relative.components().all(plain) {
            return Err(format!("{path} leads out of the folder"));
        }
        Ok(self.root.join(relative))
    }

    fn inside(&self, path: &str, resolved: PathBuf) -> Result<PathBuf, String> {
        if resolved.starts_with(&self.root) { Ok(resolved) } else { Err(format!("{path} leads out of the folder")) }
    }
}

fn failed(what: &str, path: &str, error: &io::Error) -> String {
    format!("cannot {what} {path}: {error}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_path_leads_out() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "s").unwrap();
        let inside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), inside.path().join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), inside.path().join("file")).unwrap();
        let folder = Folder::open(inside.path()).unwrap();
        let absolute = outside.path().join("secret").display().to_string();
        for path in ["../x", "a/../../x", "/etc/passwd", "link/secret", "file", &absolute, "a\0b"] {
            assert!(folder.read(path).is_err(), "read {path}");
            assert!(folder.write(path, "t").is_err(), "write {path}");
        }
        for path in ["", ".", "/", "link", "..", "link/x"] {
            assert!(folder.write(path, "t").is_err(), "write {path:?}");
        }
        assert!(folder.delete("link/secret").is_err());
        assert_eq!(fs::read_to_string(outside.path().join("secret")).unwrap(), "s");
    }

    #[test]
    fn files_come_and_go() {
        let inside = tempfile::tempdir().unwrap();
        let folder = Folder::open(inside.path()).unwrap();
        fs::create_dir(inside.path().join("sub")).unwrap();
        folder.write("a.txt", "text").unwrap();
        folder.write("./sub/b.txt", "more").unwrap();
        let absolute = inside.path().canonicalize().unwrap().join("a.txt").display().to_string();
        assert_eq!(folder.read(&absolute).unwrap(), "text");
        assert_eq!(folder.list(".").unwrap(), ["a.txt", "sub/"]);
        assert_eq!(folder.list("").unwrap().len(), 2);
        folder.delete("a.txt").unwrap();
        assert!(folder.read("a.txt").is_err());
    }
}
