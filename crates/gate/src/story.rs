//! The four answers about one action, assembled from its records alone.

use countersign_evidence::action::{Action, Denial, End, Ending, Stage};
use countersign_evidence::digest::Digest;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::{ActorKind, AuthorizedBy, Body, Closing, Decision, Match, Outcome, Verdict};
use countersign_index::state_of;
use countersign_wire::{Answer, RecordView, Story, SummaryView};
use uuid::Uuid;

use crate::caller::Caller;
use crate::error::GateError;
use crate::gate::{Gate, may_see_action, value_of};
use crate::load::{Told, fold, user_of};

impl Gate {
    /// The story of an action: what was intended, decided, approved, and whether what was executed matches.
    ///
    /// # Errors
    /// [`GateError::NotFound`].
    pub async fn story(&self, caller: &Caller, action: Uuid) -> Result<Story, GateError> {
        let (told, action) = self.tell_action(caller, action).await?;
        let state = state_of(&action.stage);
        Ok(Story {
            action: action.id,
            state,
            badge: badge(&action).to_owned(),
            summary: summary(&action, &told),
            answers: vec![intended(&told), decided(&action, &told), approved(&told), matched(&action, &told)],
            records: told.into_iter().map(record_view).collect(),
        })
    }

    /// The records of an action, with the disclosures that the caller may see.
    ///
    /// # Errors
    /// [`GateError::NotFound`].
    pub async fn records(&self, caller: &Caller, action: Uuid) -> Result<Vec<RecordView>, GateError> {
        let (told, _) = self.tell_action(caller, action).await?;
        Ok(told.into_iter().map(record_view).collect())
    }

    async fn tell_action(&self, caller: &Caller, id: Uuid) -> Result<(Vec<Told>, Action), GateError> {
        let positions = match self.shared.board.get(id) {
            Some(open) => open.positions.clone(),
            None => self.shared.indexed_positions(id)?.ok_or(GateError::NotFound("action"))?,
        };
        let (mut told, _) = self.shared.tell(&positions).await?;
        let action = fold(&told)?;
        may_see_action(caller, &action)?;
        if caller.must_look().is_err() {
            told.iter_mut().for_each(Told::withhold);
        }
        Ok((told, action))
    }
}

/// The match badge.
fn badge(action: &Action) -> &'static str {
    match &action.stage {
        Stage::Finished(End { outcome: Outcome::Unknown, .. }) => "UNKNOWN",
        Stage::Executing(execution) | Stage::Finished(End { execution, .. }) => match execution.started.matches {
            Match::Exact => "EXACT",
            Match::Edited => "EDITED",
        },
        _ if action.refusals > 0 => "MISMATCH",
        _ => "NOT EXECUTED",
    }
}

fn text(told: &Told, field: &str) -> Option<String> {
    told.opened.fields.get(field).and_then(Value::as_str).map(str::to_owned)
}

fn intended(told: &[Told]) -> Answer {
    let (mut facts, mut sentence) = (Object::new(), String::new());
    if let Some((first, Body::ActionProposed(proposed))) = told.first().map(|told| (told, &told.envelope.body)) {
        let user = user_of(&first.opened).map(|user| format!(" on behalf of {user}")).unwrap_or_default();
        let why = text(first, "intent").map(|intent| format!(" It said why: “{intent}”")).unwrap_or_default();
        sentence = format!(
            "Agent {}{user} wanted to call {}/{} ({}) in {}.{why}",
            proposed.agent.id,
            proposed.tool.server,
            proposed.tool.name,
            proposed.category.as_str(),
            first.envelope.environment,
        );
        facts.insert("proposed", value_of(proposed));
        for (name, value) in &first.opened.fields {
            facts.insert(name.clone(), value.clone());
        }
        note_closed(first, &mut facts);
    }
    answer("What did the agent intend before the side effect occurred?", sentence, facts)
}

