//! Tells people and systems what waits and what came of it: a sentence and a link, never anything of a payload, and no link
//! that decides. Each target has a place in the log up to which it was told, kept on disk: nothing is forgotten when a
//! target or this process is away, and something may be told twice; its id is the same then.

mod collector;
mod cursor;
mod deliver;
mod guard;
mod mail;
mod message;
mod slack;
mod target;
mod webhook;

pub use collector::{Collector, export};
pub use deliver::deliver;
pub use guard::{Guard, GuardError};
pub use mail::{Mail, MailSettings};
pub use message::Message;
pub use slack::Slack;
pub use target::{NotifyError, Target};
pub use webhook::{Webhook, sign};
