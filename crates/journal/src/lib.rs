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

mod cache;
mod credentials;
mod error;
#[cfg(any(test, feature = "testing"))]
pub mod faulty;
#[cfg(any(test, feature = "testing"))]
pub mod faulty_keys;
mod folder;
mod frame;
mod journal;
mod keys_db;
mod keystore;
mod keystore_memory;
mod keystore_sqlite;
mod master;
mod materialize;
mod memory;
mod proofs;
mod reader;
mod recover;
mod round;
mod sign_in;
mod sqlite;
mod store;
mod vault_bundle;
mod views;

pub use credentials::{ApiKey, Credentials, Person};
pub use error::Error;
pub use folder::DataFolder;
pub use journal::{Batch, Boundary, Entry, Head, Journal, LogId, MOST_BATCH, MOST_ENVELOPE, MOST_VAULT, Priority};
pub use keystore::{KeyId, KeyInfo, KeyKind, KeyStore, KeyStoreError, Owner};
pub use keystore_memory::MemoryKeyStore;
pub use keystore_sqlite::SqliteKeyStore;
pub use master::{MASTER_KEY_VARIABLE, MasterKey, MasterKeyError};
pub use materialize::Materializer;
pub use memory::MemoryJournal;
pub use reader::LogReader;
pub use sign_in::{Credential, Delegation, Invitation, Session};
pub use sqlite::{SqliteJournal, SqliteOptions};
pub use store::Store;
pub use views::SavedView;
