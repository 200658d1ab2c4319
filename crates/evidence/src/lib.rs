//! Envelope, sealing, record types and the action's state machine: no I/O, no async, no clock.
//!
//! The public contract is `docs/evidence-format.md`; section numbers in this crate mean that page.

pub mod action;
pub mod digest;
pub mod id;
pub mod json;
pub mod key;
pub mod open;
pub mod record;
pub mod seal;
mod text;
pub mod time;
pub mod trace;
pub mod vault;
pub mod visible;
