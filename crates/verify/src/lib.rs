//! Offline verification: no network, no database, no clock.
//!
//! [`verify_folder`] judges a published log, [`verify_proof`] one record with its `.tlog-proof`, [`verify_story`] the
//! records of one action. Each gives a [`Report`]: one verdict per [`Question`], PASS, FAIL or NOT CHECKED, with what was
//! found where. Trust comes from the verifier's own [`countersign_tlog::TrustFile`]; a key that came with the evidence
//! vouches for nothing.
//!
//! Section numbers in this crate mean `docs/evidence-format.md`.

mod authenticity;
mod bundle;
mod conformance;
mod erasure;
mod folder;
mod integrity;
mod ledger;
mod openings;
mod proof;
mod report;
mod scan;
mod shelf;
mod signatures;
mod standing;
mod story;
mod system;
mod tree;
mod verify;

pub use bundle::{VaultBundleError, append_vault_entry, decode_vault_bundle};
pub use conformance::Matches;
pub use folder::{Directory, Folder, Memory};
pub use proof::verify_proof;
pub use report::{Answer, Finding, LogSeen, Question, Report, Verdict};
pub use scan::{Scan, scan};
pub use story::verify_story;
pub use verify::{Options, Progress, VerifyError, verify_folder};
