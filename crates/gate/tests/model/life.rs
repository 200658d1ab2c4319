//! The life of one action, record by record, by the rules of `docs/evidence-format.md` §6 alone.

use std::collections::BTreeMap;

use countersign_evidence::json::Value;
use countersign_evidence::record::{Outcome, Verdict};

use crate::ask::{Ask, Asked};
use crate::policies::{Expected, Policy, Seat};
use crate::raw::{Check, Raw, check, micros};
use crate::world::{AUTHORIZATION_S, DEADLINE_S, MISMATCHES, World};

/// Everything that the rules may look at besides the action itself.
pub struct Around<'a> {
    pub asked: &'a BTreeMap<u64, &'a Asked>,
    pub world: &'a World,
    /// The policy in force at this position of the log.
    pub policy: &'a Policy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Proposed,
    Allowed,
    Reviewing,
    Edited,
    Authorized,
    Executing,
    Finished,
    Denied,
    Closed,
}

struct Approval {
    person: String,
    groups: Vec<String>,
    payload: String,
}

/// What may be executed.
struct Authorized {
    payload: String,
    expires: i64,
    policy: String,
}

pub struct Started {
    pub attempt: String,
    /// The request that began it.
    pub request_id: String,
    pub deadline: i64,
    pub version: usize,
}

pub struct Life {
    pub caller: usize,
    pub request_id: String,
    pub agent: &'static str,
    pub user: Option<&'static str>,
    tool: &'static str,
    /// Digest and value by version.
    pub payloads: Vec<(String, Value)>,
    steps: u64,
    last_leaf: String,
    pub last_kind: String,
    pub stage: Stage,
    /// Version of the policy that decided last, and what it said.
    decided: Option<(String, Expected)>,
    demand_expires: i64,
    approvals: Vec<Approval>,
    authorized: Option<Authorized>,
    pub started: Option<Started>,
    pub outcome: Option<String>,
    /// Refused starts since the latest authorization.
    pub refusals: u64,
    /// The wire's name of the state after each record.
    pub told: Vec<(u64, &'static str)>,
}

fn number_in(value: &serde_json::Value) -> Option<u64> {
    value.as_str().and_then(|text| text.trim_start_matches("ask-").parse().ok()).or_else(|| value.as_u64())
}

impl Life {
    /// From its `action.proposed`.
    pub fn begin(raw: &Raw, around: &Around<'_>) -> Result<Life, String> {
        let number = number_in(&raw.body("correlation")["call_id"]).ok_or("a proposal that nobody sent")?;
        let asked = around.asked.get(&number).ok_or("a proposal that nobody sent")?;
        let Ask::Propose { caller, request_id, agent, user, tool, payload, .. } = &asked.ask else {
            return Err("a proposal that nobody sent".to_owned());
        };
        check(raw.json["step"] == 0 && raw.json["prev"].is_null(), || "it does not begin at step 0".to_owned())?;
        let same = raw.text("request_id") == request_id
            && raw.body("agent")["id"] == *agent
            && raw.body("tool")["name"] == *tool
            && raw.body("authenticated")["key"] == around.world.callers[*caller].key.to_string();
        check(same, || format!("{} is not what {:?} says", raw.json, asked.ask))?;
        let digest = raw.sealed("payload").ok_or("a proposal without payload")?.to_owned();
        Ok(Life {
            caller: *caller,
            request_id: request_id.clone(),
            agent,
            user: *user,
            tool,
            payloads: vec![(digest, payload.clone())],
            steps: 1,
            last_leaf: raw.leaf.clone(),
            last_kind: raw.kind().to_owned(),
            stage: Stage::Proposed,
            decided: None,
            demand_expires: 0,
            approvals: Vec::new(),
            authorized: None,
            started: None,
            outcome: None,
            refusals: 0,
            told: vec![(raw.position, "waiting")],
        })
    }

