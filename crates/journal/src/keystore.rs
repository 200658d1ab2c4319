//! The second seam: where the keys of subjects, people and workspaces lie, wrapped.

use std::fmt;
use std::str::FromStr;

use countersign_evidence::key::{Key, Random};
use countersign_evidence::open::KeyState;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::{Builder, Uuid};

use crate::master::MasterKey;

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// The person that an action is about.
    Subject,
    /// Somebody with a part in it: a reviewer, an operator.
    Person,
    /// The workspace's own key, for system records.
    Workspace,
}

impl KeyKind {
    /// The name under which it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            KeyKind::Subject => "subject",
            KeyKind::Person => "person",
            KeyKind::Workspace => "workspace",
        }
    }
}

impl FromStr for KeyKind {
    type Err = KeyStoreError;

    fn from_str(text: &str) -> Result<Self, KeyStoreError> {
        let kinds = [KeyKind::Subject, KeyKind::Person, KeyKind::Workspace];
        let known = kinds.into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| KeyStoreError::corrupt("a key of unknown kind"))
    }
}

/// The random name of a key: says nothing about its owner, so records may carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub Uuid);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whose key is meant. The owner's identity is personal data: it goes into a keyed hash and is stored nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'a> {
    /// Whose key it is.
    pub kind: KeyKind,
    /// The workspace.
    pub workspace: &'a str,
    /// The identity; for a workspace key anything constant.
    pub identity: &'a str,
}

/// What a key store tells about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its name.
    pub id: KeyId,
    /// Whose it is.
    pub kind: KeyKind,
    /// 1 for the owner's first key, one more after each destruction.
    pub generation: u64,
    /// Epoch of the master key that wraps it; `None` once it is destroyed.
    pub epoch: Option<u64>,
}

/// Why a key store refuses. Never contains key material or an owner's identity.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// The keys were wrapped by another master key.
    #[error("the keys were wrapped by another master key; start with the one that this data folder was made with")]
    OtherMaster,
    /// The file is of another format.
    #[error(
        "keys.db has format {found}, and this version reads format {read} only; start the version that made the folder"
    )]
    Format {
        /// The file's format.
        found: i64,
        /// The one that is read here.
        read: i64,
    },
    /// A stored key does not open: its bytes were changed.
    #[error("{what}; restore keys.db from a copy")]
    Corrupt {
        /// What was found.
        what: String,
    },
    /// A group's name is empty or has a line break or another control character.
    #[error("a group's name must not be empty nor hold control characters; choose another name")]
    GroupName,
    /// Reading or writing failed. Whether a key became durable is then unknown, and it was not handed out.
    #[error("{doing} failed: {cause}; check the disk and the data folder, then start again")]
    Storage {
        /// What was being done.
        doing: &'static str,
        /// The error of the storage below.
        cause: String,
    },
}

impl KeyStoreError {
    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        KeyStoreError::Corrupt { what: what.into() }
    }
}

/// Keys of subjects, people and workspaces, each wrapped by the master key. A key is durable before it is handed out,
/// so nothing is ever sealed under a key that a crash takes away.
///
/// Synchronous: a key that exists comes from memory or one read; a new one waits for one sync of the disk.
pub trait KeyStore: Send + Sync {
    /// The owner's key, made now if there is none (or the last one was destroyed).
    fn get_or_create(&self, owner: Owner<'_>) -> Result<(KeyId, Key), KeyStoreError>;

    /// A key by its name. An error says nothing about the key; one damaged row is no error.
    fn open(&self, id: KeyId) -> Result<KeyState, KeyStoreError>;

    /// Destroys these keys, as far as there are any, and names those destroyed now. When it returns, no file of the store
    /// holds a wrapped copy. (A copy that a caller still holds, or one in a backup, is beyond its reach.) It may be asked
    /// again after a failure.
    fn destroy(&self, keys: &[KeyId]) -> Result<Vec<KeyId>, KeyStoreError>;

    /// All keys of an owner, destroyed ones included, oldest first.
    fn keys_of(&self, owner: Owner<'_>) -> Result<Vec<KeyInfo>, KeyStoreError>;

    /// Every key, by name.
    fn list(&self) -> Result<Vec<KeyInfo>, KeyStoreError>;

    /// A secret of the deployment by its name (the seed of a log's signing key), made now if there is none.
    fn secret(&self, name: &str) -> Result<Key, KeyStoreError>;

    /// Wraps everything anew under another master key. Returns its epoch. The old one opens nothing afterwards.
    fn rotate_master(&self, new: &MasterKey) -> Result<u64, KeyStoreError>;
}

/// The name of the secret that [`tag`] is keyed with.
pub(crate) const TAG_SECRET: &str = "owner tags";

/// What an owner is found by: HMAC-SHA256 under a secret of the store, so that the file names nobody. Each part is
/// preceded by its length, so that two owners never have the same text.
pub(crate) fn tag(secret: &Key, owner: Owner<'_>) -> Vec<u8> {
    // An HMAC key may have any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return Vec::new() };
    for part in [owner.kind.as_str(), owner.workspace, owner.identity] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().to_vec()
}

pub(crate) fn new_id(random: &dyn Random) -> KeyId {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    KeyId(Builder::from_random_bytes(bytes).into_uuid())
}

/// What a wrapped key is bound to, so that none can be put in the place of another.
pub(crate) fn purpose_of_key(id: KeyId) -> Vec<u8> {
    format!("key/v1\0{id}").into_bytes()
}

/// As [`purpose_of_key`], for secrets.
pub(crate) fn purpose_of_secret(name: &str) -> Vec<u8> {
    format!("secret/v1\0{name}").into_bytes()
}
