//! Request bodies: read within limits, parsed strictly, then given the form that the route demands.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use bytes::Bytes;
use countersign_evidence::json::{self, ConvertError, Limits};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::kinds;
use crate::problem::Failure;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Most bytes of a body too large that are still read.
const MOST_DRAINED: u64 = 64 << 20;

/// Deepest nesting of a body: the payload's own limit and the object around it.
const DEPTH: usize = 65;

/// A request body of this form.
pub(crate) struct Given<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Given<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        check_headers(request.headers())?;
        let bytes = read(request.into_body(), app.most_body()).await?;
        let value = json::parse(&bytes, Limits { bytes: app.most_body(), depth: DEPTH })?;
        if value.as_object().is_none() {
            return Err(Failure::new(kinds::INVALID, "the body must be a JSON object"));
        }
        json::from_value(value).map(Given).map_err(|error| named::<T>(&bytes, &error))
    }
}

fn check_headers(headers: &HeaderMap) -> Result<(), Failure> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (essence, parameters) = media_type.split_once(';').unwrap_or((media_type, ""));
    let utf8 = ["", "charset=utf-8", "charset=\"utf-8\""].contains(&parameters.trim().to_ascii_lowercase().as_str());
    if !essence.trim().eq_ignore_ascii_case("application/json") || !utf8 {
        let detail = format!("the body is sent as {media_type:?}: send application/json");
        return Err(Failure::new(kinds::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Failure::new(kinds::UNSUPPORTED_MEDIA_TYPE, "the body has a content encoding: send it as it is"));
    }
    Ok(())
}

pub(crate) async fn read(mut body: Body, most: usize) -> Result<Bytes, Failure> {
    let reading = async {
        if body.size_hint().lower() <= most as u64 {
            match Limited::new(&mut body, most).collect().await {
                Ok(collected) => return Ok(collected.to_bytes()),
                Err(error) if !error.is::<LengthLimitError>() => {
                    return Err(Failure::new(kinds::BAD_BODY, format!("the body does not read: {error}")));
                }
                Err(_) => {}
            }
        }
        drain(body).await;
        let detail = format!("the body is over the limit of {most} bytes: send less, or by reference");
        Err(Failure::new(kinds::PAYLOAD_TOO_LARGE, detail))
    };
    let late = || Failure::new(kinds::SLOW_BODY, format!("the body took longer than {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, reading).await.map_err(|_| late())?
}

/// Lets the rest of a body pass by: a client that is still sending when the connection closes never sees the answer.
async fn drain(mut body: Body) {
    if body.size_hint().lower() > MOST_DRAINED {
        return;
    }
    let mut drained = 0;
    while let Some(Ok(frame)) = body.frame().await {
        drained += frame.data_ref().map_or(0, Bytes::len) as u64;
        if drained > MOST_DRAINED {
            return;
        }
    }
}

/// Names the member that has another form than the route demands. Reads the body a second time: only refused ones pay.
fn named<T: DeserializeOwned>(bytes: &[u8], error: &ConvertError) -> Failure {
    let mut again = serde_json::Deserializer::from_slice(bytes);
    let path = match serde_path_to_error::deserialize::<_, T>(&mut again) {
        Err(traced) => traced.path().to_string(),
        Ok(_) => ".".to_owned(),
    };
    match path.as_str() {
        "." => Failure::new(kinds::INVALID, error.to_string()),
        path => Failure::new(kinds::INVALID, format!("{path}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_wire::ProposeRequest;

    use super::*;

    #[test]
    fn a_refused_body_names_the_member() {
        let read = |text: &str| {
            let value = json::parse(text.as_bytes(), Limits::default()).unwrap();
            let error = json::from_value::<ProposeRequest>(value).unwrap_err();
            format!("{:?}", named::<ProposeRequest>(text.as_bytes(), &error))
        };
        assert!(read(r#"{"request_id":"x","agent":{"id":7}}"#).contains("agent.id: "));
        assert!(read(r#"{"tool":{"server":"s","name":["a"]}}"#).contains("tool.name: "));
        assert!(read("{}").contains("missing field `request_id`"));
        let beyond = r#"{"request_id":"x","payload":123456789012345678901234567890,"agent":{"id":null}}"#;
        assert!(read(beyond).contains("agent.id: "), "{}", read(beyond));
    }

    #[test]
    fn only_plain_json_is_taken() {
        let headers = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, "application/json".parse().unwrap());
            headers.insert(name, value.parse().unwrap());
            check_headers(&headers).is_ok()
        };
        for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
            assert!(headers("content-type", good), "{good}");
        }
        for bad in ["", "text/json", "application/jsonx", "application/json; charset=utf-16", "application/json; x=y"] {
            assert!(!headers("content-type", bad), "{bad}");
        }
        assert!(headers("content-encoding", "identity") && !headers("content-encoding", "gzip"));
    }
}