    /// The next record.
    pub fn next(&mut self, raw: &Raw, around: &Around<'_>) -> Check {
        check(raw.json["step"] == self.steps, || format!("step {} follows {}", raw.json["step"], self.steps - 1))?;
        check(raw.json["prev"] == *self.last_leaf, || "prev is not the previous record's leaf hash".to_owned())?;
        let must =
            |stages: &[Stage]| check(stages.contains(&self.stage), || format!("it follows while {:?}", self.stage));
        use Stage::*;
        match raw.kind() {
            "action.decided" => {
                must(&[Proposed, Edited, Authorized])?;
                self.decided(raw, around)?;
            }
            "review.presented" => must(&[Reviewing])?,
            "review.decided" => {
                must(&[Reviewing])?;
                self.reviewed(raw, around)?;
            }
            "review.expired" => {
                must(&[Reviewing])?;
                check(raw.time >= self.demand_expires, || "a review expires before its time".to_owned())?;
                self.stage = Denied;
            }
            "review.cancelled" => {
                must(&[Reviewing])?;
                self.cancelled(raw.body("why"), around)?;
                self.stage = Closed;
            }
            "action.authorized" => {
                must(&[Allowed, Reviewing])?;
                self.authorize(raw)?;
            }
            "execution.started" => {
                must(&[Authorized])?;
                self.start(raw, around)?;
            }
            "execution.refused" => self.refuse(raw, around)?,
            "execution.finished" => {
                must(&[Executing, Finished])?;
                self.finish(raw, around)?;
            }
            "action.closed" => {
                must(&[Reviewing, Authorized])?;
                self.close(raw)?;
            }
            kind => return Err(format!("{kind} is no record of an action here")),
        }
        self.steps += 1;
        self.last_leaf = raw.leaf.clone();
        self.last_kind = raw.kind().to_owned();
        self.told.push((raw.position, self.wire_state()));
        Ok(())
    }

    fn wire_state(&self) -> &'static str {
        match (self.stage, self.outcome.as_deref()) {
            (Stage::Proposed | Stage::Reviewing | Stage::Edited, _) => "waiting",
            (Stage::Allowed | Stage::Authorized, _) => "authorized",
            (Stage::Executing, _) => "executing",
            (Stage::Finished, Some("succeeded")) => "succeeded",
            (Stage::Finished, Some("failed")) => "failed",
            (Stage::Finished, _) => "unknown",
            (Stage::Denied, _) => "denied",
            (Stage::Closed, _) => "closed",
        }
    }

    pub fn is_open(&self) -> bool {
        !matches!(self.stage, Stage::Finished | Stage::Denied | Stage::Closed)
    }

    fn payload(&self) -> &(String, Value) {
        self.payloads.last().unwrap()
    }

    fn decided(&mut self, raw: &Raw, around: &Around<'_>) -> Check {
        check(raw.body("policy_set")["version"] == around.policy.version, || {
            format!("decided by another policy than the one in force, {}", around.policy.version)
        })?;
        check(raw.body("payload_version") == self.payloads.len() - 1, || {
            "another payload version is decided".to_owned()
        })?;
        let expected = around.policy.expected(self.tool, &self.payload().1);
        let said = raw.text("decision");
        let word = match &expected {
            Expected::Allow => "allow",
            Expected::Deny => "deny",
            Expected::Review(..) => "review",
        };
        check(said == word, || format!("policy said {said}, arithmetic says {word} of {:?}", self.payload().1))?;
        let digest = self.payload().0.clone();
        self.approvals.retain(|approval| approval.payload == digest);
        self.authorized = None;
        self.stage = match &expected {
            Expected::Allow => Stage::Allowed,
            Expected::Deny => Stage::Denied,
            Expected::Review(seats, seconds) => {
                self.demand(raw, seats, *seconds)?;
                Stage::Reviewing
            }
        };
        self.decided = Some((around.policy.version.clone(), expected));
        Ok(())
    }