fn decided(action: &Action, told: &[Told]) -> Answer {
    let decisions = told.iter().filter(|told| matches!(told.envelope.body, Body::ActionDecided(_)));
    let mut listed = Vec::new();
    for told in decisions {
        let mut facts = Object::new();
        facts.insert("decided", Value::Object(Object::from(&told.envelope)));
        for (name, value) in &told.opened.fields {
            facts.insert(name.clone(), value.clone());
        }
        note_closed(told, &mut facts);
        listed.push(Value::Object(facts));
    }
    let sentence = match &action.decided {
        None => "No policy decision is recorded.".to_owned(),
        Some(decided) => {
            let rules: Vec<&str> = decided.reasons.iter().map(|reason| reason.rule.as_str()).collect();
            let said = match decided.decision {
                Decision::Allow => "allowed it",
                Decision::Deny if decided.errors.is_empty() => "denied it",
                Decision::Deny => "denied it, because a rule could not be evaluated",
                Decision::Review => "asked for a review",
            };
            let by = if rules.is_empty() { "no rule permits it".to_owned() } else { rules.join(", ") };
            format!("Policy {} {said}: {by}. Risk {} of 100.", decided.policy_set.version, decided.risk.score)
        }
    };
    answer("Which policy rule applied, and what did it decide?", sentence, Object::from_iter([("decisions", listed)]))
}

fn approved(told: &[Told]) -> Answer {
    let mut listed = Vec::new();
    let mut sentences = Vec::new();
    for record in told {
        match &record.envelope.body {
            Body::ReviewDecided(decided) => {
                let who = text(record, "name").unwrap_or_else(|| format!("reviewer {}", record.envelope.actor.id));
                let did = match decided.verdict {
                    Verdict::Approve if record.opened.fields.contains_key("payload") => "edited and approved it",
                    Verdict::Approve => "approved it",
                    Verdict::Deny => "denied it",
                };
                let why = text(record, "reason").map(|reason| format!(" (“{reason}”)")).unwrap_or_default();
                let saw = if decided.presentation.is_some() { "after seeing the recorded presentation" } else { "" };
                sentences.push(format!("{who} {did}{why} {saw}").trim_end().to_owned() + ".");
            }
            Body::ReviewExpired(_) => sentences.push("Nobody decided in time.".to_owned()),
            Body::ReviewCancelled(_) if record.envelope.actor.kind == ActorKind::System => {
                sentences.push("Nobody was asked: an enforcement point only wanted to know.".to_owned());
            }
            Body::ReviewCancelled(_) => sentences.push("The caller gave up before anybody decided.".to_owned()),
            Body::ReviewPresented(_) => {}
            Body::ReviewAsked(_) | Body::ReviewAnswered(_) => {
                let asked = matches!(record.envelope.body, Body::ReviewAsked(_));
                let said = text(record, "text").unwrap_or_else(|| "(not to be read)".to_owned());
                sentences.push(format!(
                    "{}: “{said}”",
                    if asked { "A reviewer asked" } else { "The agent's side answered" }
                ));
            }
            Body::ReviewHandedOver(_) => {
                let note = text(record, "text").map(|note| format!(" (“{note}”)")).unwrap_or_default();
                sentences.push(format!("It was handed over to another reviewer{note}."));
            }
            Body::ReviewStandingUsed(used) => sentences.push(format!(
                "Reviewer {} had approved the like of it in advance: use {} of its standing approval.",
                used.person, used.number
            )),
            Body::ActionAuthorized(authorized) if authorized.by == AuthorizedBy::Standing => {
                sentences.push("Nobody looked at this one.".to_owned());
            }
            _ => continue,
        }
        let mut facts = Object::new();
        facts.insert(record.envelope.body.kind(), Value::Object(Object::from(&record.envelope)));
        for (name, value) in &record.opened.fields {
            facts.insert(name.clone(), value.clone());
        }
        facts.insert("actor", record.envelope.actor.id.as_str());
        note_closed(record, &mut facts);
        listed.push(Value::Object(facts));
    }
    if sentences.is_empty() {
        sentences.push("Nobody was asked, or nobody has answered.".to_owned());
    }
    let facts = Object::from_iter([("reviews", listed)]);
    answer("Who approved or denied, and what context did they see?", sentences.join(" "), facts)
}

fn matched(action: &Action, told: &[Told]) -> Answer {
    let mut facts = Object::new();
    let digests: Vec<Value> = action.payloads.iter().map(|digest| Value::from(digest.to_string())).collect();
    facts.insert("payload_digests_by_version", digests);
    facts.insert("refused_starts", i64::from(action.refusals));
    let started = told.iter().rev().find(|told| matches!(told.envelope.body, Body::ExecutionStarted(_)));
    if let Some(executed) = started.and_then(|told| told.envelope.sealed.get("payload")) {
        facts.insert("executed_digest", executed.to_string());
    }
    if let Some(execution) = action.execution() {
        facts.insert("authorized_digest", execution.authorization.payload.to_string());
        facts.insert("started", value_of(&execution.started));
    }
    let ends = |told: &&Told| matches!(told.envelope.body, Body::ExecutionFinished(_) | Body::ExecutionResolved(_));
    for record in told.iter().filter(ends) {
        let resolved = matches!(record.envelope.body, Body::ExecutionResolved(_));
        facts.insert(if resolved { "resolved" } else { "finished" }, Value::Object(Object::from(&record.envelope)));
        for name in ["response", "error", "evidence"] {
            if let Some(value) = record.opened.fields.get(name) {
                facts.insert(name, value.clone());
            }
        }
    }
    answer("Did the executed payload match the approved payload?", matched_sentence(action), facts)
}

