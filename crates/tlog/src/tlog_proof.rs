//! A portable proof that one entry is in a log (C2SP tlog-proof).

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::decimal::parse_decimal;
use crate::hash::{Hash, leaf_hash};
use crate::note::{MAX_NOTE_BYTES, Note, NoteError};
use crate::proof::{MAX_TREE_SIZE, ProofError, verify_inclusion};
use crate::trust::{Evaluation, TrustError};
use crate::trust_file::TrustFile;

/// Longest proof file in bytes.
pub const MAX_TLOG_PROOF_BYTES: usize = 2 * MAX_NOTE_BYTES;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Longest inclusion proof in a tree of at most [`MAX_TREE_SIZE`] leaves.
const MAX_HASHES: usize = 63;

/// Why bytes are not a proof, or why it does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Above [`MAX_TLOG_PROOF_BYTES`].
    #[error("a proof file has more than 512 KiB")]
    TooLong,
    /// Does not start with the header line.
    #[error("a file does not start with the line c2sp.org/tlog-proof@v1; it is no proof of this version")]
    Header,
    /// The `extra` line is not base64 of at least one byte.
    #[error("a proof's extra line is not base64")]
    Extra,
    /// The `index` line is missing or not a canonical decimal.
    #[error("a proof's index line is missing or not a decimal without leading zeros")]
    Index,
    /// A line is no hash, or there are too many.
    #[error("a proof's hash line {0} is not the base64 of a SHA-256 hash")]
    Hash(usize),
    /// No empty line before the checkpoint.
    #[error("a proof has no empty line before its checkpoint; the file may be cut off")]
    Layout,
    /// The checkpoint is no signed note.
    #[error("a proof's checkpoint is malformed: {0}")]
    Note(#[from] NoteError),
    /// The checkpoint cannot be believed.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The entry is not where the proof says it is.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

/// Index, inclusion proof and signed checkpoint in one file, `.tlog-proof`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Opaque data that nothing vouches for; absent rather than empty.
    pub extra: Option<Vec<u8>>,
    /// Zero-based index of the entry in the log.
    pub index: u64,
    /// Inclusion proof, from the leaf's sibling up.
    pub hashes: Vec<Hash>,
    /// The checkpoint with its signatures.
    pub checkpoint: Note,
}

impl TlogProof {
    /// Reads a proof file. Verifies nothing.
    ///
    /// # Errors
    /// [`TlogProofError`] for everything that is not exactly what [`TlogProof::to_bytes`] would write.
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofError> {
        if bytes.len() > MAX_TLOG_PROOF_BYTES {
            return Err(TlogProofError::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| NoteError::NotText)?;
        let rest = text.strip_prefix(HEADER).and_then(|r| r.strip_prefix('\n')).ok_or(TlogProofError::Header)?;
        let (extra, rest) = match rest.strip_prefix("extra ") {
            Some(rest) => {
                let (encoded, rest) = rest.split_once('\n').ok_or(TlogProofError::Extra)?;
                (Some(decode_extra(encoded)?), rest)
            }
            None => (None, rest),
        };
        let (index, rest) = rest.split_once('\n').ok_or(TlogProofError::Index)?;
        let index = index.strip_prefix("index ").ok_or(TlogProofError::Index)?;
        let index = parse_decimal(index, MAX_TREE_SIZE).ok_or(TlogProofError::Index)?;
        let (hashes, checkpoint) = split_hashes(rest)?;
        Ok(Self { extra, index, hashes, checkpoint: Note::parse(checkpoint.as_bytes())? })
    }

    /// The file's content.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }

    /// Checks that `entry` is in a log that `trust` believes. `extra` stays unchecked.
    ///
    /// # Errors
    /// [`TlogProofError`]; anything but `Ok` means: not proven. In particular [`TrustError::Quorum`] if the trust file
    /// demands more witnesses than have cosigned.
    pub fn verify(&self, entry: &[u8], trust: &TrustFile) -> Result<Evaluation, TlogProofError> {
        let evaluation = trust.require(&self.checkpoint)?;
        let (size, root) = (evaluation.checkpoint.size(), evaluation.checkpoint.root());
        verify_inclusion(&leaf_hash(entry), self.index, size, &root, &self.hashes)?;
        Ok(evaluation)
    }
}

fn decode_extra(encoded: &str) -> Result<Vec<u8>, TlogProofError> {
    STANDARD.decode(encoded).ok().filter(|extra| !extra.is_empty()).ok_or(TlogProofError::Extra)
}

/// Reads hash lines up to the empty line; what follows is the checkpoint.
fn split_hashes(text: &str) -> Result<(Vec<Hash>, &str), TlogProofError> {
    let mut hashes = Vec::new();
    let mut rest = text;
    loop {
        let (line, after) = rest.split_once('\n').ok_or(TlogProofError::Layout)?;
        rest = after;
        if line.is_empty() {
            return Ok((hashes, rest));
        }
        let place = hashes.len() + 1;
        if place > MAX_HASHES {
            return Err(TlogProofError::Hash(place));
        }
        hashes.push(Hash::from_base64(line).map_err(|_| TlogProofError::Hash(place))?);
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = self.extra.as_ref().filter(|extra| !extra.is_empty()) {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