    fn demand(&mut self, raw: &Raw, seats: &[Seat], seconds: i64) -> Check {
        let review = raw.body("review");
        let listed = review["requirements"].as_array().ok_or("a review without requirements")?;
        let read = |one: &serde_json::Value| Seat {
            rule: one["rule"].as_str().unwrap().to_owned(),
            groups: one["groups"].as_array().unwrap().iter().map(|group| group.as_str().unwrap().to_owned()).collect(),
            quorum: one["quorum"].as_u64().unwrap(),
        };
        let mut listed: Vec<Seat> = listed.iter().map(read).collect();
        let mut expected = seats.to_vec();
        for seat in listed.iter_mut().chain(&mut expected) {
            seat.groups.sort();
        }
        listed.sort_by(|a, b| a.rule.cmp(&b.rule));
        expected.sort_by(|a, b| a.rule.cmp(&b.rule));
        check(listed == expected, || format!("the review asks for {listed:?} in place of {expected:?}"))?;
        self.demand_expires = micros(review["expires_at"].as_str().unwrap());
        let most = raw.time + seconds * 1_000_000;
        check(self.demand_expires <= most, || {
            format!(
                "a review of {seconds} s that was asked for at {} ends at {}",
                raw.json["time"], review["expires_at"]
            )
        })
    }

    fn reviewed(&mut self, raw: &Raw, around: &Around<'_>) -> Check {
        let asked = number_in(raw.body("active_ms")).and_then(|number| around.asked.get(&number));
        let Some(Ask::Decide { reviewer, verdict, shown, edit, .. }) = asked.map(|asked| &asked.ask) else {
            return Err("a review that nobody decided".to_owned());
        };
        let person = &around.world.reviewers[*reviewer];
        check(raw.actor() == ("reviewer", person.id.as_str()), || "decided in another one's name".to_owned())?;
        check(*verdict == if raw.text("verdict") == "deny" { Verdict::Deny } else { Verdict::Approve }, || {
            "another verdict than was given".to_owned()
        })?;
        check(shown.to_string() == self.payload().0, || "the reviewer was shown another payload".to_owned())?;
        check(raw.time < self.demand_expires, || "decided after the review had expired".to_owned())?;
        let own = person.user.is_some()
            && (person.user == self.user || (person.user == Some("boss") && self.agent == "owned-bot"));
        check(!own, || "a requester decided on its own action".to_owned())?;
        let Some((_, Expected::Review(seats, _))) = &self.decided else {
            return Err("no review was asked for".to_owned());
        };
        let member = |seat: &&Seat| seat.groups.iter().any(|group| person.groups.contains(group));
        let seats: Vec<&str> = seats.iter().filter(member).map(|seat| seat.rule.as_str()).collect();
        let mut listed: Vec<&str> =
            raw.body("requirements").as_array().unwrap().iter().filter_map(|rule| rule.as_str()).collect();
        let mut expected = seats.clone();
        listed.sort_unstable();
        expected.sort_unstable();
        check(!seats.is_empty() && listed == expected, || format!("{} decides for {listed:?}", person.id))?;
        if *verdict == Verdict::Deny {
            self.stage = Stage::Denied;
            return check(raw.text("payload") == self.payload().0, || "another payload was denied".to_owned());
        }
        if let Some(edited) = edit {
            let digest = raw.sealed("payload").ok_or("an edit that seals no payload")?;
            check(digest == raw.text("payload") && digest != self.payload().0, || {
                "the edit's digests differ".to_owned()
            })?;
            check(raw.body("payload_version") == self.payloads.len(), || "an edit makes the next version".to_owned())?;
            self.payloads.push((digest.to_owned(), edited.clone()));
            self.stage = Stage::Edited;
        } else {
            check(raw.sealed("payload").is_none() && raw.text("payload") == self.payload().0, || {
                "another payload was approved".to_owned()
            })?;
            let seated = self.approvals.iter().any(|approval| approval.person == person.id);
            check(!seated, || "one person fills two seats".to_owned())?;
        }
        let payload = self.payload().0.clone();
        self.approvals.push(Approval { person: person.id.clone(), groups: person.groups.clone(), payload });
        Ok(())
    }

