//! The index against looking at everything.
#![allow(clippy::unwrap_used)]

mod common;

use common::lives::*;
use common::truth::{Truth, naive};
use common::{Dice, read_on};
use countersign_evidence::record::{Category, Decision};
use countersign_evidence::time::Timestamp;
use countersign_index::{Index, Query, Without};
use countersign_wire::State;

fn some<T: Clone>(dice: &Dice, chance: usize, all: &[T]) -> Option<T> {
    dice.percent(chance).then(|| dice.pick(all).clone())
}

fn text(dice: &Dice, chance: usize, all: &[&str]) -> Option<String> {
    some(dice, chance, all).map(str::to_owned)
}

fn query(dice: &Dice, truths: &[Truth], narrow: usize) -> Query {
    let one = dice.pick(truths);
    let tools =
        ["fs/read", "pay/*", "pay/refund", "pay/refund*", "*", "none/such", "web%/*", "fs/write_file", "fs/write?file"];
    let words = [
        "invoice",
        "inv*",
        "munch*",
        "münch*",
        "or",
        "near",
        "quote\"d",
        "drop x",
        "berlin zebra",
        "risky",
        "grace",
        "factword",
        "responseword",
        "2026",
        "ops",
        "nested",
        "(beta)",
        "-alpha",
        "東京",
        "file",
        "load pay",
        "crab",
        "zo*",
    ];
    let at = |offset: i64| Timestamp::from_micros(one.time.as_micros() + offset);
    Query {
        agent: text(dice, narrow, &AGENTS),
        user: text(dice, narrow, &USERS),
        tool: text(dice, narrow, &tools),
        category: some(dice, narrow, &Category::ALL),
        decision: some(dice, narrow, &[Decision::Allow, Decision::Deny, Decision::Review]),
        state: some(dice, narrow, &State::ALL),
        rule: text(dice, narrow, &RULES),
        reviewer: text(dice, narrow / 2, &REVIEWERS),
        environment: text(dice, narrow, &ENVIRONMENTS),
        resource: some(dice, narrow / 2, &[one.resource.clone().unwrap_or("res".to_owned())]),
        text: text(dice, narrow, &words).filter(|text| !["東京"].contains(&text.as_str())),
        since: some(dice, narrow, &[at(0), at(-1), at(1), at(-50_000_000_000), at(50_000_000_000)]),
        until: some(dice, narrow, &[at(0), at(1), at(90_000_000), at(-90_000_000_000)]),
        session: some(dice, narrow, &[one.correlation.session_id.clone().unwrap_or("none".to_owned())]),
        trace: some(dice, narrow, &[one.correlation.trace_id.clone().unwrap_or("none".to_owned())]),
        without: without(dice, one, narrow),
        before: some(dice, narrow, &[one.positions[0], one.positions[0] + 1, 0]),
        limit: 1 + dice.below(30),
        environments: some(dice, narrow, &[ENVIRONMENTS[0].to_owned()]).into_iter().collect(),
        agents: some(dice, narrow, &[vec![AGENTS[0].to_owned(), "no-such".to_owned()], vec!["nobody".to_owned()]])
            .unwrap_or_default(),
    }
}

fn without(dice: &Dice, one: &Truth, narrow: usize) -> Vec<Without> {
    let all = [
        Without::Agent(one.agent.clone()),
        Without::Agent("no-such".to_owned()),
        Without::User(USERS[0].to_owned()),
        Without::Tool(one.tool.clone()),
        Without::Tool("pay/*".to_owned()),
        Without::Category(one.category),
        Without::Decision(Decision::Allow),
        Without::State(one.state),
        Without::Rule(RULES[0].to_owned()),
        Without::Reviewer(REVIEWERS[0].to_owned()),
        Without::Environment(one.environment.clone()),
        Without::Resource(one.resource.clone().unwrap_or("res".to_owned())),
        Without::Session(one.correlation.session_id.clone().unwrap_or("none".to_owned())),
        Without::Trace(one.correlation.trace_id.clone().unwrap_or("none".to_owned())),
    ];
    (0..2).filter_map(|_| some(dice, narrow, &all)).collect()
}

fn compare(index: &Index, truths: &[Truth], dice: &Dice, rounds: usize) {
    let mut found = 0;
    for round in 0..rounds {
        let narrow = [2, 8, 15, 30][round % 4];
        let query = query(dice, truths, narrow);
        let page = index.list(&query).unwrap();
        let (rows, next) = naive(truths, &query);
        found += rows.len();
        assert_eq!(page.actions, rows, "{query:?}");
        assert_eq!(page.next, next, "{query:?}");
        assert_eq!(page.as_of, index.position());
    }
    assert!(found > rounds, "the questions find something: {found}");
}

#[test]
fn lists_are_what_looking_at_everything_finds() {
    for seed in 0..4 {
        let mut lives = Lives::new(seed);
        let folder = tempfile::tempdir().unwrap();
        let index = lives.world.index(&folder.path().join("index.db"));
        for _ in 0..6 {
            for _ in 0..150 {
                lives.step();
            }
            lives.late();
            read_on(&index, &lives.world.log, 1 + lives.world.dice.below(60));
            compare(&index, &lives.truths(), &Dice::new(seed + 100), 60);
        }
        lives.erase(USERS[seed as usize]);
        read_on(&index, &lives.world.log, 7);
        compare(&index, &lives.truths(), &Dice::new(seed + 200), 400);
    }
}

