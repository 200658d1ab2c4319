use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use countersign_evidence::json;
use countersign_gate::{Caller, Gate};
use countersign_wire::EventView;
use futures::StreamExt;
use futures::stream::{self, Stream};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::Answer;
use crate::app::App;
use crate::asker::Asker;
use crate::params::Params;

/// So often a line is sent that means nothing, so that nothing in between takes the connection for dead.
const ALIVE: Duration = Duration::from_secs(15);

/// From where on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Behind {
    /// The last log position that is known already.
    after: Option<u64>,
}

/// Follow the log, live
///
/// Server-sent events, one per record, with its clear fields; `id` is its log position. It goes on behind `Last-Event-ID`, or
/// behind `after`, or else from now on. The first event, `here`, says behind which position.
#[utoipa::path(get, path = "/v1/events", tag = "log", params(Behind),
    responses((status = 200, body = EventView, content_type = "text/event-stream", description = "Until the client leaves")))]
pub(crate) async fn events(
    State(app): State<App>,
    Asker(caller): Asker,
    Params(behind): Params<Behind>,
    headers: HeaderMap,
) -> Answer {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<u64>().ok()).or(behind.after);
    let from = last.map_or_else(|| app.gate().durable(), |last| last.saturating_add(1));
    // Who may not follow is told before the stream begins.
    app.gate().may_follow(&caller)?;
    let keep_alive = KeepAlive::new().interval(ALIVE);
    let stream: Response = Sse::new(follow(app.gate().clone(), caller, from)).keep_alive(keep_alive).into_response();
    Ok(stream)
}

/// Ends with the access of who follows, at the next record at the latest.
fn follow(gate: Gate, caller: Caller, from: u64) -> impl Stream<Item = Result<Event, Infallible>> {
    let batches = stream::unfold((gate, caller, from), |(gate, caller, from)| async move {
        let events = gate.events(&caller, from).await.ok()?;
        gate.still_here(&caller).ok()?;
        let next = events.last().map_or(from, |event| event.position + 1);
        Some((events, (gate, caller, next)))
    });
    let records = batches.flat_map(stream::iter).map(|event| {
        let data = json::to_string(&event).unwrap_or_default();
        Event::default().id(event.position.to_string()).event("record").data(data)
    });
    // Whoever is cut off before the first record can go on from here too. A log begins with a record of its own.
    let here = Event::default().id(from.saturating_sub(1).to_string()).event("here").data("{}");
    stream::once(async { here }).chain(records).map(Ok)
}
