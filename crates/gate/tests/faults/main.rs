//! What the gate does when the disk, the clock, the queue or a caller lets it down.
#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod access;
mod accounts;
mod again;
mod clocks;
mod commits;
mod cut_off;
mod disk;
mod ended;
mod erasure;
mod evaluating;
mod full;
mod hooks;
mod keys;
mod large_reviews;
mod limits;
mod notes;
mod people;
mod policies;
mod presenting;
mod redeeming;
mod resolving;
mod signing_in;
mod standing;
mod trying;
mod wire;

use countersign_evidence::record::Outcome;
use countersign_gate::GateError;
use countersign_gate::testing::TestGate;
use countersign_wire::FinishRequest;
use serde_json::Value;

/// The log as raw JSON.
pub async fn records(test: &TestGate) -> Vec<Value> {
    test.log_texts().await.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

/// The types of one action's records, in order.
pub async fn kinds(test: &TestGate, action: uuid::Uuid) -> Vec<String> {
    let all = records(test).await;
    let own = all.iter().filter(|record| record["action"] == action.to_string());
    own.map(|record| record["type"].as_str().unwrap().to_owned()).collect()
}

/// What came of an attempt.
pub fn finish(attempt: &str, outcome: Outcome) -> FinishRequest {
    FinishRequest {
        attempt: attempt.to_owned(),
        outcome,
        status: None,
        response: None,
        error: None,
        downstream_request_id: None,
        duration_us: None,
    }
}

/// The stable name of why something was refused.
pub fn name<T: std::fmt::Debug>(answer: Result<T, GateError>) -> &'static str {
    answer.unwrap_err().kind().0
}
