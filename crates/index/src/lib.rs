//! The questions' store: one row per action, filled from the log in order, rebuildable at any time.
//!
//! | to do this | start at |
//! |---|---|
//! | open it, or build it anew | [`Index::open`], [`Setup`], [`ReadLog`] |
//! | fill it | [`Index::apply`] |
//! | ask | [`Index::list`] with a [`Query`], [`Index::resolve`], [`Index::get`] |
//! | ask how reviews went | [`Index::reviews`] |
//! | keep and find what the agents' side reports | [`runtime`] |
//! | ask what the gate must know again at start | [`Index::open_actions`], [`Index::actions_per_minute`], … |
//!
//! Nothing here is evidence: whatever happens to the file, deleting it and reading the log again gives the same answers.
//! SQL lives here and in the journal alone.

mod apply;
mod codes;
mod error;
mod filter;
mod history;
mod index;
mod list;
mod log;
mod lookup;
mod names;
mod open;
mod packed;
mod purge;
mod query;
mod reread;
mod reviewed;
mod reviews;
mod row;
pub mod runtime;
mod schema;
pub mod search;
mod store;
mod summary;
mod terms;
mod tools;
mod tracked;
mod words;

pub use codes::{decision_name, state_of};
pub use error::IndexError;
pub use history::StandingRow;
pub use index::{Index, Setup};
pub use log::{JournalLog, ReadLog, Record};
pub use query::{MOST_ROWS, Query, Without};
pub use reviewed::{ReviewEnd, ReviewerDid};
pub use reviews::{ReviewDeed, ReviewQuery, ReviewRow};
pub use row::Row;
pub use tools::MOST_LOOKED_THROUGH;
