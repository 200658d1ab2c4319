//! Coding agents' hooks under the gate: a client runs a command before and after each of its tools; the command's exit code and
//! output say whether the tool runs.
//!
//! [`read`] and [`Answer`] are pure: bytes on standard input become an [`Event`], a [`Verdict`] becomes exactly the output
//! that the client understands, one file per client. [`before`] and [`after`] are the way to the gate.
//!
//! Clients run the tool where a hook fails in a way that they do not expect: so every no, and everything unexpected, is exit
//! code 2 with the reason on standard error and nothing on standard output, the one signal that all of them take for a no. (Only
//! Copilot is told a decided no in its own words: it keeps from the model what a failing hook says.)
//!
//! ```text
//! client ─ event ─► read ─► before (propose, hold, start) ─► Verdict ─► Answer ─► client runs the tool, or does not
//!                     └───► after  (finish) ─────────────────────────► nothing: what happened cannot be undone
//! ```

mod after;
mod before;
mod claude;
mod client;
mod codex;
mod copilot;
mod cursor;
mod event;
mod gemini;
mod ids;
mod input;
mod memory;
mod settings;
#[cfg(test)]
mod tests;
mod tools;
mod verdict;
mod words;

pub use after::after;
pub use before::before;
pub use client::Client;
pub use event::{Call, Ended, Event, Outcome, Tool};
pub use input::{Hints, MOST_INPUT, Unusable, read};
pub use memory::Memory;
pub use settings::{Catalogue, CatalogueAnswer, Definition, Settings};
pub use tools::category_of;
pub use verdict::{Answer, Verdict};
