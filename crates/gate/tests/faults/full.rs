//! No room on the disk, no room in the queue.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use countersign_evidence::record::Outcome;
use countersign_gate::testing::{Setup, TestGate, agent, amount_of, pay, reviewer, start};
use countersign_gate::{Settings, WriterState};
use countersign_wire::{CancelRequest, State};

use crate::disk::Disk;
use crate::{finish, name, records};

#[tokio::test]
async fn a_full_disk_refuses_new_work_and_lets_what_began_end() {
    let disk = Arc::new(Disk::default());
    let mut test = TestGate::open(Setup { wrap: disk.wrap(), ..Setup::default() }).await;
    let key = agent(1);
    let begun = test.gate.propose(&key, pay("r-1", "bot", 50)).await.unwrap().action;
    test.gate.start(&key, begun, start("a-1", amount_of(50))).await.unwrap();
    let allowed = test.gate.propose(&key, pay("r-2", "bot", 50)).await.unwrap().action;
    let waits = test.gate.propose(&key, pay("r-3", "bot", 200)).await.unwrap().action;
    disk.full.store(true, Ordering::SeqCst);
    let before = records(&test).await.len();
    assert_eq!(name(test.gate.propose(&key, pay("r-4", "bot", 50)).await), "disk_full");
    assert_eq!(name(test.gate.start(&key, allowed, start("a-2", amount_of(50))).await), "disk_full");
    assert_eq!(name(test.approve(&reviewer(1, &["finance"], None), waits).await), "disk_full");
    assert_eq!(records(&test).await.len(), before);
    // A finish that comes together with new work goes through all the same.
    let (finished, refused, cancelled) = tokio::join!(
        test.gate.finish(&key, begun, finish("a-1", Outcome::Succeeded)),
        test.gate.propose(&key, pay("r-5", "bot", 50)),
        test.gate.cancel(&key, waits, CancelRequest::default()),
    );
    assert_eq!(finished.unwrap().state, State::Succeeded);
    assert_eq!(name(refused), "disk_full");
    assert_eq!(cancelled.unwrap().state, State::Closed);
    assert!(matches!(test.gate.writer_state(), WriterState::Writing(_)));
    // With room again the same requests work, without a restart and after one.
    disk.full.store(false, Ordering::SeqCst);
    assert_eq!(test.gate.propose(&key, pay("r-4", "bot", 50)).await.unwrap().state, State::Authorized);
    test.restart().await.unwrap();
    let started = test.gate.start(&key, allowed, start("a-2", amount_of(50))).await.unwrap();
    assert_eq!(started.state, State::Executing);
}

#[tokio::test]
async fn with_the_reserve_used_up_nothing_is_answered_that_is_not_durable() {
    let disk = Arc::new(Disk::default());
    let test = TestGate::open(Setup { wrap: disk.wrap(), ..Setup::default() }).await;
    let key = agent(1);
    let begun = test.gate.propose(&key, pay("r-1", "bot", 50)).await.unwrap().action;
    test.gate.start(&key, begun, start("a-1", amount_of(50))).await.unwrap();
    disk.full.store(true, Ordering::SeqCst);
    disk.reserve_used.store(true, Ordering::SeqCst);
    let before = records(&test).await.len();
    let refused = test.gate.finish(&key, begun, finish("a-1", Outcome::Succeeded)).await;
    assert!(["unavailable", "disk_full"].contains(&name(refused)));
    assert_eq!(records(&test).await.len(), before);
    disk.full.store(false, Ordering::SeqCst);
    disk.reserve_used.store(false, Ordering::SeqCst);
    let finished = test.gate.finish(&key, begun, finish("a-1", Outcome::Succeeded)).await;
    assert_eq!(finished.unwrap().state, State::Succeeded);
}

/// What the clock did is on record even where the first try to say so found no room.
#[tokio::test]
async fn a_full_disk_does_not_swallow_that_the_clock_stepped() {
    let disk = Arc::new(Disk::default());
    let test = TestGate::open(Setup { wrap: disk.wrap(), ..Setup::default() }).await;
    let key = agent(1);
    test.gate.propose(&key, pay("r-1", "bot", 50)).await.unwrap();
    disk.full.store(true, Ordering::SeqCst);
    test.clock.step(-100);
    assert_eq!(name(test.gate.propose(&key, pay("r-2", "bot", 50)).await), "disk_full");
    disk.full.store(false, Ordering::SeqCst);
    test.gate.propose(&key, pay("r-2", "bot", 50)).await.unwrap();
    let stepped = records(&test).await.iter().filter(|record| record["type"] == "clock.stepped").count();
    assert_eq!(stepped, 1);
}

#[tokio::test]
async fn a_full_queue_says_busy_and_forgets_nothing() {
    let disk = Arc::new(Disk::default());
    let settings = Settings { queue: 2, ..Settings::default() };
    let test = TestGate::open(Setup { wrap: disk.wrap(), settings, ..Setup::default() }).await;
    let key = agent(1);
    disk.hold();
    let proposals = (0..9).map(|n| test.gate.propose(&key, pay(&format!("r-{n}"), "bot", 50)));
    let (answers, ()) = tokio::join!(futures::future::join_all(proposals), async { disk.release() });
    let busy = answers.iter().filter(|answer| answer.as_ref().is_err_and(|error| error.kind().0 == "busy")).count();
    assert!((1..9).contains(&busy), "{busy} of 9 were told that the gate is busy");
    assert!(answers.iter().all(|answer| answer.as_ref().map_or_else(|error| error.kind().0 == "busy", |_| true)));
    let accepted = answers.iter().flatten().count();
    let proposed =
        || async { records(&test).await.iter().filter(|record| record["type"] == "action.proposed").count() };
    assert_eq!(proposed().await, accepted);
    for n in 0..9 {
        test.gate.propose(&key, pay(&format!("r-{n}"), "bot", 50)).await.unwrap();
    }
    assert_eq!(proposed().await, 9);
}
