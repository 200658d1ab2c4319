//! Facts from the trail itself that rules may read: who did how much lately.
//!
//! Facts are taken and counted under one lock in the order of arrival, before the queue. Two proposals at the same time
//! therefore never see the same count, and a decision never has to be made again because of its neighbour.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use countersign_evidence::digest::Digest;
use countersign_evidence::time::Timestamp;
use countersign_policy::{Amount, Catalogue, FactName, Facts};
use parking_lot::Mutex;
use uuid::Uuid;

const MINUTE_US: i64 = 60_000_000;
const HOUR_MIN: i64 = 60;
const DAY_MIN: i64 = 24 * 60;
/// Agents, tools and payloads remembered at most; past that the oldest are forgotten, which only makes rules see more
/// first uses and fewer denials.
const MOST_REMEMBERED: usize = 200_000;

/// Definitions of one tool remembered at most; any further one counts as changed.
const MOST_DEFINITIONS: usize = 1_000;

/// Counters over the recent past.
#[derive(Default)]
pub(crate) struct History(Mutex<Counters>);

#[derive(Default)]
struct Counters {
    agents: HashMap<String, AgentCounters>,
    used: HashSet<(String, String)>,
    /// The definitions with which a tool was authorized.
    definitions: HashMap<String, HashSet<Digest>>,
    denials: HashMap<[u8; 16], VecDeque<i64>>,
    denials_by_age: VecDeque<(i64, [u8; 16])>,
    /// Evaluations that nobody was asked about, and when they were counted.
    evaluated: HashMap<Uuid, Timestamp>,
    evaluated_by_age: VecDeque<(Timestamp, Uuid)>,
}

#[derive(Default)]
struct AgentCounters {
    minutes: VecDeque<(i64, u32)>,
    sums: HashMap<String, VecDeque<(i64, Amount)>>,
    pending: u32,
}

/// What a proposal is counted under.
pub(crate) struct Subject<'a> {
    pub(crate) agent: &'a str,
    pub(crate) tool: &'a str,
    /// The tool's definition, where it has one.
    pub(crate) definition: Option<Digest>,
    /// Whether who asks sees definitions: for an MCP gateway one that is gone is a change, too.
    pub(crate) sees_definitions: bool,
    pub(crate) fingerprint: [u8; 16],
    /// What this proposal adds to each sum.
    pub(crate) amounts: BTreeMap<String, Amount>,
}

fn minute(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(MINUTE_US)
}

impl History {
    /// The wanted facts as they are before this proposal, which counts from now on.
    pub(crate) fn take(
        &self,
        subject: &Subject<'_>,
        wanted: &BTreeSet<FactName>,
        catalogue: &Catalogue,
        now: Timestamp,
    ) -> Facts {
        let mut counters = self.0.lock();
        let facts = counters.facts(subject, wanted, catalogue, minute(now));
        counters.count(subject, minute(now));
        facts
    }

    /// The wanted facts as they are. Nothing counts.
    pub(crate) fn peek(
        &self,
        subject: &Subject<'_>,
        wanted: &BTreeSet<FactName>,
        catalogue: &Catalogue,
        now: Timestamp,
    ) -> Facts {
        self.0.lock().facts(subject, wanted, catalogue, minute(now))
    }

    /// The wanted facts for a decision that is made again: as they are, without what this proposal itself counted.
    pub(crate) fn look(
        &self,
        subject: &Subject<'_>,
        wanted: &BTreeSet<FactName>,
        catalogue: &Catalogue,
        proposed_at: Timestamp,
        now: Timestamp,
    ) -> Facts {
        let mut facts = self.peek(subject, wanted, catalogue, now);
        let ago = minute(now) - minute(proposed_at);
        if ago < HOUR_MIN {
            facts.actions_last_hour = facts.actions_last_hour.map(|count| count.saturating_sub(1));
        }
        for (name, own) in &subject.amounts {
            let window = catalogue.sums.get(name).map_or(0, countersign_policy::Sum::window_s);
            if let Some(sum) = facts.sums.get_mut(name).filter(|_| ago < i64::try_from(window / 60).unwrap_or(i64::MAX))
            {
                *sum = sum.checked_sub(*own).unwrap_or(*sum);
            }
        }
        facts
    }

    /// An evaluation that nobody is asked about yet: asked for, it is still one action.
    pub(crate) fn evaluated(&self, evaluation: Uuid, now: Timestamp) {
        let mut counters = self.0.lock();
        while counters.evaluated_by_age.len() >= MOST_REMEMBERED
            || counters.evaluated_by_age.front().is_some_and(|(then, _)| now.since(*then) > HOUR_MIN * MINUTE_US)
        {
            let Some((_, oldest)) = counters.evaluated_by_age.pop_front() else { break };
            counters.evaluated.remove(&oldest);
        }
        counters.evaluated.insert(evaluation, now);
        counters.evaluated_by_age.push_back((now, evaluation));
    }

    /// When the evaluation was counted that is now asked for. Told once: whoever asks twice counts twice, as does whoever
    /// asks after a restart.
    pub(crate) fn asked_for(&self, evaluation: Uuid) -> Option<Timestamp> {
        self.0.lock().evaluated.remove(&evaluation)
    }

    pub(crate) fn denied(&self, fingerprint: [u8; 16], now: Timestamp) {
        self.0.lock().denied(fingerprint, minute(now));
    }

    pub(crate) fn authorized(&self, agent: &str, tool: &str, definition: Option<Digest>) {
        let mut counters = self.0.lock();
        if let Some(definition) = definition {
            counters.definition(tool, definition);
        }
        if counters.used.len() < MOST_REMEMBERED {
            counters.used.insert((agent.to_owned(), tool.to_owned()));
        }
    }