#[test]
fn pages_follow_each_other_without_gap_or_overlap() {
    let mut lives = Lives::new(9);
    (0..800).for_each(|_| lives.step());
    let folder = tempfile::tempdir().unwrap();
    let index = lives.world.index(&folder.path().join("index.db"));
    read_on(&index, &lives.world.log, 64);
    for first in
        [Query { limit: 7, ..Query::default() }, Query { limit: 7, text: Some("body".to_owned()), ..Query::default() }]
    {
        let (all, _) = naive(&lives.truths(), &Query { limit: 100_000, ..first.clone() });
        let (mut paged, mut query) = (Vec::new(), first);
        loop {
            let page = index.list(&query).unwrap();
            // New actions between two pages change nothing of those that follow.
            lives.step();
            read_on(&index, &lives.world.log, 64);
            paged.extend(page.actions.iter().map(|row| row.action));
            match page.next {
                Some(next) => query.before = Some(next),
                None => break,
            }
        }
        assert!(paged == all.iter().map(|row| row.action).collect::<Vec<_>>());
    }
}

#[test]
fn every_id_leads_to_its_action() {
    let mut lives = Lives::new(5);
    (0..600).for_each(|_| lives.step());
    let folder = tempfile::tempdir().unwrap();
    let index = lives.world.index(&folder.path().join("index.db"));
    read_on(&index, &lives.world.log, 50);
    let truths = lives.truths();
    for truth in &truths {
        assert_eq!(index.by_request(truth.key, &truth.request_id).unwrap(), Some(truth.action));
        assert_eq!(index.by_request(uuid::Uuid::from_u128(99), &truth.request_id).unwrap(), None);
        if let Some(request_id) = &truth.redeemed_by {
            assert_eq!(index.by_request(truth.key, request_id).unwrap(), Some(truth.action));
            assert_eq!(index.by_request(uuid::Uuid::from_u128(99), request_id).unwrap(), None);
        }
        assert_eq!(index.positions(truth.action).unwrap(), Some(truth.positions.clone()));
        let row = index.get(truth.action).unwrap().unwrap();
        assert_eq!((&row.request_id, &row.redeemed_by), (&truth.request_id, &truth.redeemed_by));
        assert_eq!((row.key, row.state), (truth.key, truth.state));
        assert_eq!((&row.trace, &row.session), (&truth.correlation.trace_id, &truth.correlation.session_id));
        assert_eq!((&row.call, &row.downstream), (&truth.correlation.call_id, &truth.downstream));
        let ids = [
            ("action", Some(truth.action.to_string())),
            ("request", Some(truth.request_id.clone())),
            ("request", truth.redeemed_by.clone()),
            ("call", truth.correlation.call_id.clone()),
            ("trace", truth.correlation.trace_id.clone()),
            ("session", truth.correlation.session_id.clone()),
            ("conversation", truth.correlation.conversation_id.clone()),
            ("ticket", truth.correlation.ticket.clone()),
            ("downstream_request", truth.downstream.clone()),
            ("key", Some(truth.key.to_string())),
            ("reviewer", truth.reviewers.first().cloned()),
        ];
        for (kind, id) in ids {
            let Some(id) = id else { continue };
            let found = index.resolve(&id, &[], &[]).unwrap().unwrap();
            assert_eq!(found.kind, kind);
            assert!(found.actions.contains(&truth.action), "{kind} {id}");
            let elsewhere = index.resolve(&id, &["nowhere".to_owned()], &[]).unwrap();
            assert_eq!(elsewhere, None, "a reader sees only what lies within its limits");
        }
    }
    assert_eq!(index.resolve("no-such-id", &[], &[]).unwrap(), None);
    assert!(index.resolve("", &[], &[]).is_err());
}

#[test]
fn the_gate_learns_what_it_must_know_again() {
    let mut lives = Lives::new(6);
    (0..700).for_each(|_| lives.step());
    let folder = tempfile::tempdir().unwrap();
    let index = lives.world.index(&folder.path().join("index.db"));
    read_on(&index, &lives.world.log, 64);
    let truths = lives.truths();
    let mut open: Vec<_> = lives.open.iter().map(|life| (life.truth.action, life.truth.positions.clone())).collect();
    open.sort_by(|a, b| a.1.cmp(&b.1));
    assert_eq!(index.open_actions().unwrap(), open);
    let since = truths[truths.len() / 2].time;
    let late: Vec<&Truth> = truths.iter().filter(|truth| truth.time >= since).collect();
    let counted: u32 = index.actions_per_minute(since).unwrap().iter().map(|(_, _, count)| count).sum();
    assert_eq!(counted as usize, late.len());
    let denied = late.iter().filter(|truth| truth.decision == Some(Decision::Deny)).count();
    assert_eq!(index.denials_since(since).unwrap().len(), denied);
    let used: std::collections::BTreeSet<_> =
        truths.iter().filter(|truth| truth.used).map(|truth| (truth.agent.clone(), truth.tool.clone(), None)).collect();
    assert_eq!(index.tools_used().unwrap().into_iter().collect::<std::collections::BTreeSet<_>>(), used);
    let tools = ["pay/refund".to_owned(), "fs/read".to_owned()].into();
    let mut of_tools: Vec<_> = late
        .iter()
        .filter(|truth| ["pay/refund", "fs/read"].contains(&truth.tool.as_str()))
        .map(|truth| truth.positions.clone())
        .collect();
    of_tools.sort();
    assert_eq!(index.actions_of_tools(&tools, since).unwrap(), of_tools);
}