fn matched_sentence(action: &Action) -> String {
    let refused = match action.refusals {
        0 => String::new(),
        1 => " One attempt to start it was refused.".to_owned(),
        count => format!(" {count} attempts to start it were refused."),
    };
    let sentence = match &action.stage {
        Stage::Executing(_) => "It was started with exactly the authorized payload; the outcome is open.".to_owned(),
        Stage::Finished(End { execution, outcome, finished, resolved, .. }) => {
            let edited = match execution.started.matches {
                Match::Exact => "the proposed payload",
                Match::Edited => "the payload as a reviewer edited it",
            };
            let outcome = match outcome {
                Outcome::Succeeded => "it succeeded",
                Outcome::Failed => "the other side refused or failed",
                Outcome::Unknown => "nobody knows what came of it",
            };
            let late = match (resolved, finished.late) {
                (true, _) => ", as an operator found out",
                (false, true) => ", reported late",
                (false, false) => "",
            };
            format!("Yes: exactly the authorized payload was executed ({edited}); {outcome}{late}.")
        }
        Stage::Denied(Denial::Policy) => "Nothing was executed: policy denied it.".to_owned(),
        Stage::Denied(Denial::Reviewer) => "Nothing was executed: a reviewer denied it.".to_owned(),
        Stage::Denied(Denial::Expired) => "Nothing was executed: the review expired.".to_owned(),
        Stage::Closed(Ending::Closed(Closing::AuthorizationExpired)) => {
            "Nothing was executed: the authorization was never used.".to_owned()
        }
        Stage::Closed(_) => "Nothing was executed: it was given up.".to_owned(),
        _ => "Nothing was executed so far.".to_owned(),
    };
    sentence + &refused
}

fn note_closed(told: &Told, facts: &mut Object) {
    if !told.opened.closed.is_empty() {
        let closed: Vec<Value> = told.opened.closed.iter().map(|name| Value::from(name.as_str())).collect();
        facts.insert(format!("{}_fields", why_closed(told)), closed);
    }
}

/// Why a record's closed fields are closed. Only a store that says that it destroyed a key makes them erased.
fn why_closed(told: &Told) -> &'static str {
    match told {
        Told { withheld: true, .. } => "withheld",
        Told { opened, .. } if opened.lost.is_some() => "lost",
        _ => "erased",
    }
}

fn answer(question: &str, sentence: String, facts: Object) -> Answer {
    Answer { question: question.to_owned(), sentence, facts: Value::Object(facts) }
}

fn summary(action: &Action, told: &[Told]) -> SummaryView {
    let decided = action.decided.as_ref();
    let decision = decided.map_or("", |decided| match decided.decision {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
        Decision::Review => "review",
    });
    let reasons = decided.map(|decided| decided.reasons.as_slice()).unwrap_or_default();
    SummaryView {
        action: action.id,
        time: action.proposed_at,
        position: told.first().map_or(0, |told| told.position),
        agent: action.proposed.agent.id.clone(),
        tool: format!("{}/{}", action.proposed.tool.server, action.proposed.tool.name),
        category: action.proposed.category.as_str().to_owned(),
        decision: decision.to_owned(),
        state: state_of(&action.stage),
        risk: decided.map_or(0, |decided| decided.risk.score),
        environment: action.environment.clone(),
        rules: reasons.iter().map(|reason| reason.rule.clone()).collect(),
        user: told.first().and_then(|first| user_of(&first.opened)),
        resource: told.first().and_then(|first| text(first, "resource")),
    }
}

fn record_view(told: Told) -> RecordView {
    let why = why_closed(&told);
    let closed = told.opened.closed.iter().map(|name| (name.as_str(), why)).collect::<Object>();
    RecordView {
        position: told.position,
        time: told.envelope.time,
        kind: told.envelope.body.kind().to_owned(),
        leaf: Digest::leaf(told.text.as_bytes()),
        envelope: told.text,
        disclosures: told.opened.disclosures,
        closed: Value::Object(closed),
    }
}
