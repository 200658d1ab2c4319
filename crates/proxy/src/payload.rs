//! What of a request is its payload, and the request that a payload makes.
//!
//! The payload is what policy reads, people judge and the gate authorizes: `upstream`, `method`, `path` (as written), `query`,
//! `headers` (those that the upstream names), and the body as one of
//! - `body`: JSON, read strictly;
//! - `form`: an URL-encoded form;
//! - `bytes`: anything else, with its `content_type`, as base64.
//!
//! Query and form are objects where no name comes twice, else lists of pairs. What is sent is made from the authorized
//! payload, never from the request: JSON in canonical form, forms in the order in which the payload has them.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_evidence::json::{self, JsonError, Limits, Object, Value};
use url::form_urlencoded;

use crate::place::Place;
use crate::upstreams::Upstream;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// Why a request has no payload.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PayloadError {
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error("the form is not UTF-8 where it is escaped")]
    Form,
    #[error("the header {0} stands there more than once, or is no text: which one would be judged?")]
    Header(String),
    #[error("a body of a coded form ({0}) cannot be judged: send it plain")]
    Encoded(String),
}

/// The payload of a request.
pub(crate) fn of_request(
    upstream: &Upstream,
    method: &Method,
    place: &Place,
    headers: &HeaderMap,
    body: &Bytes,
    limits: Limits,
) -> Result<Value, PayloadError> {
    let mut payload = Object::new();
    payload.insert("upstream", upstream.name.as_str());
    payload.insert("method", method.as_str());
    payload.insert("path", place.path.as_str());
    if !place.query.is_empty() {
        payload.insert("query", pairs(&place.query));
    }
    let mut judged = Object::new();
    for name in &upstream.headers {
        if let Some(value) = only(headers, name)? {
            judged.insert(name.as_str(), value);
        }
    }
    if !judged.is_empty() {
        payload.insert("headers", judged);
    }
    if let Some(coding) = only(headers, &header::CONTENT_ENCODING)?.filter(|coding| *coding != "identity") {
        return Err(PayloadError::Encoded(coding.to_owned()));
    }
    let kind = only(headers, &header::CONTENT_TYPE)?.unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        _ if body.is_empty() => {}
        JSON => drop(payload.insert("body", json::parse(body, limits)?)),
        essence if essence.ends_with("+json") => {
            payload.insert("body", json::parse(body, limits)?);
            payload.insert("content_type", essence);
        }
        FORM => {
            let read: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
            if read.iter().any(|(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}')) {
                return Err(PayloadError::Form);
            }
            payload.insert("form", pairs(&read));
        }
        _ => {
            payload.insert("bytes", STANDARD.encode(body));
            payload.insert("content_type", kind);
        }
    }
    Ok(Value::Object(payload))
}

/// The one value of a header.
pub(crate) fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, PayloadError> {
    let refused = || PayloadError::Header(name.as_str().to_owned());
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    match values.next() {
        Some(_) => Err(refused()),
        None => first.to_str().map(Some).map_err(|_| refused()),
    }
}

fn pairs(pairs: &[(String, String)]) -> Value {
    let names: BTreeSet<&String> = pairs.iter().map(|(name, _)| name).collect();
    match names.len() == pairs.len() {
        true => Value::Object(pairs.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str()))).collect()),
        false => Value::from(
            pairs
                .iter()
                .map(|(name, value)| Value::from(vec![Value::from(name.as_str()), Value::from(value.as_str())]))
                .collect::<Vec<_>>(),
        ),
    }
}

/// A request as it is sent, without credentials.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    /// Path and query below the upstream's base.
    pub(crate) target: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

