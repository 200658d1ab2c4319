//! Judges a whole log and every answer that was given.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use countersign_evidence::json::Value;
use countersign_evidence::record::Refusal;
use countersign_gate::GateError;
use countersign_wire::ActionView;
use uuid::Uuid;

use crate::ask::{Ask, Asked, Told};
use crate::life::{Around, Life};
use crate::policies::POLICIES;
use crate::raw::{Check, Raw, check};
use crate::world::{MISMATCHES, World};

/// All actions of a log.
pub struct Lives {
    lives: HashMap<String, Life>,
}

/// Reads the log, then the answers.
///
/// # Errors
/// The first rule that is broken, and where.
pub fn judge(log: &[String], asked: &[Asked], world: &World) -> Result<Lives, String> {
    let by_number: BTreeMap<u64, &Asked> = asked.iter().map(|asked| (asked.number, asked)).collect();
    let raws: Vec<Raw> = log.iter().enumerate().map(|(position, text)| Raw::read(position, text)).collect();
    let mut lives = Lives { lives: HashMap::new() };
    let (mut time, mut policy, mut ids) = (0, None, BTreeSet::new());
    let mut names = BTreeSet::new();
    for raw in &raws {
        let told = |why: String| format!("position {}: {}: {why}\n{}", raw.position, raw.kind(), raw.json);
        check(raw.time >= time, || told("time goes back".to_owned()))?;
        check(ids.insert(raw.json["id"].to_string()), || told("its id is taken".to_owned()))?;
        time = raw.time;
        let Some(action) = raw.action() else {
            if raw.kind() == "policy.activated" {
                policy = POLICIES.iter().find(|policy| policy.version == raw.text("version"));
            }
            continue;
        };
        let policy = policy.ok_or_else(|| told("no policy is in force".to_owned()))?;
        let around = Around { asked: &by_number, world, policy };
        match lives.lives.get_mut(action) {
            Some(life) => life.next(raw, &around).map_err(told)?,
            None => {
                check(raw.kind() == "action.proposed", || told("an action does not begin with it".to_owned()))?;
                let life = Life::begin(raw, &around).map_err(told)?;
                let name = (life.caller, life.request_id.clone());
                check(names.insert(name), || told("its request id is taken".to_owned()))?;
                lives.lives.insert(action.to_owned(), life);
            }
        }
    }
    let together = |pair: &[Raw]| {
        pair[0].kind() != "action.proposed"
            || (pair[1].kind() == "action.decided" && pair[0].action() == pair[1].action())
    };
    check(raws.windows(2).all(together), || "a proposal without its decision".to_owned())?;
    for asked in asked {
        lives.check_answer(asked, &raws).map_err(|why| format!("{why}\n{asked:#?}"))?;
    }
    Ok(lives)
}

/// The clear mark of the request that caused a record.
fn mark(raw: &Raw) -> Option<u64> {
    let number = |value: &serde_json::Value| {
        value.as_str().map_or_else(|| value.as_u64(), |text| text.trim_start_matches("ask-").parse().ok())
    };
    match raw.kind() {
        "action.proposed" => number(&raw.body("correlation")["call_id"]),
        "review.decided" => number(raw.body("active_ms")),
        "execution.finished" => number(raw.body("duration_us")),
        "review.cancelled" => number(raw.body("why")),
        _ => None,
    }
}

impl Lives {
    fn check_answer(&self, asked: &Asked, raws: &[Raw]) -> Check {
        let caused = || raws.iter().any(|raw| mark(raw) == Some(asked.number));
        match &asked.told {
            Told::View(view) => self.check_view(asked, view, raws),
            Told::Refused(GateError::Unavailable(_)) | Told::Unheard | Told::Done => Ok(()),
            Told::Refused(GateError::Refused { refusal, action }) => self.check_refused(asked, *refusal, *action, raws),
            Told::Refused(GateError::Broken(why)) => Err(format!("broken: {why}")),
            Told::Refused(_) => check(!caused(), || "an error that left a record".to_owned()),
        }
    }

    fn life(&self, action: Uuid) -> Result<&Life, String> {
        self.lives.get(&action.to_string()).ok_or_else(|| "the log has no such action".to_owned())
    }

