//! What a trust file says about a checkpoint.

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::note::{Note, NoteError};
use crate::trust_file::{Member, TrustFile};

/// Why a checkpoint is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The trust file names no log.
    #[error("the trust file has no log line; add the key of the log that you trust")]
    NoLogs,
    /// A signature is wrong, or nobody known has signed.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text is no checkpoint, or no log key for its origin has signed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Too few witnesses have cosigned.
    #[error("too few of the trusted witnesses have cosigned the checkpoint (missing: {0})")]
    Quorum(String),
}

/// Whether enough witnesses have cosigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quorum {
    /// The trust file says `quorum none`.
    NotRequired,
    /// Enough have cosigned.
    Met,
    /// Too few have cosigned.
    NotMet,
}

/// One witness of the trust file, and whether it has cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessSeen {
    /// Its name within the trust file.
    pub name: String,
    /// When it says that it cosigned, in POSIX seconds; `None` if it has not.
    pub cosigned_at: Option<u64>,
}

/// A checkpoint signed by a trusted log, and who has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The vkeys of the trusted log keys that signed; at least one.
    pub logs: Vec<String>,
    /// Every witness of the trust file, in its order.
    pub witnesses: Vec<WitnessSeen>,
    /// Whether the trust file's quorum is met.
    pub quorum: Quorum,
}

impl TrustFile {
    /// Verifies a signed checkpoint. `Ok` says that a trusted log signed it; whether enough witnesses did is in
    /// [`Evaluation::quorum`], which the caller must not overlook. [`TrustFile::require`] demands both.
    ///
    /// # Errors
    /// [`TrustError`] if no trusted log signed, or if any trusted key has a wrong signature on it.
    pub fn evaluate(&self, note: &Note) -> Result<Evaluation, TrustError> {
        if self.logs.is_empty() {
            return Err(TrustError::NoLogs);
        }
        let known = self.logs.iter().chain(self.witnesses.iter().map(|witness| &witness.verifier));
        let verified = note.verify(known)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        let spoken_for = verified.iter().filter(|signature| checkpoint.is_spoken_for_by(signature.verifier));
        let logs: Vec<String> = spoken_for.map(|signature| signature.verifier.vkey()).collect();
        if logs.is_empty() {
            return Err(CheckpointError::NotByLog(checkpoint.origin().to_owned()).into());
        }
        let witnesses: Vec<WitnessSeen> = self
            .witnesses
            .iter()
            .map(|witness| {
                let signature = verified.iter().find(|signature| *signature.verifier == witness.verifier);
                WitnessSeen { name: witness.name.clone(), cosigned_at: signature.and_then(|s| s.timestamp) }
            })
            .collect();
        let quorum = self.quorum_of(&witnesses);
        Ok(Evaluation { checkpoint, logs, witnesses, quorum })
    }

    /// Like [`TrustFile::evaluate`], and an error if the quorum is not met.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn require(&self, note: &Note) -> Result<Evaluation, TrustError> {
        let evaluation = self.evaluate(note)?;
        if evaluation.quorum == Quorum::NotMet {
            let missing = evaluation.witnesses.iter().filter(|witness| witness.cosigned_at.is_none());
            let missing: Vec<&str> = missing.map(|witness| witness.name.as_str()).collect();
            return Err(TrustError::Quorum(missing.join(", ")));
        }
        Ok(evaluation)
    }

    fn quorum_of(&self, witnesses: &[WitnessSeen]) -> Quorum {
        let Some(quorum) = self.quorum else { return Quorum::NotRequired };
        // A group's members were defined before it, so one pass in order settles every group.
        let mut seen: Vec<bool> = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let has = match member {
                Member::Witness(place) => witnesses.get(*place).is_some_and(|witness| witness.cosigned_at.is_some()),
                Member::Group { threshold, members } => {
                    members.iter().filter(|place| seen.get(**place).copied().unwrap_or(false)).count() >= *threshold
                }
            };
            seen.push(has);
        }
        if seen.get(quorum).copied().unwrap_or(false) { Quorum::Met } else { Quorum::NotMet }
    }
}
