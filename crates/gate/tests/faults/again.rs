//! The same message again: after a restart, and after the index has taken over what the gate let go of.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use countersign_evidence::record::Outcome;
use countersign_gate::Settings;
use countersign_gate::testing::{Setup, TestGate, agent, amount_of, gateway, pay, start};
use countersign_wire::{ActionView, CancelRequest, State};

use crate::disk::Disk;
use crate::{finish, kinds, name, records};

async fn same_answers(test: &TestGate, ended: &ActionView, denied: &ActionView) {
    let (gate, key) = (&test.gate, agent(1));
    let same = |view: ActionView, other: &ActionView| {
        assert_eq!(
            (view.action, view.state, view.position, view.execution),
            (other.action, other.state, other.position, other.execution.clone())
        );
    };
    same(gate.propose(&key, pay("r-1", "bot", 50)).await.unwrap(), ended);
    same(gate.propose(&key, pay("r-2", "bot", 5_000)).await.unwrap(), denied);
    same(gate.start(&key, ended.action, start("a-1", amount_of(50))).await.unwrap(), ended);
    same(gate.finish(&key, ended.action, finish("a-1", Outcome::Succeeded)).await.unwrap(), ended);
    same(gate.cancel(&key, denied.action, CancelRequest::default()).await.unwrap(), denied);
    assert_eq!(name(gate.propose(&key, pay("r-1", "bot", 51)).await), "request_replayed");
    assert_eq!(name(gate.propose(&key, pay("r-1", "other", 50)).await), "request_replayed");
    assert_eq!(name(gate.finish(&key, ended.action, finish("a-1", Outcome::Failed)).await), "wrong_state");
    assert_eq!(name(gate.finish(&key, ended.action, finish("a-2", Outcome::Succeeded)).await), "wrong_state");
    assert_eq!(name(gate.cancel(&key, ended.action, CancelRequest::default()).await), "wrong_state");
    // Another key's request ids are its own, and it does not see this action.
    assert_eq!(name(gate.start(&gateway(2), ended.action, start("a-1", amount_of(50))).await), "not_found");
}

#[tokio::test]
async fn gives_the_same_answer() {
    let mut test = TestGate::open(Setup { follow: false, ..Setup::default() }).await;
    let key = agent(1);
    let action = test.gate.propose(&key, pay("r-1", "bot", 50)).await.unwrap().action;
    test.gate.start(&key, action, start("a-1", amount_of(50))).await.unwrap();
    let ended = test.gate.finish(&key, action, finish("a-1", Outcome::Succeeded)).await.unwrap();
    let denied = test.gate.propose(&key, pay("r-2", "bot", 5_000)).await.unwrap();
    let before = records(&test).await.len();
    same_answers(&test, &ended, &denied).await;
    assert_eq!(test.gate.held_actions(), 2);
    test.index_all().await;
    test.gate.sweep().await.unwrap();
    assert_eq!(test.gate.held_actions(), 0, "the index answers for both now");
    same_answers(&test, &ended, &denied).await;
    assert_eq!(records(&test).await.len(), before, "nothing of that is news");
    test.restart().await.unwrap();
    same_answers(&test, &ended, &denied).await;
    test.delete_index();
    test.restart().await.unwrap();
    same_answers(&test, &ended, &denied).await;
    // A start that is refused is recorded, also where the gate has let go of the action.
    assert_eq!(name(test.gate.start(&key, ended.action, start("a-9", amount_of(50))).await), "already_used");
    assert_eq!(kinds(&test, ended.action).await.last().unwrap(), "execution.refused");
}

#[tokio::test]
async fn a_finish_that_comes_late_is_accepted_and_marked() {
    let settings = Settings { execution_deadline_s: 5, ..Settings::default() };
    let mut test = TestGate::open(Setup { settings, follow: false, ..Setup::default() }).await;
    let key = agent(1);
    for (n, indexed) in [("1", false), ("2", true)] {
        let action = test.gate.propose(&key, pay(n, "bot", 50)).await.unwrap().action;
        test.gate.start(&key, action, start("a", amount_of(50))).await.unwrap();
        test.clock.advance(6);
        test.restart().await.unwrap();
        test.gate.sweep().await.unwrap();
        assert_eq!(test.gate.action(&key, action, 0).await.unwrap().state, State::Unknown);
        if indexed {
            test.restart().await.unwrap();
            test.gate.sweep().await.unwrap();
            assert_eq!(test.gate.held_actions(), 0);
        }
        let view = test.gate.finish(&key, action, finish("a", Outcome::Succeeded)).await.unwrap();
        assert_eq!(view.state, State::Succeeded);
        let last = records(&test).await.pop().unwrap();
        assert_eq!((&last["type"], &last["body"]["late"]), (&"execution.finished".into(), &true.into()));
        assert_eq!(name(test.gate.finish(&key, action, finish("a", Outcome::Failed)).await), "wrong_state");
        test.restart().await.unwrap();
        assert_eq!(test.gate.action(&key, action, 0).await.unwrap().state, State::Succeeded);
    }
}

/// One that loaded the action from the log while another's finish went through, and comes when the gate has let go of it
/// again, must not write a second record at the same step.
#[tokio::test]
async fn a_copy_that_is_out_of_date_does_not_fork_the_action() {
    let disk = Arc::new(Disk::default());
    let settings = Settings { execution_deadline_s: 5, ..Settings::default() };
    let test = TestGate::open(Setup { settings, follow: false, wrap: disk.wrap(), ..Setup::default() }).await;
    let key = agent(1);
    let action = test.gate.propose(&key, pay("r", "bot", 50)).await.unwrap().action;
    test.gate.start(&key, action, start("a", amount_of(50))).await.unwrap();
    test.clock.advance(6);
    let let_go = async || {
        test.gate.sweep().await.unwrap();
        test.index_all().await;
        test.gate.sweep().await.unwrap();
        assert_eq!(test.gate.held_actions(), 0);
    };
    let_go().await;
    disk.slow_reads.store(true, Ordering::SeqCst);
    let mut slow = Box::pin(test.gate.finish(&key, action, finish("a", Outcome::Failed)));
    assert!(futures::poll!(slow.as_mut()).is_pending(), "it is reading the records");
    disk.slow_reads.store(false, Ordering::SeqCst);
    test.gate.finish(&key, action, finish("a", Outcome::Succeeded)).await.unwrap();
    let_go().await;
    assert!(["busy", "wrong_state"].contains(&name(slow.await)));
    let all = records(&test).await;
    let steps: Vec<u64> = all
        .iter()
        .filter(|record| record["action"] == action.to_string())
        .map(|record| record["step"].as_u64().unwrap())
        .collect();
    assert_eq!(steps, (0..steps.len() as u64).collect::<Vec<_>>());
}