    fn authorize(&mut self, raw: &Raw) -> Check {
        let (policy, expected) = self.decided.as_ref().ok_or("authorized without a decision")?;
        check(raw.body("policy_set")["version"] == **policy, || {
            "authorized by another policy than decided".to_owned()
        })?;
        check(raw.text("payload") == self.payload().0, || {
            "another payload is authorized than the one in question".to_owned()
        })?;
        check(raw.body("payload_version") == self.payloads.len() - 1, || "another version is authorized".to_owned())?;
        match expected {
            Expected::Allow => check(raw.text("by") == "policy", || "not authorized by policy".to_owned())?,
            Expected::Deny => return Err("authorized though denied".to_owned()),
            Expected::Review(seats, _) => {
                check(raw.text("by") == "review", || "not authorized by review".to_owned())?;
                let counts = |seat: &Seat, approval: &&Approval| {
                    approval.payload == self.payload().0
                        && approval.groups.iter().any(|group| seat.groups.contains(group))
                };
                for seat in seats {
                    let mut people: Vec<&str> =
                        self.approvals.iter().filter(|one| counts(seat, one)).map(|one| one.person.as_str()).collect();
                    people.sort_unstable();
                    people.dedup();
                    check(people.len() as u64 >= seat.quorum, || format!("{} has not its quorum", seat.rule))?;
                }
            }
        }
        let expires = raw.at("expires_at");
        check(expires == raw.time + AUTHORIZATION_S * 1_000_000, || "authorized for another time than set".to_owned())?;
        self.authorized = Some(Authorized { payload: raw.text("payload").to_owned(), expires, policy: policy.clone() });
        self.stage = Stage::Authorized;
        self.refusals = 0;
        Ok(())
    }

    fn start(&mut self, raw: &Raw, around: &Around<'_>) -> Check {
        let authorized = self.authorized.as_ref().ok_or("started without an authorization")?;
        check(self.started.is_none(), || "started twice".to_owned())?;
        check(raw.sealed("payload") == Some(authorized.payload.as_str()), || {
            "another payload than authorized is started".to_owned()
        })?;
        check(raw.time < authorized.expires, || "started after the authorization had expired".to_owned())?;
        check(authorized.policy == around.policy.version, || {
            "started under a policy that never decided it".to_owned()
        })?;
        let attempt = raw.text("attempt").to_owned();
        let version = self.payloads.len() - 1;
        let redeemed_by = raw.body("redeemed_by").as_str();
        check(redeemed_by != Some(&self.request_id), || "redeemed by its own proposal".to_owned())?;
        let request_id = redeemed_by.unwrap_or(&self.request_id).to_owned();
        let right = |asked: &&&Asked| match &asked.ask {
            Ask::Start { attempt: asked, request_id: by, payload, caller, .. } => {
                let by = by.as_ref().unwrap_or(&self.request_id);
                *asked == attempt && *by == request_id && *payload == self.payload().1 && *caller == self.caller
            }
            Ask::Propose { start, request_id: by, payload, caller, .. } => {
                let same = start.as_ref() == Some(&attempt) && *by == request_id;
                same && *payload == self.payload().1 && *caller == self.caller
            }
            _ => false,
        };
        check(around.asked.values().any(|asked| right(&asked)), || {
            "started though nobody asked with this payload".to_owned()
        })?;
        let deadline = raw.at("deadline");
        let most = raw.time + DEADLINE_S * 1_000_000;
        check(raw.time < deadline && deadline <= most, || "the deadline is not within its limits".to_owned())?;
        self.started = Some(Started { attempt, request_id, deadline, version });
        self.stage = Stage::Executing;
        Ok(())
    }

