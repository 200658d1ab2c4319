//! OTLP over HTTP. Its answers, the bad ones too, are OTLP's own: exporters read nothing else.

use axum::RequestExt;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use countersign_gate::GateError;
use countersign_telemetry::{Batch, Encoding, InflateError, Kept, MOST_REPORTS, Signal, inflate, read};

use crate::answer::bytes;
use crate::app::App;
use crate::asker::Asker;
use crate::body;
use crate::kinds;
use crate::problem::Failure;

/// Most bytes of a request as it is sent.
const MOST_SENT: usize = 4 << 20;
/// Most bytes that it inflates to: JSON takes many times as many in memory.
const MOST_INFLATED: usize = 8 << 20;
const MOST_JSON: usize = 4 << 20;
/// Seconds after which a request is to be sent again that came while too many were being read.
const AGAIN_S: &str = "2";

/// Report spans (OTLP)
///
/// `ExportTraceServiceRequest` as protobuf or JSON, plain or gzip. What the agent's side reports is kept as runtime context,
/// within limits; it is no record. Point `OTEL_EXPORTER_OTLP_ENDPOINT` at `/otlp`.
#[utoipa::path(post, path = "/otlp/v1/traces", tag = "reports",
    request_body(content = Vec<u8>, content_type = "application/x-protobuf"),
    responses((status = 200, content_type = "application/x-protobuf",
        description = "`ExportTraceServiceResponse`; `partial_success` says how many spans were left out")))]
pub(crate) async fn take_spans(State(app): State<App>, request: Request) -> Response {
    take(&app, Signal::Traces, request).await
}

/// Report log events (OTLP)
///
/// `ExportLogsServiceRequest`, likewise. Events without a trace, session, prompt or tool call are left out.
#[utoipa::path(post, path = "/otlp/v1/logs", tag = "reports",
    request_body(content = Vec<u8>, content_type = "application/x-protobuf"),
    responses((status = 200, content_type = "application/x-protobuf",
        description = "`ExportLogsServiceResponse`; `partial_success` says how many records were left out")))]
pub(crate) async fn take_events(State(app): State<App>, request: Request) -> Response {
    take(&app, Signal::Logs, request).await
}

async fn take(app: &App, signal: Signal, request: Request) -> Response {
    let encoding = encoding(request.headers());
    match taken(app, signal, encoding, request).await {
        Ok((encoding, left_out)) => {
            let why = format!(
                "left out: without the ids that a report needs, about what was erased, or more than {MOST_REPORTS} in a request"
            );
            bytes(encoding.taken(signal, left_out, &why), encoding.media_type(), "no-store")
        }
        Err(failure) => refused(encoding.unwrap_or(Encoding::Protobuf), &failure),
    }
}

async fn taken(
    app: &App,
    signal: Signal,
    encoding: Option<Encoding>,
    mut request: Request,
) -> Result<(Encoding, usize), Failure> {
    let Asker(caller) = request.extract_parts_with_state(app).await?;
    caller.must_act()?;
    let unsupported = |detail: &str| Failure::new(kinds::UNSUPPORTED_MEDIA_TYPE, detail);
    let encoding = encoding.ok_or_else(|| unsupported("send application/x-protobuf or application/json"))?;
    let gzip = is_gzip(request.headers()).ok_or_else(|| unsupported("the body may be plain or gzip, nothing else"))?;
    app.gate().must_keep_reports()?;
    let sent = body::read_body(request.into_body(), MOST_SENT).await?;
    // Never waited for: an exporter keeps its batch and comes again.
    let full = |_| GateError::TooMany("too many reports are being read at this moment: send it again".to_owned());
    let _seat = app.reading().try_acquire().map_err(full)?;
    let kept = Kept { content: app.gate().keeps_content() };
    let most = if encoding == Encoding::Json { MOST_JSON } else { MOST_INFLATED };
    let reading = move || -> Result<Batch, Failure> {
        let plain = match gzip {
            true => inflate(&sent, most).map_err(uninflated)?.into(),
            false => sent,
        };
        read(signal, encoding, &plain, kept).map_err(|error| Failure::new(kinds::BAD_REPORT, error.to_string()))
    };
    let read = tokio::task::spawn_blocking(reading).await;
    let batch = read.map_err(|error| GateError::Unavailable(error.to_string()))??;
    let erased = match batch.reports.is_empty() {
        true => 0,
        false => app.gate().report(&caller, batch.reports).await?,
    };
    Ok((encoding, batch.left_out + erased))
}

fn uninflated(error: InflateError) -> Failure {
    let kind = match error {
        InflateError::TooLarge(_) => kinds::PAYLOAD_TOO_LARGE,
        InflateError::Broken(_) => kinds::BAD_REPORT,
    };
    Failure::new(kind, error.to_string())
}

fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    Encoding::of(headers.get(CONTENT_TYPE)?.to_str().ok()?)
}

/// Whether the body is gzip; `None` where it is something else that is not plain.
fn is_gzip(headers: &HeaderMap) -> Option<bool> {
    match headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity" | b"") => Some(false),
        Some(b"gzip") => Some(true),
        Some(_) => None,
    }
}

fn refused(encoding: Encoding, failure: &Failure) -> Response {
    let problem = failure.problem();
    let mut response = bytes(encoding.refused(problem.status, &problem.detail), encoding.media_type(), "no-store");
    *response.status_mut() = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match problem.status {
        401 => drop(response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        429 | 503 => drop(response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(AGAIN_S))),
        _ => {}
    }
    response
}
