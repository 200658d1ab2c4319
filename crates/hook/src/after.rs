//! What came of a call. It has happened: nothing here stops anything, and what cannot be recorded is said.

use std::time::Duration;

use countersign_client::wire::FinishRequest;
use countersign_evidence::digest::Digest;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::Outcome as Recorded;

use crate::before::is_passing;
use crate::event::Ended;
use crate::ids::{place_of, session_of};
use crate::settings::Settings;
use crate::verdict::Verdict;

/// Longest canonical response that is recorded whole (`docs/evidence-format.md` §2).
const MOST_RESPONSE: usize = 1 << 20;
/// Longest error text that is recorded, in characters.
const MOST_ERROR: usize = 2_000;
/// Pauses before the gate is asked again, in milliseconds.
const PAUSES: [u64; 5] = [50, 100, 200, 400, 800];

/// Records what came of a call that [`crate::before`] let run.
pub async fn after(settings: &Settings, ended: &Ended) -> Verdict {
    let (call, client) = (&ended.call, settings.client);
    if call.tool.mcp && settings.behind_gate.contains(&call.tool.server) {
        // The gateway saw the answer itself.
        return Verdict::Pass(None);
    }
    let place = place_of(client, call, &call.input);
    let running = match settings.memory.take(&session_of(client, call), &place) {
        Ok(Some(running)) => running,
        Ok(None) => return say("no call that this hook let run is known here; its outcome is not recorded"),
        Err(error) => return say(&format!("the outcome is not recorded: {error}")),
    };
    let finish = finish(&running.attempt, ended);
    let mut pauses = PAUSES.iter();
    loop {
        let asked = tokio::time::timeout(settings.left(), settings.gate.finish(running.action, &finish)).await;
        match (asked, pauses.next()) {
            (Ok(Ok(_)), _) => return Verdict::Pass(None),
            (Ok(Err(error)), Some(pause)) if is_passing(&error) => {
                tokio::time::sleep(Duration::from_millis(*pause)).await
            }
            (Ok(Err(error)), _) => return say(&format!("the outcome of {} is not recorded: {error}", running.action)),
            (Err(_), _) => {
                return say(&format!("the outcome of {} is not recorded: the gate is silent", running.action));
            }
        }
    }
}

fn say(what: &str) -> Verdict {
    Verdict::Pass(Some(format!("countersign: {what}")))
}

fn finish(attempt: &str, ended: &Ended) -> FinishRequest {
    let outcome = &ended.outcome;
    let status = match outcome.outcome {
        Recorded::Succeeded => "complete",
        Recorded::Failed => "is_error",
        Recorded::Unknown => "unknown",
    };
    let mut finish = FinishRequest::ended(attempt, outcome.outcome, status);
    finish.error = outcome.error.as_ref().map(|error| error.chars().take(MOST_ERROR).collect());
    finish.duration_us = outcome.duration_ms.map(|duration| duration.saturating_mul(1_000));
    finish.response.clone_from(&outcome.response);
    let text = outcome.response.as_ref().map(Value::to_canonical).unwrap_or_default();
    if text.len() > MOST_RESPONSE {
        let mut summary = Object::new();
        summary.insert("sha256", Digest::of(text.as_bytes()).to_string());
        summary.insert("bytes", u64::try_from(text.len()).unwrap_or(u64::MAX));
        finish.response = Some(Value::Object(summary));
        finish.status = Some("response_too_large".to_owned());
    }
    finish
}
