//! What came of a call, as it is recorded.

use countersign_client::wire::FinishRequest;
use countersign_evidence::digest::Digest;
use countersign_evidence::id::is_identifier;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::Outcome;

/// Longest canonical response that is recorded whole (`docs/evidence-format.md` §2).
const MOST_RESPONSE: usize = 1 << 20;
/// Longest error text that is recorded.
const MOST_ERROR: usize = 2000;

/// The finish of an attempt that the server answered with `answer` (an object with `result` or `error`).
pub(crate) fn answered(attempt: &str, answer: &Object, duration_us: u64) -> FinishRequest {
    let mut finish = match answer.get("result") {
        Some(result) => {
            let failed = result.get("isError").and_then(Value::as_bool) == Some(true);
            let outcome = if failed { Outcome::Failed } else { Outcome::Succeeded };
            let status = if failed { "is_error".to_owned() } else { result_type(result) };
            FinishRequest { response: Some(result.clone()), ..empty(attempt, outcome, &status) }
        }
        None => {
            let error = answer.get("error").cloned().unwrap_or_default();
            let code = error.get("code").and_then(Value::as_number).map_or("none", |code| code.as_str());
            let status = format!("error:{code}");
            let message = error.get("message").and_then(Value::as_str);
            let message = message.map(|text| text.chars().take(MOST_ERROR).collect());
            FinishRequest { error: message, response: Some(error), ..empty(attempt, Outcome::Failed, &status) }
        }
    };
    finish.duration_us = Some(duration_us);
    let text = finish.response.as_ref().map(Value::to_canonical).unwrap_or_default();
    if text.len() > MOST_RESPONSE { summarized(finish, "response_too_large") } else { finish }
}

/// The finish of an attempt whose outcome nobody knows; `why` is an identifier.
pub(crate) fn unknown(attempt: &str, why: &str, duration_us: u64) -> FinishRequest {
    FinishRequest { duration_us: Some(duration_us), ..empty(attempt, Outcome::Unknown, why) }
}

/// The finish of an attempt that was never sent; `why` is an identifier.
pub(crate) fn not_sent(attempt: &str, why: &str) -> FinishRequest {
    let error = Some(format!("the call was not sent to the server: {why}"));
    FinishRequest { error, ..empty(attempt, Outcome::Failed, "not_sent") }
}

/// The same with only digest and length of the response.
pub(crate) fn summarized(mut finish: FinishRequest, status: &str) -> FinishRequest {
    if let Some(response) = finish.response.take() {
        let text = response.to_canonical();
        let mut summary = Object::new();
        summary.insert("sha256", Digest::of(text.as_bytes()).to_string());
        summary.insert("bytes", u64::try_from(text.len()).unwrap_or(u64::MAX));
        finish.response = Some(Value::Object(summary));
        finish.status = Some(status.to_owned());
    }
    finish
}

fn empty(attempt: &str, outcome: Outcome, status: &str) -> FinishRequest {
    FinishRequest::ended(attempt, outcome, if is_identifier(status) { status } else { "other" })
}

/// `complete`, `input_required`, `task`, or whatever an extension names.
fn result_type(result: &Value) -> String {
    match result.get("resultType").and_then(Value::as_str) {
        Some(kind) => kind.to_owned(),
        // The task form of 2025-11-25 had no type.
        None if result.get("task").is_some_and(|task| task.get("taskId").is_some()) => "task".to_owned(),
        None => "complete".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use countersign_evidence::json::{Limits, parse};

    fn finish(text: &str) -> FinishRequest {
        let answer = parse(text.as_bytes(), Limits { bytes: 4 << 20, depth: 64 }).unwrap();
        answered("a", answer.as_object().unwrap(), 5)
    }

    #[test]
    fn answers_become_outcomes() {
        for (text, outcome, status) in [
            (r#"{"result":{"content":[]}}"#, Outcome::Succeeded, "complete"),
            (r#"{"result":{"isError":false,"resultType":"complete"}}"#, Outcome::Succeeded, "complete"),
            (r#"{"result":{"isError":true}}"#, Outcome::Failed, "is_error"),
            (r#"{"result":{"resultType":"input_required"}}"#, Outcome::Succeeded, "input_required"),
            (r#"{"result":{"resultType":"task","taskId":"x"}}"#, Outcome::Succeeded, "task"),
            (r#"{"result":{"task":{"taskId":"x"}}}"#, Outcome::Succeeded, "task"),
            (r#"{"result":{"resultType":"not an id"}}"#, Outcome::Succeeded, "other"),
            (r#"{"error":{"code":-32602,"message":"no"}}"#, Outcome::Failed, "error:-32602"),
            (r#"{"error":null}"#, Outcome::Failed, "error:none"),
        ] {
            let finish = finish(text);
            assert_eq!((finish.outcome, finish.status.as_deref()), (outcome, Some(status)), "{text}");
        }
    }

    #[test]
    fn a_large_response_is_recorded_by_its_digest() {
        let text = format!(r#"{{"result":{{"content":"{}"}}}}"#, "x".repeat(1 << 20));
        let finish = finish(&text);
        assert_eq!(finish.status.as_deref(), Some("response_too_large"));
        let response = finish.response.unwrap();
        assert_eq!(response.get("bytes").unwrap().as_number().unwrap().as_u64(), Some((1 << 20) + 14));
        assert!(response.get("sha256").is_some());
    }
}
