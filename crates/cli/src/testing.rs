//! A gate that answers from a list, and a clock that stands still.

#![allow(clippy::unwrap_used)]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use clap::Parser;
use countersign_client::{Client, InProcess, Transport};
use countersign_evidence::time::{Clock, Timestamp};
use hyper::{Request, Response};

use crate::arguments::Arguments;
use crate::commands;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::Output;
use crate::session::Session;

/// A clock that stands at 2026-01-02T03:04:05Z; each look at the monotonic one takes 1.5 s.
struct Stopped(std::sync::atomic::AtomicI64);

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_767_323_045_000_000)
    }

    fn monotonic_us(&self) -> i64 {
        self.0.fetch_add(1_500_000, std::sync::atomic::Ordering::Relaxed)
    }
}

/// Bytes that can be looked at later.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().map_err(|_| io::Error::other("poisoned"))?.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A gate that gives each path its answer; any other path is a 404 problem.
#[derive(Default)]
pub(crate) struct Gate {
    answers: Vec<(String, u16, String)>,
}

/// What a command did.
pub(crate) struct Ran {
    /// How it ended.
    pub(crate) result: Result<Exit, Failure>,
    /// What it printed.
    pub(crate) printed: String,
    /// `VERB path`, and the body where there was one.
    pub(crate) asked: Vec<(String, String)>,
}

impl Gate {
    /// Answers `VERB path` with a JSON text.
    pub(crate) fn on(mut self, request: &str, answer: impl Into<String>) -> Self {
        self.answers.push((request.to_owned(), 200, answer.into()));
        self
    }

    /// Runs a command line against it. `answers` is what the person at the terminal types; `None` for no terminal.
    pub(crate) async fn run(self, line: &[&str], answers: Option<&'static str>) -> Ran {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let client = Client::new(Transport::InProcess(self.service(asked.clone())), None);
        let arguments = Arguments::try_parse_from(std::iter::once("countersign").chain(line.iter().copied())).unwrap();
        let printed = Shared::default();
        let out = Output::to(printed.clone(), arguments.global.json, answers);
        let mut session = Session::with(client, out, Box::new(Stopped(Default::default())));
        session.global = arguments.global;
        let result = commands::run(arguments.command, &mut session).await;
        let printed = String::from_utf8(printed.0.lock().unwrap().clone()).unwrap();
        let asked = asked.lock().unwrap().clone();
        Ran { result, printed, asked }
    }

    fn service(self, asked: Arc<Mutex<Vec<(String, String)>>>) -> InProcess {
        let answers = Arc::new(self.answers);
        Arc::new(move |request: Request<_>| {
            let (answers, asked) = (answers.clone(), asked.clone());
            Box::pin(async move {
                let uri = request.uri();
                let path = uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string);
                let line = format!("{} {path}", request.method());
                let body = collect(request.into_body()).await;
                asked.lock().unwrap().push((line.clone(), body));
                let missing =
                    r#"{"detail":"there is no such thing","status":404,"title":"x","type":"/problems/not_found"}"#;
                let found = answers.iter().find(|(known, _, _)| *known == line);
                let (status, text) =
                    found.map_or((404, missing.to_owned()), |(_, status, text)| (*status, text.clone()));
                Response::builder().status(status).body(Bytes::from(text)).map_err(|error| error.to_string())
            })
        })
    }
}

async fn collect(body: impl hyper::body::Body<Data = Bytes, Error = std::convert::Infallible>) -> String {
    use http_body_util::BodyExt;
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}
