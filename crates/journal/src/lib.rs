//! Where envelopes become durable, and how they become a published log.
//!
//! | to do this | start at |
//! |---|---|
//! | hold the data folder alone | [`DataFolder`] |
//! | make records durable | [`Journal`]: [`SqliteJournal`], [`MemoryJournal`] |
//! | publish and sign what is durable | [`Materializer`], [`Store`] |
//! | read a log from wherever it lies | [`LogReader`] |
//! | keep keys | [`KeyStore`]: [`SqliteKeyStore`], [`MemoryKeyStore`]; [`MasterKey`] |
//! | know callers and people | [`Credentials`] |
//!
//! SQL lives here and in the index alone.

mod error;
#[cfg(any(test, feature = "testing"))]
pub mod faulty;
mod folder;
mod frame;
mod journal;
mod memory;
mod sqlite;

pub use error::Error;
pub use folder::DataFolder;
pub use journal::{Batch, Boundary, Entry, Head, Journal, LogId, MOST_BATCH, MOST_ENVELOPE, MOST_VAULT, Priority};
pub use memory::MemoryJournal;
pub use sqlite::{SqliteJournal, SqliteOptions};
