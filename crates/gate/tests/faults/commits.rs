//! A fixed scenario; the journal fails at each of its commits in turn, in both ways.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_evidence::record::Outcome;
use countersign_gate::testing::{Setup, TestGate, agent, amount_of, pay, reviewer, start};
use countersign_gate::{GateError, WriterState};
use countersign_journal::Journal;
use countersign_journal::faulty::{Fault, FaultyJournal, Verb};
use countersign_wire::{ActionView, CancelRequest, ProposeRequest, StartNow};
use parking_lot::Mutex;

use crate::{finish, records};

/// How many steps [`step`] knows.
const STEPS: usize = 13;

/// One step, by the same ids however often it is taken.
async fn step(test: &TestGate, number: usize) -> Result<Option<ActionView>, GateError> {
    let (gate, key) = (&test.gate, agent(1));
    // Asking again for what was proposed names the action.
    let named = async |id: &str, amount| gate.propose(&key, pay(id, "bot", amount)).await.map(|view| view.action);
    let approve = async |n, id, amount| {
        let by = reviewer(n, &["finance"], None);
        let (action, person) = (named(id, amount).await?, by.person.clone().unwrap().id.to_string());
        let waits = gate.reviews(&by)?.into_iter().find(|review| review.action == action);
        let seated = |review: &countersign_wire::PendingReview| {
            review.requirements.iter().flat_map(|one| &one.approvals).any(|seat| seat.person == person)
        };
        // It has happened before, though nobody heard the answer.
        if waits.is_none_or(|review| seated(&review)) {
            return gate.action(&key, action, 0).await;
        }
        test.approve(&by, action).await
    };
    let view = match number {
        0 => gate.propose(&key, pay("r-0", "bot", 50)).await?,
        1 => gate.start(&key, named("r-0", 50).await?, start("a-0", amount_of(50))).await?,
        2 => gate.finish(&key, named("r-0", 50).await?, finish("a-0", Outcome::Succeeded)).await?,
        3 => gate.propose(&key, pay("r-1", "bot", 200)).await?,
        4 => approve(1, "r-1", 200).await?,
        5 => approve(2, "r-1", 200).await?,
        6 => gate.start(&key, named("r-1", 200).await?, start("a-1", amount_of(200))).await?,
        7 => gate.finish(&key, named("r-1", 200).await?, finish("a-1", Outcome::Failed)).await?,
        8 => {
            let at_once = StartNow { attempt: "a-2".to_owned(), executor: None, deadline_s: None };
            gate.propose(&key, ProposeRequest { start_if_allowed: Some(at_once), ..pay("r-2", "bot", 60) }).await?
        }
        9 => gate.finish(&key, named("r-2", 60).await?, finish("a-2", Outcome::Unknown)).await?,
        10 => gate.propose(&key, pay("r-3", "bot", 300)).await?,
        11 => gate.cancel(&key, named("r-3", 300).await?, CancelRequest::default()).await?,
        _ => gate.propose(&key, pay("r-4", "bot", 5_000)).await?,
    };
    Ok(Some(view))
}

async fn checked_step(test: &TestGate, number: usize) -> Result<(), GateError> {
    let view = step(test, number).await?.unwrap();
    // No answer that is not durable.
    let all = records(test).await;
    assert_eq!(all[view.position as usize]["action"], view.action.to_string(), "step {number}");
    Ok(())
}

async fn failing_gate() -> (TestGate, Arc<FaultyJournal>) {
    let slot: Arc<Mutex<Option<Arc<FaultyJournal>>>> = Arc::default();
    let filled = Arc::clone(&slot);
    let wrap = move |inner: Arc<dyn Journal>| -> Arc<dyn Journal> {
        let failing = Arc::new(FaultyJournal::new(inner));
        *filled.lock() = Some(Arc::clone(&failing));
        failing
    };
    let test = TestGate::open(Setup { wrap: Box::new(wrap), ..Setup::default() }).await;
    let failing = slot.lock().take().unwrap();
    (test, failing)
}

/// How often each type of record occurs, but for those that say when the log was opened.
async fn census(test: &TestGate) -> BTreeMap<String, usize> {
    let mut census = BTreeMap::new();
    for record in records(test).await.iter().filter(|record| record["type"] != "log.opened") {
        *census.entry(record["type"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    census
}

#[tokio::test]
async fn at_every_commit_in_both_ways() {
    let (test, _) = failing_gate().await;
    for number in 0..STEPS {
        checked_step(&test, number).await.unwrap();
    }
    let undisturbed = census(&test).await;
    let mut failures = 0;
    for fault in [Fault::Before, Fault::After] {
        for k in 0.. {
            let (mut test, failing) = failing_gate().await;
            failing.fail(Verb::Append, k, fault);
            for number in 0..STEPS {
                if let Err(error) = checked_step(&test, number).await {
                    assert!(matches!(error, GateError::Unavailable(_)), "{fault:?} {k}, step {number}: {error}");
                    failures += 1;
                    stopped(&test).await;
                    test.restart().await.unwrap();
                    checked_step(&test, number)
                        .await
                        .unwrap_or_else(|error| panic!("{fault:?} {k}, {number}: {error}"));
                }
            }
            // Nothing happened twice, nothing is missing.
            assert_eq!(census(&test).await, undisturbed, "{fault:?} at commit {k}");
            if !failing.is_spent() {
                break;
            }
        }
    }
    assert_eq!(failures, 2 * STEPS, "each step is one commit, and each has failed in both ways");
}

/// After a failure nothing is accepted and nothing is written, although the disk works again.
async fn stopped(test: &TestGate) {
    test.gate.stopped().await;
    assert!(matches!(test.gate.writer_state(), WriterState::Stopped(_)));
    let before = records(test).await.len();
    let refused = test.gate.propose(&agent(1), pay("r-new", "bot", 1)).await;
    assert!(matches!(refused, Err(GateError::Unavailable(_))));
    assert!(matches!(test.gate.sweep().await, Err(GateError::Unavailable(_))));
    assert_eq!(records(test).await.len(), before);
}
