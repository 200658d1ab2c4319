//! What a question finds, as a file: CSV or JSON Lines. Times are UTC, and the header says so.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use countersign_evidence::json;
use countersign_gate::{Caller, Gate, GateError};
use countersign_http::{App, Params};
use countersign_index::{Query, search};
use countersign_wire::SummaryView;
use futures::stream::{self, StreamExt};
use serde::Deserialize;

use crate::layout::refused;
use crate::viewer::{InUrl, Viewer};

/// Rows of one page of the question.
const AT_ONCE: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Csv,
    Jsonl,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    #[serde(default)]
    q: String,
    format: Format,
}

/// Everything that matches, newest first, however much it is: pages of the index are sent as they are read.
pub(crate) async fn export(
    State(app): State<App>,
    viewer: Viewer,
    InUrl(Params(wanted)): InUrl<Params<Wanted>>,
) -> Response {
    let query = match search::search(&wanted.q, app.clock().now()) {
        Ok(query) => Query { limit: AT_ONCE, ..query },
        Err(error) => return refused(GateError::Invalid(error.to_string())),
    };
    // Who may not ask is told before the file begins.
    if let Err(error) = viewer.caller.must_look() {
        return refused(error);
    }
    let (name, kind) = match wanted.format {
        Format::Csv => ("actions.csv", "text/csv; charset=utf-8; header=present"),
        Format::Jsonl => ("actions.jsonl", "application/jsonl"),
    };
    let body = Body::from_stream(lines(app.gate().clone(), viewer.caller, query, wanted.format));
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// A file that breaks off is an error of the connection, never a shorter file.
fn lines(
    gate: Gate,
    caller: Caller,
    query: Query,
    format: Format,
) -> impl stream::Stream<Item = Result<Bytes, GateError>> {
    let head = (format == Format::Csv).then(|| Ok(Bytes::from(format!("{}\r\n", COLUMNS.join(",")))));
    let pages = stream::unfold(Some(query), move |query| {
        let (gate, caller) = (gate.clone(), caller.clone());
        async move {
            let query = query?;
            match gate.list(&caller, query.clone()).await {
                Err(error) => Some((Err(error), None)),
                Ok(page) => {
                    let text: String = page.actions.iter().map(|row| written(row, format)).collect();
                    let next = page.next.map(|before| Query { before: Some(before), ..query });
                    Some((Ok(Bytes::from(text)), next))
                }
            }
        }
    });
    stream::iter(head).chain(pages)
}

const COLUMNS: [&str; 13] = [
    "time_utc",
    "action",
    "agent",
    "tool",
    "category",
    "decision",
    "rules",
    "state",
    "risk",
    "environment",
    "user",
    "resource",
    "position",
];

fn written(row: &SummaryView, format: Format) -> String {
    if format == Format::Jsonl {
        return json::to_string(row).map(|line| line + "\n").unwrap_or_default();
    }
    let cells = [
        row.time.to_string(),
        row.action.to_string(),
        row.agent.clone(),
        row.tool.clone(),
        row.category.clone(),
        row.decision.clone(),
        row.rules.join(" "),
        row.state.as_str().to_owned(),
        row.risk.to_string(),
        row.environment.clone(),
        row.user.clone().unwrap_or_default(),
        row.resource.clone().unwrap_or_default(),
        row.position.to_string(),
    ];
    cells.iter().map(|cell| in_csv(cell)).collect::<Vec<_>>().join(",") + "\r\n"
}

/// A cell (RFC 4180). What a spreadsheet would run as a formula gets an apostrophe before it, as OWASP advises.
fn in_csv(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if formula { format!("'{cell}") } else { cell.to_owned() };
    match cell.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::in_csv;

    #[test]
    fn cells_keep_their_text_and_run_nowhere() {
        for (cell, expected) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "'=1+1"),
            ("@x,y", "\"'@x,y\""),
        ] {
            assert_eq!(in_csv(cell), expected);
        }
    }
}
