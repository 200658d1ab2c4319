//! A server of both eras whose tools misbehave, each in its own way.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use countersign_evidence::json::{Limits, Value, parse};
use tokio::sync::Mutex;

/// A request as the server got it.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Got {
    pub(crate) fn rpc(&self) -> &str {
        self.body.get("method").and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

#[derive(Clone, Default)]
pub(crate) struct Upstream {
    pub(crate) seen: Arc<Mutex<Vec<Got>>>,
    /// The `region` tool's definition says so.
    pub(crate) definition: Arc<Mutex<u32>>,
}

const TOOLS: [&str; 17] = [
    "refused_in_words",
    "failed_in_words",
    "refused_with_a_result",
    "moved",
    "echo",
    "wrong_id",
    "huge",
    "never",
    "cut",
    "away",
    "twice",
    "events",
    "resumed",
    "refused",
    "broken",
    "asks",
    "region",
];

pub(crate) async fn serve() -> (Upstream, String) {
    let upstream = Upstream::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = axum::Router::new().fallback(answer).with_state(upstream.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (upstream, format!("http://127.0.0.1:{port}/mcp"))
}

async fn answer(State(upstream): State<Upstream>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let body = parse(&body, Limits::default()).unwrap_or_default();
    let got = Got { method: parts.method, headers: parts.headers, body };
    upstream.seen.lock().await.push(got.clone());
    if got.method == Method::GET {
        return match got.header("last-event-id") {
            "e1" => {
                events(r#"{"jsonrpc":"2.0","id":ID,"result":{"content":[],"resumed":true}}"#, &got, &upstream).await
            }
            _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        };
    }
    let Some(id) = got.body.get("id").map(Value::to_canonical) else { return StatusCode::ACCEPTED.into_response() };
    let json = |text: String| ([("content-type", "application/json")], text).into_response();
    let result = |result: &str| json(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#));
    match got.rpc() {
        "initialize" => {
            let version =
                r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"u","version":"1"}}"#;
            let mut response = result(version);
            response.headers_mut().insert("mcp-session-id", "up-1".parse().unwrap());
            response
        }
        "tools/list" => {
            let version = *upstream.definition.lock().await;
            let tools: Vec<String> = TOOLS.iter().map(|name| tool(name, version)).collect();
            result(&format!(r#"{{"tools":[{}]}}"#, tools.join(",")))
        }
        "tools/call" => {
            let params = got.body.get("params").unwrap();
            call(params.get("name").and_then(Value::as_str).unwrap(), &id, &got, &upstream).await
        }
        _ => json(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"no"}}}}"#)),
    }
}

fn tool(name: &str, version: u32) -> String {
    let properties = match name {
        "region" => r#"{"where":{"type":"string","x-mcp-header":"Region"}}"#,
        _ => "{}",
    };
    format!(
        r#"{{"name":"{name}","description":"v{version}","inputSchema":{{"type":"object","properties":{properties}}},
            "annotations":{{"destructiveHint":false}}}}"#
    )
}

async fn call(name: &str, id: &str, got: &Got, upstream: &Upstream) -> Response {
    let json = |text: String| ([("content-type", "application/json")], text).into_response();
    let fine = |more: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[]{more}}}}}"#);
    let error = |why: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32603,"message":"{why}"}}}}"#);
    match name {
        "wrong_id" => json(r#"{"jsonrpc":"2.0","id":"another","result":{"content":[]}}"#.to_owned()),
        "huge" => Body::from(vec![b' '; 17 << 20]).into_response(),
        "never" => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            json(fine(""))
        }
        "cut" => {
            let chunks =
                futures::stream::iter([Ok(Bytes::from_static(b"{\"json")), Err(std::io::Error::other("gone"))]);
            ([("content-type", "application/json"), ("content-length", "99")], Body::from_stream(chunks))
                .into_response()
        }
        "away" => (StatusCode::TEMPORARY_REDIRECT, [("location", "http://127.0.0.1:1/elsewhere")]).into_response(),
        "moved" => (StatusCode::SEE_OTHER, [("location", "/done")]).into_response(),
        "twice" => {
            json(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[]}},"result":{{"content":[1]}}}}"#))
        }
        "events" => {
            let note =
                r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":TOKEN,"progress":1}}"#;
            let text = format!("data: {note}\n\ndata: {}\n\n", fine(r#","by":"events""#));
            events_text(&text, got)
        }
        "resumed" => events_text("id: e1\nretry: 1\ndata:\n\n", got),
        "refused" => (StatusCode::UNAUTHORIZED, [("www-authenticate", "Bearer realm=theirs")]).into_response(),
        "refused_in_words" => (StatusCode::UNAUTHORIZED, error("token SECRET is bad")).into_response(),
        "failed_in_words" => (StatusCode::BAD_GATEWAY, error("it broke")).into_response(),
        "refused_with_a_result" => (StatusCode::BAD_REQUEST, fine("")).into_response(),
        "broken" => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        "asks" => {
            let asked = r#"{"jsonrpc":"2.0","id":"s1","method":"sampling/createMessage","params":{}}"#;
            events_text(&format!("data: {asked}\n\ndata: {}\n\n", fine("")), got)
        }
        _ => {
            let count = upstream.seen.lock().await.iter().filter(|got| got.rpc() == "tools/call").count();
            json(fine(&format!(r#","calls":{count}"#)))
        }
    }
}

fn events_text(text: &str, got: &Got) -> Response {
    let token =
        got.body.get("params").and_then(|params| params.get("_meta")?.get("progressToken")).map(Value::to_canonical);
    let text = text.replace("TOKEN", &token.unwrap_or_default());
    ([("content-type", "text/event-stream")], text).into_response()
}

/// The answer to the last call, on a stream that was asked for again.
async fn events(answer: &str, got: &Got, upstream: &Upstream) -> Response {
    let seen = upstream.seen.lock().await;
    let last = seen.iter().rev().find(|got| got.rpc() == "tools/call").unwrap();
    let id = last.body.get("id").unwrap().to_canonical();
    events_text(&format!("id: e2\ndata: {}\n\n", answer.replace("ID", &id)), got)
}