/// The request that an authorized payload makes. `proposed` is the payload as the agent proposed it: a reviewer may change
/// what is said, not to whom.
pub(crate) fn to_request(authorized: &Value, proposed: &Value) -> Result<Outgoing, &'static str> {
    let object = authorized.as_object().ok_or("the authorized payload is not an object")?;
    let known = ["upstream", "method", "path", "query", "headers", "body", "form", "bytes", "content_type"];
    if object.iter().any(|(name, _)| !known.contains(&name)) {
        return Err("the authorized payload has a member that no request has");
    }
    if ["upstream", "method", "path"].iter().any(|name| object.get(name) != proposed.get(name)) {
        return Err("the authorized payload goes to another place than the request");
    }
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let (method, path) = (text("method").unwrap_or_default(), text("path").unwrap_or_default());
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| "the method is none")?;
    let mut target = path.to_owned();
    if let Some(query) = object.get("query") {
        target.push('?');
        target.push_str(&written(query)?);
    }
    let mut headers = Vec::new();
    for (name, value) in object.get("headers").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        // An edit brings no header along that the request had not.
        if proposed.get("headers").and_then(|headers| headers.get(name)).is_none() {
            return Err("the authorized payload has a header that the request had not");
        }
        let value = value.as_str().and_then(|value| HeaderValue::from_str(value).ok()).ok_or("a header is no text")?;
        headers.push((name.parse().map_err(|_| "a header's name is none")?, value));
    }
    let bodies = ["body", "form", "bytes"].iter().filter(|name| object.contains(name)).count();
    if bodies > 1 {
        return Err("the authorized payload has more than one body");
    }
    let content_type = text("content_type");
    let (kind, body) = if let Some(body) = object.get("body") {
        (content_type.unwrap_or(JSON), body.to_canonical().into_bytes())
    } else if let Some(form) = object.get("form") {
        (FORM, written(form)?.into_bytes())
    } else if let Some(bytes) = object.get("bytes") {
        let bytes = bytes.as_str().and_then(|bytes| STANDARD.decode(bytes).ok()).ok_or("bytes is no base64")?;
        (content_type.unwrap_or("application/octet-stream"), bytes)
    } else {
        ("", Vec::new())
    };
    if !kind.is_empty() {
        headers.push((header::CONTENT_TYPE, HeaderValue::from_str(kind).map_err(|_| "the content type is no text")?));
    }
    Ok(Outgoing { method, target, headers, body: body.into() })
}

