//! The whole text of a policy folder: what is digested, recorded in `policy.activated`, and loaded again from there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_evidence::json;
use sha2::{Digest as _, Sha256};

use crate::error::{LoadErrors, Problem};

/// Most files in a policy folder.
const MOST_FILES: usize = 256;
/// Most bytes in one file.
const MOST_FILE_BYTES: usize = 256 * 1024;
/// Most bytes in all files together.
const MOST_BYTES: usize = 1024 * 1024;
/// Deepest folder below the policy folder.
const MOST_DEPTH: usize = 4;

/// File texts by path relative to the policy folder, with `/` between the parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct PolicyText(pub BTreeMap<String, String>);

/// What a file in a policy folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Rules,
    Entities,
    Schema,
    Tests,
    Documentation,
}

impl Kind {
    /// `None` for a name that means nothing here. A misspelt ending must not switch rules off, so that is a load error.
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path {
            "entities.json" => Some(Kind::Entities),
            "schema.cedarschema" => Some(Kind::Schema),
            _ if path.ends_with(".md") => Some(Kind::Documentation),
            _ if path.starts_with("tests/") => path.ends_with(".yaml").then_some(Kind::Tests),
            _ => path.ends_with(".cedar").then_some(Kind::Rules),
        }
    }
}

impl PolicyText {
    /// Reads a folder. Hidden files and documentation (`*.md`) are left out; anything else that has no meaning is refused.
    ///
    /// # Errors
    /// Where a file cannot be read, is not UTF-8, or the folder is over its limits (256 files, 256 KiB each, 1 MiB in all).
    pub fn read(folder: &Path) -> Result<Self, LoadErrors> {
        let mut text = PolicyText::default();
        let mut problems = Vec::new();
        read_folder(folder, "", 0, &mut text, &mut problems);
        LoadErrors::unless_empty(problems)?;
        Ok(text)
    }

    /// SHA-256 over the canonical JSON of the texts, base64url without padding: the policy version's full name.
    pub fn digest(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.hash())
    }

    /// The first 12 hexadecimal digits of the digest: short enough to say aloud.
    pub fn version(&self) -> String {
        self.hash().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }

    fn hash(&self) -> [u8; 32] {
        let members: json::Object = self.0.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        Sha256::digest(json::Value::from(members).to_canonical()).into()
    }

    /// A path that could lead out of a folder, or that two systems read differently.
    pub(crate) fn is_plain_path(path: &str) -> bool {
        let plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        };
        path.len() <= 256 && path.split('/').all(plain)
    }

    /// The files of one kind, in order of path.
    pub(crate) fn of(&self, kind: Kind) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter(move |(path, _)| Kind::of(path) == Some(kind)).map(|(p, t)| (p.as_str(), t.as_str()))
    }

    pub(crate) fn check(&self, problems: &mut Vec<Problem>) {
        if self.0.len() > MOST_FILES {
            problems.push(Problem::new("", None, format!("more than {MOST_FILES} files: join some of them")));
        }
        if self.0.values().map(String::len).sum::<usize>() > MOST_BYTES {
            problems.push(Problem::new("", None, format!("more than {MOST_BYTES} bytes in all files: shorten them")));
        }
        for (path, text) in &self.0 {
            if !Self::is_plain_path(path) {
                let message = "a path holds ASCII letters, digits, '-', '_', '.' and '/', and no part begins with '.'";
                problems.push(Problem::new(path, None, message));
            } else if Kind::of(path).is_none() {
                problems.push(Problem::new(path, None, MEANINGLESS));
            }
            if text.len() > MOST_FILE_BYTES {
                let message = format!("more than {MOST_FILE_BYTES} bytes: split the file");
                problems.push(Problem::new(path, None, message));
            }
        }
    }
}

const MEANINGLESS: &str = "no part of a policy folder, which holds *.cedar, entities.json, schema.cedarschema, \
    tests/*.yaml and *.md: rename or remove it";

fn read_folder(folder: &Path, prefix: &str, depth: usize, text: &mut PolicyText, problems: &mut Vec<Problem>) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("cannot read the policy folder {}: {error}", folder.display());
            return problems.push(Problem::new(prefix, None, message));
        }
    };
    for entry in entries {
        let Ok(entry) = entry else {
            problems.push(Problem::new(prefix, None, "cannot list the policy folder: check its permissions"));
            continue;
        };
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            problems.push(Problem::new(prefix, None, format!("the file name {name:?} is not UTF-8: rename it")));
            continue;
        };
        if name.starts_with('.') || Kind::of(name) == Some(Kind::Documentation) {
            continue;
        }
        let relative = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        if text.0.len() > MOST_FILES {
            return;
        }
        if entry.path().is_file() {
            read_file(&entry.path(), relative, text, problems);
        } else if !entry.path().is_dir() {
            problems.push(Problem::new(&relative, None, "neither a file nor a folder: remove it"));
        } else if depth < MOST_DEPTH {
            read_folder(&entry.path(), &relative, depth + 1, text, problems);
        } else {
            let message = format!("more than {MOST_DEPTH} folders deep: move it up");
            problems.push(Problem::new(&relative, None, message));
        }
    }
}

fn read_file(path: &Path, relative: String, text: &mut PolicyText, problems: &mut Vec<Problem>) {
    use std::io::Read as _;
    if Kind::of(&relative).is_none() {
        return problems.push(Problem::new(&relative, None, MEANINGLESS));
    }
    let most = u64::try_from(MOST_FILE_BYTES).unwrap_or(u64::MAX);
    let mut content = String::new();
    // One byte more than allowed is enough for `check` to see that it is too large.
    match fs::File::open(path).and_then(|file| file.take(most + 1).read_to_string(&mut content)) {
        Ok(_) => {
            text.0.insert(relative, content);
        }
        Err(error) => problems.push(Problem::new(&relative, None, format!("cannot be read as UTF-8 text: {error}"))),
    }
}
