//! Slack's incoming webhooks.

use reqwest::header::CONTENT_TYPE;
use url::Url;

use crate::guard::Guard;
use crate::message::Message;
use crate::target::NotifyError;
use crate::webhook::taken;

/// A channel that is told.
pub struct Slack {
    place: Url,
    client: reqwest::Client,
}

impl Slack {
    /// The channel behind an incoming webhook; its address is the secret.
    ///
    /// # Errors
    /// [`NotifyError::Settings`].
    pub fn new(place: &str, guard: Guard) -> Result<Self, NotifyError> {
        let wrong = |why: String| NotifyError::Settings(format!("notify.slack: {why}"));
        let place = Url::parse(place.trim()).map_err(|error| wrong(error.to_string()))?;
        guard.check(&place).map_err(|error| wrong(error.to_string()))?;
        Ok(Slack { place, client: guard.client()? })
    }

    pub(crate) async fn tell(&self, message: &Message) -> Result<(), NotifyError> {
        let text = format!("{} <{}|Look at it>", plain(&message.data.sentence), message.data.link);
        let body = serde_json::json!({ "text": text, "unfurl_links": false }).to_string();
        let request = self.client.post(self.place.clone()).header(CONTENT_TYPE, "application/json").body(body);
        taken(request.send().await)
    }
}

/// Nothing in it is markup: names come from agents.
fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(['*', '_', '`', '~'], "\u{200b}")
}