    fn check_view(&self, asked: &Asked, view: &ActionView, raws: &[Raw]) -> Check {
        let life = self.life(view.action)?;
        check(view.position < asked.durable, || format!("answered before it was durable ({} records)", asked.durable))?;
        let told = life.told.iter().find(|(position, _)| *position == view.position);
        let (_, state) = told.ok_or("its position is none of the action's records")?;
        check(*state == view.state.as_str(), || format!("at that position it was {state}"))?;
        let at = &raws[view.position as usize];
        check(at.action() == Some(&view.action.to_string()), || "another action lies at its position".to_owned())?;
        match &asked.ask {
            Ask::Propose { caller, request_id, agent, user, tool: _, payload, start, redeem } => {
                let same = life.caller == *caller
                    && life.agent == *agent
                    && life.user == *user
                    && life.payloads[0].1 == *payload;
                check(same, || "answered with another action than proposed".to_owned())?;
                check(life.request_id == *request_id || *redeem, || {
                    "answered with another request's action".to_owned()
                })?;
                let begun = view.execution.as_ref().filter(|_| view.state.as_str() == "executing");
                match (start, begun) {
                    (Some(attempt), Some(execution)) if execution.attempt == *attempt => {
                        self.check_go(life, attempt, request_id, payload)
                    }
                    _ => Ok(()),
                }
            }
            Ask::Start { attempt, request_id, payload, .. } => {
                let ours = view.execution.as_ref().is_some_and(|execution| execution.attempt == *attempt);
                check(ours, || "a go-ahead for another attempt".to_owned())?;
                let request_id = request_id.as_ref().unwrap_or(&life.request_id);
                self.check_go(life, attempt, request_id, payload)
            }
            Ask::Finish { attempt, outcome, .. } => {
                let started = life.started.as_ref().is_some_and(|started| started.attempt == *attempt);
                let same = view.execution.as_ref().is_some_and(|execution| execution.outcome == Some(*outcome));
                check(started && same, || "finished as something else".to_owned())
            }
            Ask::Cancel { .. } => {
                check(["closed", "denied"].contains(&view.state.as_str()), || "given up and still open".to_owned())
            }
            Ask::Decide { .. } => {
                let recorded = raws.iter().any(|raw| mark(raw) == Some(asked.number) && raw.kind() == "review.decided");
                check(recorded, || "a decision that is not recorded".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn check_go(&self, life: &Life, attempt: &str, request_id: &str, payload: &Value) -> Check {
        let started = life.started.as_ref().ok_or("a go-ahead without execution.started")?;
        check(started.attempt == *attempt, || "a go-ahead for another attempt than recorded".to_owned())?;
        check(started.request_id == request_id, || "a go-ahead for another request than recorded".to_owned())?;
        check(life.payloads[started.version].1 == *payload, || {
            "a go-ahead for another payload than authorized".to_owned()
        })
    }

    fn check_refused(&self, asked: &Asked, refusal: Refusal, action: Uuid, raws: &[Raw]) -> Check {
        self.life(action)?;
        let attempt = match &asked.ask {
            Ask::Start { attempt, .. } => attempt,
            Ask::Propose { start: Some(attempt), .. } => attempt,
            _ => return Err("refused though nothing was to start".to_owned()),
        };
        let id = action.to_string();
        let durable = raws.iter().take(asked.durable as usize).filter(|raw| raw.action() == Some(&id));
        let (mut recorded, mut since, mut past) = (false, 0, false);
        for raw in durable {
            match raw.kind() {
                "execution.refused" => {
                    recorded |= raw.text("attempt") == attempt && raw.text("refusal") == refusal.as_str();
                    since += 1;
                    // Past the limit it is answered and no longer recorded: nothing can be started then.
                    past |= since >= MISMATCHES;
                }
                "action.authorized" => since = 0,
                _ => {}
            }
        }
        check(recorded || past, || "a refusal that is not recorded".to_owned())
    }

    /// What the gate says at last.
    pub fn check_final(&self, action: Uuid, view: Option<&ActionView>, user: Option<&str>) -> Check {
        let life = self.life(action)?;
        let Some(view) = view else {
            // Erasing a person takes the views of its actions along; what is open must not be among them.
            return check(user.is_some() && !life.is_open(), || format!("the open action {action} is gone"));
        };
        let (position, state) = *life.told.last().ok_or("no record")?;
        check(view.position == position && view.state.as_str() == state, || {
            format!("the gate says {} at {}, the log {state} at {position}", view.state.as_str(), view.position)
        })
    }
}
