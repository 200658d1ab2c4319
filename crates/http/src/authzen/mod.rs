//! AuthZEN for enforcement points that are not ours: Authorization API 1.0, and the Access Request and Approval Profile 1.0
//! (draft 1) on top of it.
//!
//! An evaluation is an action: proposed, decided and durable before the answer. Where people would have to decide it is closed
//! at once; the access request proposes the same anew, people decide about that, and the evaluation that brings their approval
//! starts it, once.
//!
//! | to do this | start at |
//! |---|---|
//! | see what of a request is judged and bound | [`question`] |
//! | see which tool, agent and user it is | [`mapping`] |
//! | decide, and redeem an approval | [`evaluation`] |
//! | ask people | [`access_request`] |
//! | see what a task says | [`task`] |
//! | see what is signed | [`tokens`] |

pub(crate) mod access_request;
pub(crate) mod batch;
pub(crate) mod body;
pub(crate) mod evaluation;
pub(crate) mod mapping;
pub(crate) mod metadata;
pub(crate) mod problem;
pub(crate) mod question;
pub(crate) mod signer;
pub(crate) mod task;
pub(crate) mod tokens;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use countersign_evidence::time::Timestamp;
use countersign_gate::{Gate, GateError};
use uuid::Uuid;

use self::signer::Signer;

/// How long a denial can be asked about, in seconds.
pub(crate) const DENIAL_S: i64 = 600;
/// The attempt under which an allowed evaluation is started, and its outcome reported.
pub(crate) const ATTEMPT: &str = "pep";
/// `source.via` of what comes in here.
pub(crate) const VIA: &str = "authzen";
/// Denials that were asked about and can be asked about still, at most.
const MOST_USED: usize = 100_000;

/// What is kept between requests.
pub(crate) struct AuthZen {
    pub(crate) signer: Signer,
    /// Denials that were asked about, with the request's name, until they expire.
    used: Mutex<HashMap<Uuid, (String, Timestamp)>>,
}

impl AuthZen {
    /// # Errors
    /// The key store gives no key.
    pub(crate) fn new(gate: &Gate) -> Result<Self, GateError> {
        Ok(AuthZen { signer: Signer::new(gate.access_token_seed()?.as_bytes()), used: Mutex::default() })
    }

    /// Whether this request is the one that asks about the denial: another one may not use it too.
    ///
    /// # Errors
    /// [`GateError::TooMany`].
    pub(crate) fn uses(&self, denial: Uuid, name: &str, until: Timestamp, now: Timestamp) -> Result<bool, GateError> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= MOST_USED {
            used.retain(|_, (_, until)| *until > now);
        }
        if used.len() >= MOST_USED && !used.contains_key(&denial) {
            return Err(GateError::TooMany("too many access requests at a time: try again later".to_owned()));
        }
        Ok(used.entry(denial).or_insert_with(|| (name.to_owned(), until)).0 == name)
    }
}
