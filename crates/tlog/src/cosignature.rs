//! Timestamped Ed25519 cosignatures of checkpoints (C2SP tlog-cosignature, "cosignature/v1").

use std::fmt;

use zeroize::Zeroizing;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::key::{KeyError, SignatureType, Verifier};
use crate::note::Signature;
use crate::signer::SecretKey;

/// Latest timestamp that the format allows.
const MAX_TIMESTAMP: u64 = i64::MAX as u64;

/// Why a checkpoint cannot be cosigned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CosignatureError {
    /// Time 0 or above 2^63-1.
    #[error("a cosignature's time must lie between 1 and 2^63-1 seconds; {0} does not")]
    Time(u64),
    /// The text is not a checkpoint.
    #[error("only a checkpoint can be cosigned: {0}")]
    Checkpoint(#[from] CheckpointError),
}

/// A witness's secret key. One key per witness: the signed message does not name the witness.
pub struct Cosigner(SecretKey);

impl Cosigner {
    /// A key from its 32-byte seed (RFC 8032). Never the seed of a log's key.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        SecretKey::from_seed(name, SignatureType::CosignatureV1, seed).map(Self)
    }

    /// Reads `PRIVATE+KEY+<name>+<id>+<base64>` with type byte 0x04.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_private_text(text: &str) -> Result<Self, KeyError> {
        SecretKey::from_text(text, SignatureType::CosignatureV1).map(Self)
    }

    /// The form that [`Cosigner::from_private_text`] reads. Secret: store it readable by its owner only.
    #[must_use]
    pub fn to_private_text(&self) -> Zeroizing<String> {
        self.0.to_text()
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        self.0.verifier()
    }

    /// Cosigns the text of a checkpoint at `timestamp`, in POSIX seconds.
    ///
    /// It states that this is the largest consistent tree of the log that the witness has seen: the caller has verified
    /// consistency and stored the checkpoint durably before.
    ///
    /// # Errors
    /// [`CosignatureError`].
    pub fn cosign(&self, checkpoint_text: &str, timestamp: u64) -> Result<Signature, CosignatureError> {
        Checkpoint::parse(checkpoint_text)?;
        if !is_time(timestamp) {
            return Err(CosignatureError::Time(timestamp));
        }
        let signature = self.0.sign(message(checkpoint_text, timestamp).as_bytes());
        let bytes = [timestamp.to_be_bytes().as_slice(), signature.as_slice()].concat();
        Ok(Signature::by(self.verifier(), bytes))
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cosigner({}, secret key not shown)", self.verifier())
    }
}

/// What is signed.
pub(crate) fn message(checkpoint_text: &str, timestamp: u64) -> String {
    format!("cosignature/v1\ntime {timestamp}\n{checkpoint_text}")
}

/// Splits a signature into its time and the Ed25519 signature; `None` if it is too short or its time is not allowed.
pub(crate) fn split(signature: &[u8]) -> Option<(u64, &[u8])> {
    let (time, signature) = signature.split_first_chunk::<8>()?;
    let timestamp = u64::from_be_bytes(*time);
    is_time(timestamp).then_some((timestamp, signature))
}

fn is_time(timestamp: u64) -> bool {
    (1..=MAX_TIMESTAMP).contains(&timestamp)
}
