use crate::mail::Mail;
use crate::message::Message;
use crate::slack::Slack;
use crate::webhook::Webhook;

/// Why somebody could not be told. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The settings do not work.
    #[error("{0}")]
    Settings(String),
    /// The other side did not take it.
    #[error("{0}")]
    Refused(String),
    /// The place where it is kept what was told cannot be read or written.
    #[error("{file}: {error}")]
    Cursor {
        /// Which file.
        file: String,
        /// What happened.
        error: std::io::Error,
    },
}

/// Whom to tell.
pub enum Target {
    /// A web service (Standard Webhooks 1.0).
    Webhook(Webhook),
    /// People, by e-mail.
    Mail(Mail),
    /// A channel of Slack.
    Slack(Slack),
}

impl Target {
    /// A name for files and messages.
    pub fn name(&self) -> &'static str {
        match self {
            Target::Webhook(_) => "webhook",
            Target::Mail(_) => "mail",
            Target::Slack(_) => "slack",
        }
    }

    /// Tells it.
    ///
    /// # Errors
    /// [`NotifyError`].
    pub async fn tell(&self, message: &Message, unix_now: i64) -> Result<(), NotifyError> {
        match self {
            Target::Webhook(webhook) => webhook.tell(message, unix_now).await,
            Target::Mail(mail) => mail.tell(message).await,
            Target::Slack(slack) => slack.tell(message).await,
        }
    }
}
