//! Sending an authorized call, and recording what came of it before the client learns it.

use std::time::Duration;

use countersign_client::ClientError;
use countersign_client::wire::FinishRequest;
use countersign_evidence::json::{Object, Value};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::call::{Asked, why};
use crate::conversation::{Out, Outgoing};
use crate::flights::{Reply, Stop};
use crate::gate;
use crate::gateway::Gateway;
use crate::jsonrpc::{self, Id};
use crate::outcome::{answered, not_sent, summarized, unknown};

/// How long an answer is listened for after its deadline.
const LATE: Duration = Duration::from_secs(3600);

/// A call that may be sent: `execution.started` is durable.
pub(crate) struct Go {
    pub(crate) action: Uuid,
    pub(crate) attempt: String,
    pub(crate) params: Value,
}

impl Gateway {
    /// Sends the call, waits, records, answers: in this order.
    pub(crate) async fn execute(self: std::sync::Arc<Self>, asked: Asked, go: Go) {
        let (action, attempt) = (go.action, go.attempt);
        let request = jsonrpc::request(&asked.id, "tools/call", go.params);
        let mut reply = match self.send(&asked.id, request).await {
            Ok(reply) => reply,
            Err(stop) => return self.not_sent(&asked, action, &attempt, stop).await,
        };
        let sent_at = self.settings.clock.monotonic_us();
        let waited = tokio::time::timeout(self.settings.deadline, &mut reply).await;
        let took = self.since(sent_at);
        match waited {
            Ok(Ok(Reply::Answer(answer))) => {
                let recorded = self.record(action, answered(&attempt, &answer, took)).await;
                let answer = if recorded { answer } else { unrecorded(&asked.id, action) };
                self.tell_unless_cancelled(&asked, answer).await;
            }
            Ok(lost) => {
                let why = if let Ok(Reply::Lost(why)) = lost { why } else { "server_gone" };
                self.record(action, unknown(&attempt, why, took)).await;
                self.tell_unless_cancelled(&asked, doubtful(&asked.id, action, why)).await;
            }
            Err(_) => {
                self.record(action, unknown(&attempt, "deadline", took)).await;
                self.tell_unless_cancelled(&asked, doubtful(&asked.id, action, "deadline")).await;
                // Not among the calls that are waited for at the end: nobody here needs this answer.
                // Its place is free, and so is its id once nobody listens.
                let id = asked.id.clone();
                drop(asked);
                tokio::spawn(async move { self.late(action, &attempt, &id, reply, sent_at).await });
            }
        }
    }

    /// Records an outcome; `false` where that failed for good.
    pub(crate) async fn record(&self, action: Uuid, finish: FinishRequest) -> bool {
        let client = &self.settings.client;
        let error = match gate::finish(client, action, &finish).await {
            Ok(_) => return true,
            // The answer may be more than the gate takes, but that it came must be known.
            Err(ClientError::Refused(problem)) if finish.response.is_some() && problem.status < 500 => {
                tracing::warn!(%action, problem = problem.name(), "the response is recorded by its digest only");
                match gate::finish(client, action, &summarized(finish, "response_refused")).await {
                    Ok(_) => return true,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        tracing::error!(%action, %error, "the outcome is not recorded");
        false
    }

    async fn send(&self, id: &Id, body: Object) -> Result<oneshot::Receiver<Reply>, Stop> {
        let place = self.place_to_server().await.ok_or(Stop::ServerGone)?;
        self.flights.send(id, || place.send(Out::Message(Outgoing { body, about: None })))
    }

    async fn not_sent(&self, asked: &Asked, action: Uuid, attempt: &str, stop: Stop) {
        self.record(action, not_sent(attempt, why(stop))).await;
        self.flights.forget(&asked.id);
        let message = "the call was not sent, because the connection ended. It was not executed";
        let error = jsonrpc::error(Some(&asked.id), jsonrpc::INTERNAL_ERROR, message, Some(data(action, "failed")));
        self.tell_unless_cancelled(asked, error).await;
    }

    /// A cancelled request gets no answer (MCP "Cancellation").
    async fn tell_unless_cancelled(&self, asked: &Asked, message: Object) {
        let cancelled = *asked.stop.borrow() == Some(Stop::Cancelled);
        if !cancelled {
            self.tell_client(message).await;
        }
    }

    /// Microseconds since `sent_at`.
    pub(crate) fn since(&self, sent_at: i64) -> u64 {
        u64::try_from(self.settings.clock.monotonic_us().saturating_sub(sent_at)).unwrap_or_default()
    }

    /// An answer past the deadline is still reported: the gate marks it as late.
    async fn late(&self, action: Uuid, attempt: &str, id: &Id, reply: oneshot::Receiver<Reply>, sent_at: i64) {
        match tokio::time::timeout(LATE, reply).await {
            Ok(Ok(Reply::Answer(answer))) => {
                let took = self.since(sent_at);
                tracing::info!(%action, "the server answered after the deadline");
                self.record(action, answered(attempt, &answer, took)).await;
            }
            Ok(_) => {}
            Err(_) => self.flights.lapse(id),
        }
    }
}

fn data(action: Uuid, outcome: &str) -> Value {
    let data: Object = [("action", action.to_string()), ("outcome", outcome.to_owned())].into_iter().collect();
    Value::Object(data)
}

fn unrecorded(id: &Id, action: Uuid) -> Object {
    let message = "The tool ran and its effect happened, but the gate did not record the outcome, so the answer is \
                   withheld. Tell the user; check what happened before trying again.";
    jsonrpc::error(Some(id), jsonrpc::INTERNAL_ERROR, message, Some(data(action, "not_recorded")))
}

fn doubtful(id: &Id, action: Uuid, why: &str) -> Object {
    let what = match why {
        "deadline" => "The MCP server gave no answer in time",
        "bad_answer" => "The MCP server's answer could not be read",
        "broken" => "The exchange with the MCP server broke off, or the server failed",
        "cancelled" => "The client cancelled the call while it was running",
        "client_gone" => "The client closed the connection before the answer came",
        _ => "The MCP server ended while the call was running",
    };
    let message = format!("{what}. Whether the call took effect is not known: check before trying again.");
    jsonrpc::error(Some(id), jsonrpc::INTERNAL_ERROR, &message, Some(data(action, "unknown")))
}
