//! The order of things: propose, review, start, finish, sweep.
//!
//! One function owns the order of a commit: `writer::Writer::commit`. What a command adds to it stands in `command/`, one
//! file per verb. Everything before the queue (checking, deciding, sealing) runs in parallel and is pure but for
//! randomness; everything after the commit is a view.

mod access;
mod board;
mod caller;
mod command;
mod context;
mod definitions;
mod desk;
mod draft;
mod ended;
mod error;
mod evaluate;
mod events;
mod follow;
mod gate;
mod history;
mod judge;
mod load;
mod look;
mod mismatch;
mod news;
mod open_action;
mod oversight;
mod pace;
mod policies;
mod prepare;
mod recover;
mod resolve;
mod review;
mod ring;
mod settings;
mod shared;
mod standing;
mod state;
mod story;
mod subjects;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod time_line;
mod try_out;
mod turn;
mod view;
mod writer;

pub use access::{Account, Managed, NewCredential, NewSession, ProvedAccount, SavedView, csrf_of};
pub use caller::{Caller, Passkey, Person, StandIn};
pub use ended::Ended;
pub use error::GateError;
pub use evaluate::{Evaluated, Proposed};
pub use follow::{FollowError, catch_up, follow};
pub use gate::Gate;
pub use news::{News, NewsKind};
pub use review::HIGH_RISK;
pub use ring::KeyStoreRing;
pub use settings::Settings;
pub use shared::Parts;
pub use writer::WriterState;