    fn refuse(&mut self, raw: &Raw, around: &Around<'_>) -> Check {
        let attempt = raw.text("attempt");
        let expired = self.authorized.as_ref().is_some_and(|authorized| raw.time >= authorized.expires);
        let authorized = self.stage == Stage::Authorized;
        let wrong = |asked: &&&Asked| matches!(&asked.ask, Ask::Start { attempt: asked, payload, .. } if asked == attempt && *payload != self.payload().1);
        let fits = match raw.text("refusal") {
            // No go-ahead for another payload, neither before nor as a repetition.
            "mismatch" => {
                let again = self.started.as_ref().is_some_and(|started| started.attempt == attempt);
                ((authorized && !expired) || again) && around.asked.values().any(|asked| wrong(&asked))
            }
            "expired" => authorized && expired,
            "already_used" => self.started.as_ref().is_some_and(|started| {
                let other = |asked: &Asked| match &asked.ask {
                    Ask::Start { attempt: asked, request_id: by, .. } => {
                        asked == attempt && *by.as_ref().unwrap_or(&self.request_id) != started.request_id
                    }
                    Ask::Propose { start, request_id: by, .. } => {
                        start.as_deref() == Some(attempt) && *by != started.request_id
                    }
                    _ => false,
                };
                started.attempt != attempt || around.asked.values().any(|asked| other(asked))
            }),
            "unauthorized" => !authorized && self.started.is_none(),
            "policy_changed" => self.stage == Stage::Denied && self.last_kind == "action.decided",
            _ => false,
        };
        check(fits, || format!("refused as {} while {:?}", raw.text("refusal"), self.stage))?;
        check(self.refusals < MISMATCHES, || "more refusals are recorded than the limit".to_owned())?;
        self.refusals += 1;
        Ok(())
    }

    fn finish(&mut self, raw: &Raw, around: &Around<'_>) -> Check {
        let started = self.started.as_ref().ok_or("finished without a start")?;
        check(raw.text("attempt") == started.attempt, || "another attempt is finished".to_owned())?;
        let outcome = raw.text("outcome");
        let late = raw.body("late") == true;
        check(late == (self.stage == Stage::Finished), || "late is not what it should be".to_owned())?;
        if late {
            check(self.outcome.as_deref() == Some("unknown") && outcome != "unknown", || {
                "a known outcome was changed".to_owned()
            })?;
        }
        if raw.actor().0 == "system" {
            check(outcome == "unknown" && raw.time >= started.deadline, || "unknown before the deadline".to_owned())?;
        } else {
            let asked = number_in(raw.body("duration_us")).and_then(|number| around.asked.get(&number));
            let word = |outcome: &Outcome| match outcome {
                Outcome::Succeeded => "succeeded",
                Outcome::Failed => "failed",
                Outcome::Unknown => "unknown",
            };
            let said = matches!(asked.map(|asked| &asked.ask), Some(Ask::Finish { outcome: said, caller, .. })
                if word(said) == outcome && *caller == self.caller);
            check(said, || "an outcome that nobody reported".to_owned())?;
        }
        self.outcome = Some(outcome.to_owned());
        self.stage = Stage::Finished;
        Ok(())
    }

    fn cancelled(&self, why: &serde_json::Value, around: &Around<'_>) -> Check {
        let asked = number_in(why).and_then(|number| around.asked.get(&number));
        let by = matches!(asked.map(|asked| &asked.ask), Some(Ask::Cancel { caller, .. }) if *caller == self.caller);
        check(by, || "cancelled though its caller did not".to_owned())
    }

    fn close(&mut self, raw: &Raw) -> Check {
        let authorized = self.stage == Stage::Authorized;
        let fits = match raw.text("how") {
            "authorization_expired" => {
                authorized && self.authorized.as_ref().is_some_and(|authorized| raw.time >= authorized.expires)
            }
            // By the caller, or because too many starts were refused.
            "cancelled" if raw.actor().0 == "agent" => authorized,
            "cancelled" => authorized && self.refusals == MISMATCHES && self.last_kind == "execution.refused",
            "subject_erased" => true,
            _ => false,
        };
        check(fits, || format!("closed as {} while {:?}", raw.text("how"), self.stage))?;
        self.stage = Stage::Closed;
        Ok(())
    }
}
