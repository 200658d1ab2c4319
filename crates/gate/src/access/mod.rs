//! Who may do what: keys, people, how people sign in, who stands in for whom. Every change is a record.
//!
//! What takes access away is stored first and then recorded, what gives it the other way round (see [`reconcile`]): whatever
//! fails in between, nobody has more than the log says.

mod accounts;
mod attempts;
mod credentials;
mod delegations;
mod invitations;
mod keys;
mod people;
mod reconcile;
mod sessions;
mod viewed;
mod views;

pub use accounts::{Managed, ProvedAccount};
pub(crate) use attempts::Attempts;
pub use credentials::{Account, NewCredential};
pub(crate) use keys::scope;
pub(crate) use sessions::KnownSession;
pub use sessions::{NewSession, csrf_of};
pub use views::SavedView;
