//! A denial that people are asked about (ARAP §7).

use axum::http::HeaderMap;
use countersign_evidence::action::{Denial as Denied, Stage};
use countersign_evidence::digest::Digest;
use countersign_evidence::id::is_identifier;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::Correlation;
use countersign_evidence::time::Timestamp;
use countersign_gate::{Caller, GateError, Proposed};
use countersign_wire::ProposeRequest;
use uuid::Uuid;

use super::body::invalid;
use super::mapping::{Around, source};
use super::problem::AccessProblem;
use super::question::Question;
use super::task::Task;
use super::tokens::Denial;
use crate::app::App;
use crate::problem::Failure;

/// Longest `Idempotency-Key` in bytes.
const MOST_KEY: usize = 256;
/// Where the record of a request keeps what it said.
const SAID: &str = "access_request";

/// A request of the right form.
struct Submission<'a> {
    said: &'a Object,
    question: Question,
    denial: &'a Object,
    /// SHA-256 of the canonical body: two bodies are the same when this is.
    digest: String,
    key: Option<String>,
}

impl<'a> Submission<'a> {
    fn read(said: &'a Object, headers: &HeaderMap) -> Result<Self, Failure> {
        if said.contains("items") {
            return Err(invalid("items are not taken here: ask for each by itself"));
        }
        if said.contains("callback") {
            return Err(invalid("callbacks are not offered here: leave callback out and ask status_endpoint"));
        }
        let question = Question::read(said).map_err(invalid)?;
        let unbound =
            || AccessProblem::InvalidDenialBinding.because("denial is missing: copy what the evaluation answered");
        let denial = said.get("denial").and_then(Value::as_object).ok_or_else(unbound)?;
        let digest = Digest::of(Value::Object(said.clone()).to_canonical().as_bytes()).to_string();
        Ok(Submission { said, question, denial, digest, key: idempotency_key(headers)? })
    }

    fn denial_text(&self, name: &str) -> Option<&str> {
        self.denial.get(name).and_then(Value::as_str)
    }

    /// What is recorded of it: all that is not the question itself, nor a token.
    fn kept(&self, bound: &[String]) -> Value {
        let mut kept = self.said.clone();
        for name in ["subject", "action", "resource"] {
            kept.remove(name);
        }
        if let Some(denial) = kept.get_mut("denial").and_then(Value::as_object_mut) {
            denial.remove("binding_token");
        }
        if let Some(context) = kept.get_mut("context").and_then(Value::as_object_mut) {
            bound.iter().map(String::as_str).chain(["approval"]).for_each(|name| drop(context.remove(name)));
        }
        kept.insert("body_sha256", self.digest.as_str());
        Value::Object(Object::from_iter([(SAID, kept)]))
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let mut given = headers.get_all("idempotency-key").iter();
    let Some(key) = given.next() else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=MOST_KEY).contains(&key.len()) && given.next().is_none());
    let wrong = || invalid(format!("one Idempotency-Key of 1 to {MOST_KEY} visible characters is taken"));
    key.map(|key| Some(key.to_owned())).ok_or_else(wrong)
}

fn unbound(detail: &str) -> Failure {
    AccessProblem::InvalidDenialBinding.because(detail)
}

/// Asks people about what was evaluated; the task that this is, or has been since it was asked the first time.
///
/// # Errors
/// [`Failure`]: nobody is asked.
pub(crate) async fn submit(
    app: &App,
    caller: &Caller,
    around: &Around,
    headers: &HeaderMap,
    said: &Object,
) -> Result<Task, Failure> {
    caller.must_act()?;
    let gate = app.gate();
    let submission = Submission::read(said, headers)?;
    let by_key = submission.key.as_ref().map(|key| format!("key:{}", Digest::of(key.as_bytes())));
    if let Some(name) = &by_key
        && let Some(action) = gate.asked_for(caller, name)?
    {
        return same(app, caller, action, &submission).await;
    }
    let denial = denial(app, &submission)?;
    let name = by_key.unwrap_or_else(|| format!("evaluation:{}", denial.evaluation));
    if let Some(action) = gate.asked_for(caller, &name)? {
        return same(app, caller, action, &submission).await;
    }
    let recorded = evaluation(app, caller, denial.evaluation).await?;
    let denial = checked(&submission, denial, &recorded, app.clock().now())?;
    if !app.authzen()?.uses(denial.evaluation, &name, denial.expires_at, app.clock().now())? {
        return Err(unbound("this denial was asked about before: evaluate anew to ask once more"));
    }
    let request = ProposeRequest {
        intent: said
            .get("context")
            .and_then(|context| context.get("business_justification")?.as_str())
            .map(str::to_owned),
        context: Some(submission.kept(&denial.bound.members)),
        correlation: Correlation {
            parent_action: Some(denial.evaluation),
            session_id: session(said),
            ..around.correlation()
        },
        source: Some(source()),
        request_id: name.clone(),
        ..recorded.again()
    };
    let view = match gate.ask_for(caller, denial.evaluation, request).await {
        Err(GateError::RequestReplayed(_)) => return Err(duplicate()),
        view => view?,
    };
    app.metrics().decided(view.decision);
    same(app, caller, view.action, &submission).await
}

