//! An OpenTelemetry collector that is told of each action that ended. The log itself is the queue: the place in it is kept on
//! disk, and goes on only once the collector has taken what lies before.

use std::path::Path;
use std::time::Duration;

use countersign_gate::{Caller, Ended, Gate, GateError};
use countersign_telemetry::{rejected, spans_of};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{StatusCode, Url};

use crate::cursor::Cursor;
use crate::guard::Guard;
use crate::target::NotifyError;

/// Seconds between tries; then the longest one, for as long as it takes.
const WAITS_S: [u64; 5] = [1, 2, 5, 15, 30];
const LONGEST_WAIT_S: u64 = 60;
/// Records between two notes of the place in the log.
const NOTED_EVERY: u64 = 10_000;
/// Most bytes of an answer that are looked at.
const MOST_ANSWER: usize = 64 << 10;
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// Where spans go.
pub struct Collector {
    place: Url,
    headers: HeaderMap,
    service: String,
    client: reqwest::Client,
}

impl Collector {
    /// A collector at `endpoint` (`/v1/traces` is added to it), with headers as lines of `name: value`. `service` is the name
    /// under which it knows this gate. The endpoint is the operator's word: it may lie on this host.
    ///
    /// # Errors
    /// [`NotifyError::Settings`].
    pub fn new(endpoint: &str, headers: &str, service: &str) -> Result<Self, NotifyError> {
        let wrong = |why: String| NotifyError::Settings(format!("otlp.{why}"));
        let place = Url::parse(&format!("{}/v1/traces", endpoint.trim_end_matches('/')));
        let place = place.map_err(|error| wrong(format!("endpoint: {error}")))?;
        let guard = Guard { private: true };
        guard.check(&place).map_err(|error| wrong(format!("endpoint: {error}")))?;
        let headers =
            read_headers(headers).ok_or_else(|| wrong("headers_file: a line is no `name: value`".to_owned()))?;
        Ok(Collector { place, headers, service: service.to_owned(), client: guard.client()? })
    }

    /// Whether it took them; `None` where it will never take these.
    async fn tell(&self, spans: Vec<u8>) -> Result<Option<()>, String> {
        let request = self.client.post(self.place.clone()).headers(self.headers.clone());
        // The address and the headers may hold secrets: errors tell neither.
        let sent = request.header(CONTENT_TYPE, PROTOBUF).body(spans).send().await;
        let mut answer = sent.map_err(|error| error.without_url().to_string())?;
        let status = answer.status();
        match status {
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                tracing::error!(%status, "the collector refuses spans: they are left out");
                return Ok(None);
            }
            status if !status.is_success() => return Err(format!("it answers {status}")),
            _ => {}
        }
        let mut read = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            read.extend_from_slice(&chunk);
            if read.len() > MOST_ANSWER {
                return Ok(Some(()));
            }
        }
        if let Some((count, why)) = rejected(&read) {
            let why: String = why.chars().take(200).collect();
            tracing::warn!(count, why, "the collector left out spans");
        }
        Ok(Some(()))
    }

    /// Until it took them.
    async fn insist(&self, ended: &[Ended]) {
        let spans = spans_of(ended, &self.service);
        let mut waits = WAITS_S.iter().chain(std::iter::repeat(&LONGEST_WAIT_S));
        while let Err(error) = self.tell(spans.clone()).await {
            let wait = *waits.next().unwrap_or(&LONGEST_WAIT_S);
            tracing::warn!(error, again_in_s = wait, "the collector is not told");
            tokio::time::sleep(Duration::from_secs(wait)).await;
        }
    }
}

fn read_headers(text: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        let mut value = HeaderValue::from_str(value.trim()).ok()?;
        value.set_sensitive(true);
        headers.append(name.trim().parse::<HeaderName>().ok()?, value);
    }
    Some(headers)
}

/// Tells the collector of everything that ends from where it was told last, until the gate ends. Decisions do not wait for it.
///
/// # Errors
/// [`NotifyError::Cursor`]; the gate's end is none.
pub async fn export(gate: Gate, collector: Collector, folder: &Path) -> Result<(), NotifyError> {
    let (cursor, owner) = (Cursor::new(folder.join("traces")), Caller::owner());
    let mut position = cursor.read(gate.durable())?;
    let mut noted = position;
    loop {
        let (ended, next) = match gate.ended(&owner, position).await {
            Ok(found) => found,
            Err(GateError::Unavailable(_)) => return Ok(()),
            Err(error) => {
                tracing::warn!(%error, "what ended could not be read");
                tokio::time::sleep(Duration::from_secs(10)).await;
                continue;
            }
        };
        if !ended.is_empty() {
            collector.insist(&ended).await;
        }
        // Where nothing ended the place is noted now and then: at worst a start looks through so many again.
        if !ended.is_empty() || next.saturating_sub(noted) >= NOTED_EVERY {
            cursor.write(next)?;
            noted = next;
        }
        position = next;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn headers_are_lines_and_stay_secret() {
        let headers = read_headers("Authorization: Bearer a:b\n\n x-tenant : one \n").unwrap();
        assert_eq!(
            (&headers["authorization"], &headers["x-tenant"]),
            (&"Bearer a:b".parse().unwrap(), &"one".parse().unwrap())
        );
        assert!(!format!("{headers:?}").contains("a:b"));
        assert!(read_headers("no colon").is_none() && read_headers("a b: c").is_none());
    }

    #[test]
    fn an_endpoint_is_a_web_address() {
        let collector = Collector::new("http://127.0.0.1:4318/otlp/", "", "gate").unwrap();
        assert_eq!(collector.place.as_str(), "http://127.0.0.1:4318/otlp/v1/traces");
        for bad in ["file:///etc/passwd", "localhost", ""] {
            assert!(matches!(Collector::new(bad, "", "gate"), Err(NotifyError::Settings(_))), "{bad}");
        }
    }
}
