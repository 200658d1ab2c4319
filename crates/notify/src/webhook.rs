//! Standard Webhooks 1.0: signed with HMAC-SHA-256 over id, time and body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::CONTENT_TYPE;
use ring::hmac;
use url::Url;

use crate::guard::Guard;
use crate::message::Message;
use crate::target::NotifyError;

const PREFIX: &str = "whsec_";
/// Shortest secret in bytes that the specification allows.
const LEAST_SECRET: usize = 24;

/// A web service that is told.
pub struct Webhook {
    place: Url,
    secret: Vec<u8>,
    guard: Guard,
    client: reqwest::Client,
}

/// The signature of a message (`webhook-signature`).
pub fn sign(secret: &[u8], id: &str, unix_time: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("{id}.{unix_time}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag.as_ref()))
}

impl Webhook {
    /// A service at `place`, with the secret that both sides know: `whsec_` and base64.
    ///
    /// # Errors
    /// [`NotifyError::Settings`].
    pub fn new(place: &str, secret: &str, guard: Guard) -> Result<Self, NotifyError> {
        let wrong = |why: String| NotifyError::Settings(format!("notify.webhook: {why}"));
        let place = Url::parse(place).map_err(|error| wrong(error.to_string()))?;
        guard.check(&place).map_err(|error| wrong(error.to_string()))?;
        let secret = secret.trim().strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
        let secret = secret.filter(|secret| secret.len() >= LEAST_SECRET);
        let secret =
            secret.ok_or_else(|| wrong("the secret is `whsec_` and base64 of at least 24 bytes".to_owned()))?;
        Ok(Webhook { place, secret, guard, client: guard.client()? })
    }

    pub(crate) async fn tell(&self, message: &Message, unix_now: i64) -> Result<(), NotifyError> {
        self.guard.check(&self.place).map_err(|error| NotifyError::Refused(error.to_string()))?;
        let (id, body) = (format!("msg_{}", message.id), message.json());
        let request = self.client.post(self.place.clone()).header(CONTENT_TYPE, "application/json");
        let request = request.header("webhook-id", &id).header("webhook-timestamp", unix_now.to_string());
        let request = request.header("webhook-signature", sign(&self.secret, &id, unix_now, &body)).body(body);
        taken(request.send().await)
    }
}

/// Whether the other side took it. The address may hold a secret, so it is not told.
pub(crate) fn taken(answer: Result<reqwest::Response, reqwest::Error>) -> Result<(), NotifyError> {
    match answer {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(NotifyError::Refused(format!("it answered {}", answer.status().as_u16()))),
        Err(error) => {
            let error = error.without_url();
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(inner) = cause {
                text.push_str(&format!(": {inner}"));
                cause = inner.source();
            }
            Err(NotifyError::Refused(text))
        }
    }
}