fn duplicate() -> Failure {
    AccessProblem::DuplicateRequest.because("this Idempotency-Key was used for another body: take a new one")
}

/// The task of a request that is there already, where this one says the same.
async fn same(app: &App, caller: &Caller, action: Uuid, submission: &Submission<'_>) -> Result<Task, Failure> {
    let task = Task::find(app.gate(), caller, Some(action), app.clock().now()).await?;
    let said = task.proposed.context.as_ref().and_then(|context| context.get(SAID)?.get("body_sha256")?.as_str());
    if said == Some(submission.digest.as_str()) {
        return match task.proposed.action.stage {
            Stage::Denied(Denied::Policy) => {
                Err(AccessProblem::NotRequestable.because("the policy in force denied it: nobody can approve it"))
            }
            _ => Ok(task),
        };
    }
    Err(match submission.key {
        Some(_) => duplicate(),
        None => unbound("this denial was asked about before, with another body: evaluate anew to ask once more"),
    })
}

/// What the denial says of itself: signed in its token, or to be looked up.
struct Claimed {
    evaluation: Uuid,
    signed: Option<Denial>,
}

fn denial(app: &App, submission: &Submission<'_>) -> Result<Claimed, Failure> {
    let named = match submission.denial.get("evaluation_id") {
        None => None,
        Some(id) => {
            let id = id.as_str().and_then(|id| Uuid::try_parse(id).ok());
            Some(id.ok_or_else(|| unbound("denial.evaluation_id is none of ours"))?)
        }
    };
    let signer = &app.authzen()?.signer;
    let signed = match submission.denial.get("binding_token") {
        None => None,
        Some(token) => {
            let read = token.as_str().and_then(|token| Denial::read(app.gate(), signer, token));
            Some(read.ok_or_else(|| unbound("denial.binding_token was not signed here, for this endpoint"))?)
        }
    };
    let evaluation = match (&signed, named) {
        (Some(signed), Some(named)) if signed.evaluation != named => {
            return Err(unbound("denial.evaluation_id is not the one of denial.binding_token"));
        }
        (Some(signed), _) => signed.evaluation,
        (None, Some(named)) => named,
        (None, None) => return Err(unbound("denial has neither binding_token nor evaluation_id")),
    };
    Ok(Claimed { evaluation, signed })
}

/// The evaluation on record, where people can be asked about it.
async fn evaluation(app: &App, caller: &Caller, evaluation: Uuid) -> Result<Proposed, Failure> {
    let recorded = match app.gate().proposed(caller, evaluation).await {
        Ok(recorded) => recorded,
        Err(GateError::NotFound(_)) => return Err(unbound("there is no such evaluation by this key")),
        Err(error) => return Err(error.into()),
    };
    match recorded.is_requestable() {
        true => Ok(recorded),
        false => Err(AccessProblem::NotRequestable.because("this evaluation was not denied for want of an approval")),
    }
}

/// Compares what is asked for with what was evaluated: by the record, and by the token where there is one.
fn checked(
    submission: &Submission<'_>,
    claimed: Claimed,
    recorded: &Proposed,
    now: Timestamp,
) -> Result<Denial, Failure> {
    let evaluated = Question::of_payload(&recorded.payload);
    let evaluated = evaluated.ok_or_else(|| unbound("this evaluation was not made here"))?;
    let on_record = Denial::of(&evaluated, claimed.evaluation, recorded.action.proposed_at);
    let denial = claimed.signed.unwrap_or_else(|| on_record.clone());
    let asked = submission.question.binding_hash(&on_record.bound.members);
    if denial != on_record || asked != on_record.bound.hash {
        return Err(unbound("subject, resource, action or context are not those that were evaluated"));
    }
    actor(submission, &evaluated)?;
    // The token says the same as the answer did; what stands beside it is only compared.
    if submission.denial_text("expires_at") != Some(denial.expires_at.to_string().as_str()) {
        return Err(unbound("denial.expires_at is not context.access_request.expires_at of the evaluation"));
    }
    match now < denial.expires_at {
        true => Ok(denial),
        false => Err(AccessProblem::ExpiredDenial.because("the denial has expired: evaluate anew")),
    }
}

/// An enforcement point may say who acts in the subject or as the client's actor; it may not say somebody else, nor nobody.
fn actor(submission: &Submission<'_>, evaluated: &Question) -> Result<(), Failure> {
    let acted = evaluated.act();
    if submission.question.act().is_some() {
        return match submission.question.act() == acted {
            true => Ok(()),
            false => Err(unbound("subject.properties.act is not the one that was evaluated")),
        };
    }
    let Some(acted) = acted else { return Ok(()) };
    let said = submission.said.get("client").and_then(|client| client.get("actor"));
    let member = |name: &str| said.and_then(|said| said.get(name));
    let same = member("id").is_some() && member("id") == acted.get("sub");
    let issuer = member("issuer").is_none_or(|issuer| Some(issuer) == acted.get("iss"));
    match same && issuer {
        true => Ok(()),
        false => Err(unbound("whoever acted is in neither subject.properties.act nor client.actor")),
    }
}

fn session(said: &Object) -> Option<String> {
    let session = said.get("client")?.get("source")?.get("session_id")?.as_str()?;
    is_identifier(session).then(|| session.to_owned())
}