fn written(pairs: &Value) -> Result<String, &'static str> {
    let wrong = "query and form are objects of texts, or lists of pairs of texts";
    let mut out = form_urlencoded::Serializer::new(String::new());
    match pairs {
        Value::Object(object) => {
            for (name, value) in object.iter() {
                out.append_pair(name, value.as_str().ok_or(wrong)?);
            }
        }
        Value::Array(list) => {
            for pair in list {
                match pair.as_array() {
                    Some([name, value]) => {
                        out.append_pair(name.as_str().ok_or(wrong)?, value.as_str().ok_or(wrong)?);
                    }
                    _ => return Err(wrong),
                }
            }
        }
        _ => return Err(wrong),
    }
    Ok(out.finish())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::upstreams::Upstreams;

    fn json(text: &str) -> Value {
        json::parse(text.as_bytes(), Limits::default()).unwrap()
    }

    fn read(place: &str, kind: Option<&str>, body: &str, more: &[(&str, &str)]) -> Result<Value, PayloadError> {
        let text = "[upstream.shop]\nbase = \"https://shop.example\"\nheaders = [\"shop-version\"]";
        let upstreams = Upstreams::parse(text, |_| Ok(String::new())).unwrap();
        let (path, query) = place.split_once('?').map_or((place, None), |(path, query)| (path, Some(query)));
        let place = Place::read(path, query).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in kind.map(|kind| ("content-type", kind)).into_iter().chain(more.iter().copied()) {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let body = Bytes::copy_from_slice(body.as_bytes());
        of_request(&upstreams.0["shop"], &Method::POST, &place, &headers, &body, Limits::default())
    }

    fn sent(payload: &Value) -> Outgoing {
        to_request(payload, payload).unwrap()
    }

    #[test]
    fn json_is_judged_as_values_and_sent_as_judged() {
        let payload = read(
            "/r?b=2&a=1",
            Some("application/json; charset=utf-8"),
            r#"{ "b": 1.10, "a": 12345678901234567890123 }"#,
            &[],
        )
        .unwrap();
        assert_eq!(payload.get("body").unwrap().to_canonical(), r#"{"a":12345678901234567890123,"b":1.1}"#);
        let out = sent(&payload);
        assert_eq!(out.target, "/r?a=1&b=2");
        assert_eq!(out.body, r#"{"a":12345678901234567890123,"b":1.1}"#);
        assert_eq!(out.headers, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    }

    #[test]
    fn forms_and_bytes_come_back_as_they_were() {
        let form = read("/r", Some(FORM), "amount=5&note=a+b%26c", &[]).unwrap();
        assert_eq!(form.get("form").unwrap().to_canonical(), r#"{"amount":"5","note":"a b&c"}"#);
        assert_eq!(sent(&form).body, "amount=5&note=a+b%26c");
        let twice = read("/r", Some(FORM), "b=1&a=2&b=3", &[]).unwrap();
        assert_eq!(sent(&twice).body, "b=1&a=2&b=3", "order is kept where a name comes twice");
        let text = read("/r", Some("text/csv"), "a,b\r\n", &[]).unwrap();
        let out = sent(&text);
        assert_eq!((out.body, out.headers.len()), (Bytes::from_static(b"a,b\r\n"), 1));
        assert!(sent(&read("/r", None, "", &[]).unwrap()).headers.is_empty());
    }

    #[test]
    fn only_headers_that_are_named_are_judged_and_sent() {
        let payload = read("/r", None, "", &[("shop-version", "7"), ("x-else", "no")]).unwrap();
        assert_eq!(payload.get("headers").unwrap().to_canonical(), r#"{"shop-version":"7"}"#);
        assert_eq!(sent(&payload).headers.len(), 1);
        let twice = read("/r", None, "", &[("shop-version", "7"), ("shop-version", "8")]);
        assert!(matches!(twice, Err(PayloadError::Header(_))));
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        assert!(matches!(read("/r", Some("application/json"), r#"{"a":1,"a":2}"#, &[]), Err(PayloadError::Json(_))));
        assert!(matches!(read("/r", Some("application/json"), "{", &[]), Err(PayloadError::Json(_))));
        assert!(matches!(read("/r", Some(FORM), "a=%ff", &[]), Err(PayloadError::Form)));
        let coded = read("/r", Some("application/json"), "x", &[("content-encoding", "gzip")]);
        assert!(matches!(coded, Err(PayloadError::Encoded(_))));
    }

    #[test]
    fn an_edit_goes_nowhere_else() {
        let proposed = json(r#"{"upstream":"shop","method":"POST","path":"/r","body":{"a":1}}"#);
        let edited = |text: &str| to_request(&json(text), &proposed);
        assert_eq!(
            edited(r#"{"upstream":"shop","method":"POST","path":"/r","body":{"a":2}}"#).unwrap().body,
            r#"{"a":2}"#
        );
        for text in [
            r#"{"upstream":"bank","method":"POST","path":"/r","body":{"a":1}}"#,
            r#"{"upstream":"shop","method":"DELETE","path":"/r"}"#,
            r#"{"upstream":"shop","method":"POST","path":"/s"}"#,
            r#"{"upstream":"shop","method":"POST","path":"/r","headers":{"shop-version":"1"}}"#,
            r#"{"upstream":"shop","method":"POST","path":"/r","body":1,"form":{}}"#,
            r#"{"upstream":"shop","method":"POST","path":"/r","query":{"a":1}}"#,
            r#"{"upstream":"shop","method":"POST","path":"/r","bytes":"!"}"#,
            r#"{"upstream":"shop","method":"POST","path":"/r","else":1}"#,
            "7",
        ] {
            assert!(edited(text).is_err(), "{text}");
        }
    }
}
