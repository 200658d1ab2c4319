//! Checkpoints: what a log signs (C2SP tlog-checkpoint).

use std::fmt;

use crate::decimal::parse_decimal;
use crate::hash::{EMPTY_ROOT, Hash};
use crate::key::{SignatureType, Verifier};
use crate::note::{Note, NoteError};
use crate::proof::MAX_TREE_SIZE;
use crate::signer::Signer;

/// Longest origin in bytes.
pub const MAX_ORIGIN_BYTES: usize = 255;

/// Why text is not a checkpoint, or why it cannot be signed or believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not three or more non-empty lines.
    #[error("a checkpoint does not consist of origin, size, root and optional non-empty lines")]
    Layout,
    /// Empty, above [`MAX_ORIGIN_BYTES`], or with a control character.
    #[error("a checkpoint's origin must have 1 to 255 bytes without control characters")]
    Origin,
    /// Not a canonical decimal up to [`MAX_TREE_SIZE`].
    #[error("a checkpoint's size is not a decimal up to 2^63-1 without leading zeros")]
    Size,
    /// No hash, or not [`EMPTY_ROOT`] for size 0.
    #[error("a checkpoint's root is not the base64 of a SHA-256 root that its size can have")]
    Root,
    /// The signing key has another name than the log.
    #[error("key {key} cannot sign for log {origin}: key name and origin must be the same")]
    KeyName {
        /// Name of the key.
        key: String,
        /// Origin of the log.
        origin: String,
    },
    /// The note around the checkpoint is malformed, or a signature is wrong.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Nobody who may speak for this origin has signed.
    #[error("no known log key with the name {0} has signed the checkpoint")]
    NotByLog(String),
}

/// Size and root of a log's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint without extension lines, the only kind that we produce.
    ///
    /// # Errors
    /// [`CheckpointError::Origin`], [`CheckpointError::Size`] or [`CheckpointError::Root`].
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, CheckpointError> {
        if origin.is_empty() || origin.len() > MAX_ORIGIN_BYTES || origin.bytes().any(|b| b < b' ') {
            return Err(CheckpointError::Origin);
        }
        if size > MAX_TREE_SIZE {
            return Err(CheckpointError::Size);
        }
        if size == 0 && root != EMPTY_ROOT {
            return Err(CheckpointError::Root);
        }
        Ok(Self { origin: origin.to_owned(), size, root, extensions: Vec::new() })
    }

    /// Reads the text of a note. Verifies nothing.
    ///
    /// # Errors
    /// [`CheckpointError`] for everything that is not exactly what [`Checkpoint`] would write.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Layout)?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(CheckpointError::Layout);
        };
        let size = parse_decimal(size, MAX_TREE_SIZE).ok_or(CheckpointError::Size)?;
        let root = Hash::from_base64(root).map_err(|_| CheckpointError::Root)?;
        let mut checkpoint = Self::new(origin, size, root)?;
        for line in lines {
            if line.is_empty() || line.bytes().any(|b| b < b' ') {
                return Err(CheckpointError::Layout);
            }
            checkpoint.extensions.push(line.to_owned());
        }
        Ok(checkpoint)
    }

    /// The log's identity.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.root
    }

    /// Lines after the third; signed, but without meaning to us.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Signs with the log's key. Whoever calls has made sure that this continues every checkpoint signed before.
    ///
    /// # Errors
    /// [`CheckpointError::KeyName`] if the key's name is not the origin.
    pub fn sign(&self, signer: &Signer) -> Result<Note, CheckpointError> {
        if signer.name() != self.origin {
            let (key, origin) = (signer.name().to_owned(), self.origin.clone());
            return Err(CheckpointError::KeyName { key, origin });
        }
        let mut note = Note::new(self.to_string())?;
        note.add(signer.sign(note.text()))?;
        Ok(note)
    }

    /// Opens a signed checkpoint: at least one of the known *log* keys (type 0x01) under the name of the origin must
    /// have signed, and no known key, log or witness, may have a wrong signature on it.
    ///
    /// # Errors
    /// [`CheckpointError`]; anything but `Ok` means: not to be believed.
    pub fn open<'a>(
        signed: &[u8],
        known: impl IntoIterator<Item = &'a Verifier>,
    ) -> Result<(Self, Note), CheckpointError> {
        let note = Note::parse(signed)?;
        let verified = note.verify(known)?;
        let checkpoint = Self::parse(note.text())?;
        if !verified.iter().any(|signature| checkpoint.is_spoken_for_by(signature.verifier)) {
            return Err(CheckpointError::NotByLog(checkpoint.origin));
        }
        Ok((checkpoint, note))
    }

    /// Whether this key may sign for this origin.
    pub(crate) fn is_spoken_for_by(&self, verifier: &Verifier) -> bool {
        verifier.signature_type() == SignatureType::Ed25519 && verifier.name() == self.origin
    }
}

impl fmt::Display for Checkpoint {
    /// The text of the note, with its final newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)?;
        for line in &self.extensions {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}