    pub(crate) fn review_began(&self, agent: &str) {
        self.0.lock().agent(agent).pending += 1;
    }

    pub(crate) fn review_ended(&self, agent: &str) {
        let mut counters = self.0.lock();
        let pending = &mut counters.agent(agent).pending;
        *pending = pending.saturating_sub(1);
    }

    /// Counts an action of the past, while the gate rebuilds its state.
    pub(crate) fn restore(&self, agent: &str, actions: u32, at: Timestamp) {
        self.0.lock().agent(agent).minutes.push_back((minute(at), actions));
    }

    pub(crate) fn restore_sum(&self, agent: &str, sum: &str, amount: Amount, at: Timestamp) {
        let mut counters = self.0.lock();
        counters.agent(agent).sums.entry(sum.to_owned()).or_default().push_back((minute(at), amount));
    }
}

impl Counters {
    fn definition(&mut self, tool: &str, definition: Digest) {
        if !self.definitions.contains_key(tool) {
            if self.definitions.len() >= MOST_REMEMBERED {
                return;
            }
            self.definitions.insert(tool.to_owned(), HashSet::new());
        }
        let known = self.definitions.get_mut(tool);
        known.filter(|known| known.len() < MOST_DEFINITIONS).map(|known| known.insert(definition));
    }

    fn agent(&mut self, agent: &str) -> &mut AgentCounters {
        if !self.agents.contains_key(agent) && self.agents.len() >= MOST_REMEMBERED {
            self.agents.retain(|_, counters| counters.pending > 0);
        }
        self.agents.entry(agent.to_owned()).or_default()
    }

    fn facts(&mut self, subject: &Subject<'_>, wanted: &BTreeSet<FactName>, catalogue: &Catalogue, now: i64) -> Facts {
        let mut facts = Facts::default();
        for fact in wanted {
            match fact {
                FactName::ActionsLastHour => facts.actions_last_hour = Some(self.agent(subject.agent).lately(now)),
                FactName::DenialsOfPayloadLastDay => {
                    facts.denials_of_payload_last_day = Some(self.denials(&subject.fingerprint, now));
                }
                FactName::FirstUseOfTool => {
                    let pair = (subject.agent.to_owned(), subject.tool.to_owned());
                    facts.first_use_of_tool = Some(!self.used.contains(&pair));
                }
                FactName::ReviewsPending => facts.reviews_pending = Some(self.agent(subject.agent).pending),
                FactName::ToolChanged => {
                    let known = self.definitions.get(subject.tool);
                    let same = |known: &HashSet<Digest>| match subject.definition {
                        Some(now) => known.contains(&now),
                        None => !subject.sees_definitions,
                    };
                    facts.tool_changed = Some(known.is_some_and(|known| !same(known)));
                }
                FactName::Sum(name) => {
                    let window = catalogue.sums.get(name).map_or(0, countersign_policy::Sum::window_s);
                    let since = now - i64::try_from(window / 60).unwrap_or(i64::MAX / 2);
                    if let Some(sum) = self.agent(subject.agent).sum(name, since) {
                        facts.sums.insert(name.clone(), sum);
                    }
                }
            }
        }
        facts
    }

    fn count(&mut self, subject: &Subject<'_>, now: i64) {
        let counters = self.agent(subject.agent);
        match counters.minutes.back_mut() {
            Some((minute, count)) if *minute >= now => *count = count.saturating_add(1),
            _ => counters.minutes.push_back((now, 1)),
        }
        for (name, amount) in &subject.amounts {
            let sums = counters.sums.entry(name.clone()).or_default();
            match sums.back_mut() {
                Some((minute, sum)) if *minute >= now => *sum = sum.checked_add(*amount).unwrap_or(*sum),
                _ => sums.push_back((now, *amount)),
            }
        }
    }

    fn denials(&mut self, fingerprint: &[u8; 16], now: i64) -> u32 {
        let held = self.denials.get(fingerprint);
        let count = held.map_or(0, |minutes| minutes.iter().filter(|minute| **minute > now - DAY_MIN).count());
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn denied(&mut self, fingerprint: [u8; 16], now: i64) {
        while self.denials_by_age.len() >= MOST_REMEMBERED
            || self.denials_by_age.front().is_some_and(|(minute, _)| *minute <= now - DAY_MIN)
        {
            let Some((_, oldest)) = self.denials_by_age.pop_front() else { break };
            if let Some(minutes) = self.denials.get_mut(&oldest) {
                minutes.pop_front();
                if minutes.is_empty() {
                    self.denials.remove(&oldest);
                }
            }
        }
        self.denials.entry(fingerprint).or_default().push_back(now);
        self.denials_by_age.push_back((now, fingerprint));
    }
}

impl AgentCounters {
    fn lately(&mut self, now: i64) -> u32 {
        while self.minutes.front().is_some_and(|(minute, _)| *minute <= now - HOUR_MIN) {
            self.minutes.pop_front();
        }
        self.minutes.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// `None` where the sum leaves its range: a rule that reads it then fails, and denies.
    fn sum(&mut self, name: &str, since: i64) -> Option<Amount> {
        let Some(minutes) = self.sums.get_mut(name) else { return Some(Amount::default()) };
        while minutes.front().is_some_and(|(minute, _)| *minute <= since) {
            minutes.pop_front();
        }
        minutes.iter().try_fold(Amount::default(), |sum, (_, amount)| sum.checked_add(*amount))
    }
}
