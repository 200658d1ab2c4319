//! A rule: its annotations, what they mean, and where it stands.

use std::collections::BTreeMap;

use cedar_policy::pst;

use crate::catalogue::Catalogue;
use crate::decision::{Effect, Escalation, Requirement};
use crate::duration::parse_duration;
use crate::names::check_name;
use crate::reads::Reads;
use crate::scope::Scope;
use crate::spelling::suggestion;

/// Annotations that a rule may have.
const ANNOTATIONS: [&str; 9] =
    ["id", "review", "quorum", "expires", "escalate", "signature", "standing", "message", "risk"];
/// Most members that a rule may ask for.
const MOST_QUORUM: u32 = 20;
/// Longest `@message`, in bytes.
const MOST_MESSAGE: usize = 400;
/// How long a review stays open where the rule does not say: a day.
pub const DEFAULT_EXPIRES_S: u64 = 24 * 3600;

/// A rule of a policy set.
#[derive(Debug)]
pub struct Rule {
    /// `@id`, unique in the set.
    pub id: String,
    /// What it does when it fires.
    pub effect: Effect,
    /// `@message`.
    pub message: Option<String>,
    /// `@review`: members of any of these groups may approve.
    pub groups: Vec<String>,
    /// `@quorum`: how many distinct members must approve.
    pub quorum: u32,
    /// `@expires`: how long the review stays open, in seconds.
    pub expires_s: u64,
    /// `@escalate`: who may decide too, if it waits so long.
    pub escalation: Option<Escalation>,
    /// `@signature("passkey")`: approvals are signed.
    pub signature: bool,
    /// `@standing`: how many seconds an approval given in advance may last; none is taken where absent.
    pub standing_s: Option<u64>,
    /// `@risk`: points.
    pub points: u32,
    /// The Cedar text.
    pub text: String,
    /// The file that it stands in.
    pub file: String,
    /// Its first line, counted from 1.
    pub line: u32,
    pub(crate) scope: Scope,
    pub(crate) reads: Reads,
    /// The rule as a permit under its own id, whatever its effect: so that each one that fires is listed.
    pub(crate) as_permit: cedar_policy::Policy,
    /// The rule as it was written, under its own id.
    pub(crate) as_written: cedar_policy::Policy,
    /// Scope and conditions without annotations: equal for rules that say the same.
    pub(crate) body: String,
}

impl Rule {
    /// Where in the payload the rule looks: member names from the payload down.
    pub fn payload_paths(&self) -> impl Iterator<Item = &[String]> {
        let below = |path: &&Vec<String>| path.first().is_some_and(|first| first == "payload");
        self.reads.values.iter().filter(below).filter_map(|path| path.get(1..)).filter(|path| !path.is_empty())
    }

    /// What a review rule asks for when it fires.
    pub(crate) fn requirement(&self) -> Requirement {
        Requirement {
            rule: self.id.clone(),
            groups: self.groups.clone(),
            quorum: self.quorum,
            expires_s: self.expires_s,
            escalation: self.escalation.clone(),
            signature: self.signature,
            standing_s: self.standing_s,
            message: self.message.clone(),
        }
    }
}

/// What the annotations of a rule say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Annotations {
    pub(crate) id: String,
    pub(crate) effect: Effect,
    pub(crate) message: Option<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) quorum: u32,
    pub(crate) expires_s: u64,
    pub(crate) escalation: Option<Escalation>,
    pub(crate) signature: bool,
    pub(crate) standing_s: Option<u64>,
    pub(crate) points: u32,
}

impl Annotations {
    /// Reads and checks the annotations. `problem` is told everything that is wrong.
    pub(crate) fn read(
        effect: pst::Effect,
        annotations: &BTreeMap<String, pst::SmolStr>,
        in_risk_folder: bool,
        catalogue: &Catalogue,
        problem: &mut impl FnMut(String),
    ) -> Self {
        for name in annotations.keys().filter(|name| !ANNOTATIONS.contains(&name.as_str())) {
            problem(format!("unknown annotation @{name}{}: remove or correct it", suggestion(name, ANNOTATIONS)));
        }
        let get = |name: &str| annotations.get(name).map(|text| text.as_str());
        let effect = effect_of(effect, &get, in_risk_folder, problem);
        let id = get("id").unwrap_or_else(|| {
            problem("the rule has no @id: name it, as in @id(\"refunds-small\")".to_owned());
            "unnamed"
        });
        check_name("rule id", id).unwrap_or_else(&mut *problem);
        if let Some(message) = get("message").filter(|message| message.is_empty() || message.len() > MOST_MESSAGE) {
            problem(format!("@message has {} bytes: write 1 to {MOST_MESSAGE}", message.len()));
        }
        let expires_s = get("expires").map_or(Ok(DEFAULT_EXPIRES_S), parse_duration).unwrap_or_else(|error| {
            problem(format!("@expires {error}"));
            DEFAULT_EXPIRES_S
        });
        Annotations {
            id: id.to_owned(),
            effect,
            message: get("message").map(str::to_owned),
            groups: get("review").map(|list| groups(list, catalogue, problem)).unwrap_or_default(),
            quorum: get("quorum").map_or(1, |text| number("quorum", text, MOST_QUORUM, problem)),
            expires_s,
            escalation: get("escalate").and_then(|text| escalation(text, expires_s, catalogue, problem)),
            signature: get("signature").is_some_and(|text| signature(text, problem)),
            standing_s: get("standing").and_then(|text| standing(text, get("signature").is_some(), problem)),
            points: get("risk").map_or(0, |text| number("risk", text, 100, problem)),
        }
    }
}

