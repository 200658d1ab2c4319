use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use countersign_client::{Client, Transport};
use countersign_evidence::record::{KeyKind, ToolRef};
use countersign_gate::Caller;
use countersign_wire::{KeyCreatedView, KeyRequest, Page, PersonRequest, PersonView, ProposeRequest};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::ground::{Ground, Served, proposal, quantile};
use super::growth::act;
use super::latency::micros;
use crate::connect::SOCKET;
use crate::error::Failure;
use crate::output::Output;
use crate::style::Paint;

const CALLERS: u64 = 256;
const SAMPLES: usize = 200;
/// Reviews that wait while the pages are measured.
const WAITING: u64 = 100;

/// The console's pages over so many actions, one after the other over one connection; beside a page that asks nothing.
pub(super) async fn run(ground: &Ground, actions: u64, out: &mut Output) -> Result<(), Failure> {
    out.painted(Paint::Bold, format!("Pages of the console over {actions} whole actions, {WAITING} reviews waiting"))?;
    let served = ground.serve("pages").await?;
    fill(&served, actions).await?;
    let (key, pages) = prepared(&served).await?;
    let mut sender = connect(served.port).await?;
    for (name, path) in pages {
        let mut took = Vec::with_capacity(SAMPLES);
        let mut bytes = 0;
        for _ in 0..SAMPLES + 10 {
            let from = Instant::now();
            bytes = get(&mut sender, &path, &key).await?;
            took.push(micros(from));
        }
        took.drain(..10);
        took.sort_unstable();
        let (middle, late) = (quantile(&took, 0.5), quantile(&took, 0.95));
        out.line(format!("  {name:<44} p50 {middle:>6} µs, p95 {late:>6} µs (bar 50000), {bytes} bytes"))?;
        out.flush()?;
    }
    served.serving.stop().await?;
    Ok(())
}

fn failed(what: impl std::fmt::Display) -> Failure {
    Failure::No(format!("the page did not come: {what}"))
}

async fn fill(served: &Served, actions: u64) -> Result<(), Failure> {
    let gate = &served.serving.deployment().gate;
    let next = Arc::new(AtomicU64::new(0));
    let callers: Vec<_> = (0..CALLERS).map(|_| tokio::spawn(act(gate.clone(), Arc::clone(&next), actions))).collect();
    for caller in callers {
        caller.await.map_err(failed)??;
    }
    for n in 0..WAITING {
        let mut payload = countersign_evidence::json::Object::new();
        let mut arguments = countersign_evidence::json::Object::new();
        arguments.insert("path", format!("reports/{n}.txt"));
        arguments.insert("content", format!("Revenue: {n}"));
        payload.insert("name", "write_file");
        payload.insert("arguments", countersign_evidence::json::Value::Object(arguments));
        let waiting = ProposeRequest {
            request_id: format!("waiting-{n}"),
            payload: countersign_evidence::json::Value::Object(payload),
            tool: ToolRef { name: "write_file".to_owned(), server: "files".to_owned(), definition: None },
            ..proposal(actions + n * 200, false)
        };
        gate.propose(&Caller::owner(), waiting).await.map_err(failed)?;
    }
    Ok(())
}

/// A reviewer's key, and the pages that it looks at.
async fn prepared(served: &Served) -> Result<(String, Vec<(&'static str, String)>), Failure> {
    let owner = Client::new(Transport::unix(served.data.join(SOCKET)), None);
    let somebody = PersonRequest {
        person: None,
        name: "bench".to_owned(),
        user: None,
        groups: Vec::new(),
        roles: None,
        until: None,
    };
    let person: PersonView = owner.post("/v1/people", &somebody).await?;
    let request = KeyRequest {
        // An auditor's looking is itself recorded: that would measure the disk.
        kind: KeyKind::Reviewer,
        label: "bench".to_owned(),
        environments: Vec::new(),
        agents: Vec::new(),
        person: Some(person.person),
    };
    let made: KeyCreatedView = owner.post("/v1/keys", &request).await?;
    let page: Page = owner.get("/v1/actions?limit=1&state=succeeded").await?;
    let some = page.actions.first().map(|row| row.action).ok_or_else(|| failed("no action is there"))?;
    let reviews = served.serving.deployment().gate.reviews(&Caller::owner()).map_err(failed)?;
    let waits = reviews.first().map(|review| review.action).ok_or_else(|| failed("no review waits"))?;
    let pages = vec![
        ("a page that asks nothing (sign in)", "/sign-in".to_owned()),
        ("queue", "/reviews".to_owned()),
        ("review", format!("/reviews/{waits}")),
        ("action", format!("/actions/{some}")),
        ("explorer, everything", "/actions".to_owned()),
        ("explorer, one agent", "/actions?q=agent%3Aagent-7".to_owned()),
        ("explorer, a rare state", "/actions?q=state%3Awaiting".to_owned()),
        ("explorer, words in the text", "/actions?q=%22notes%2F4242.txt%22".to_owned()),
        ("explorer, words in all of it", "/actions?q=%22lorem%20ipsum%22".to_owned()),
        ("explorer, a pattern and a time", "/actions?q=tool%3Afiles%2F*%20since%3A1h".to_owned()),
        ("explorer, all but an agent", "/actions?q=-agent%3Aagent-7".to_owned()),
        ("oversight", "/oversight".to_owned()),
        ("policies, with the tools that no rule covers", "/policies".to_owned()),
        ("session", "/session?session=session-7".to_owned()),
    ];
    Ok((made.secret, pages))
}

async fn connect(port: u16) -> Result<SendRequest<Empty<Bytes>>, Failure> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(failed)?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Bytes of the page.
async fn get(sender: &mut SendRequest<Empty<Bytes>>, path: &str, key: &str) -> Result<usize, Failure> {
    let request = Request::get(path).header("host", "127.0.0.1").header("authorization", format!("Bearer {key}"));
    let request = request.body(Empty::new()).map_err(failed)?;
    sender.ready().await.map_err(failed)?;
    let answer = sender.send_request(request).await.map_err(failed)?;
    let status = answer.status();
    let text = answer.into_body().collect().await.map_err(failed)?.to_bytes();
    match status.is_success() {
        true => Ok(text.len()),
        false => Err(failed(format!("{path}: {status}: {}", String::from_utf8_lossy(&text)))),
    }
}