fn effect_of<'a>(
    effect: pst::Effect,
    get: &impl Fn(&str) -> Option<&'a str>,
    in_risk_folder: bool,
    problem: &mut impl FnMut(String),
) -> Effect {
    let (review, risk) = (get("review").is_some(), get("risk").is_some());
    for name in ["quorum", "expires", "escalate", "signature", "standing"] {
        if get(name).is_some() && !review {
            problem(format!("@{name} without @review: name the reviewers' group with @review(\"…\")"));
        }
    }
    if in_risk_folder != risk {
        problem(
            "rules with @risk stand in the folder risk/, and only they: move the rule or add @risk(\"points\")"
                .to_owned(),
        );
    }
    match (effect, review, risk) {
        (pst::Effect::Permit, false, false) => Effect::Permit,
        (pst::Effect::Permit, false, true) => Effect::Risk,
        (pst::Effect::Forbid, false, false) => Effect::Forbid,
        (pst::Effect::Forbid, true, false) => Effect::Review,
        (pst::Effect::Permit, true, _) => {
            problem("@review on a permit: reviews hold what a forbid catches, so write forbid".to_owned());
            Effect::Review
        }
        (pst::Effect::Forbid, _, true) => {
            problem("@risk on a forbid: risk rules only add points, so write permit".to_owned());
            Effect::Forbid
        }
    }
}

fn groups(list: &str, catalogue: &Catalogue, problem: &mut impl FnMut(String)) -> Vec<String> {
    let mut groups: Vec<String> = list.split(',').map(|group| group.trim().to_owned()).collect();
    groups.sort();
    groups.dedup();
    for group in groups.iter().filter(|group| !catalogue.review_groups.contains_key(*group)) {
        let near = suggestion(group, catalogue.review_groups.keys().map(String::as_str));
        problem(format!("unknown review group {group:?}{near}: list it under \"review_groups\" in entities.json"));
    }
    groups
}

/// `2h: managers`, with several groups `2h: managers, board`.
fn escalation(
    text: &str,
    expires_s: u64,
    catalogue: &Catalogue,
    problem: &mut impl FnMut(String),
) -> Option<Escalation> {
    let Some((after, list)) = text.split_once(':') else {
        problem(format!("@escalate({text:?}): write when and to whom, as in @escalate(\"2h: managers\")"));
        return None;
    };
    let groups = groups(list, catalogue, problem);
    match parse_duration(after.trim()) {
        Ok(after_s) if after_s < expires_s => Some(Escalation { after_s, groups }),
        Ok(_) => {
            problem(format!("@escalate({text:?}): the review has expired by then; escalate sooner"));
            None
        }
        Err(error) => {
            problem(format!("@escalate {error}"));
            None
        }
    }
}

fn signature(text: &str, problem: &mut impl FnMut(String)) -> bool {
    if text != "passkey" {
        problem(format!("@signature({text:?}): the one kind of signature is @signature(\"passkey\")"));
    }
    true
}

/// Longest time of a standing approval: 90 days.
const MOST_STANDING_S: u64 = 90 * 24 * 3_600;

fn standing(text: &str, signed: bool, problem: &mut impl FnMut(String)) -> Option<u64> {
    if signed {
        problem(
            "@standing beside @signature: what is given in advance signs nothing; leave one of them out".to_owned(),
        );
    }
    match parse_duration(text) {
        Ok(seconds) if seconds <= MOST_STANDING_S => Some(seconds),
        Ok(_) => {
            problem(format!("@standing({text:?}): at most 90 days"));
            None
        }
        Err(error) => {
            problem(format!("@standing {error}"));
            None
        }
    }
}

fn number(name: &str, text: &str, most: u32, problem: &mut impl FnMut(String)) -> u32 {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u32>() {
        Ok(number) if digits && (1..=most).contains(&number) => number,
        _ => {
            problem(format!("@{name}({text:?}): write a whole number from 1 to {most}"));
            most
        }
    }
}
