//! An approved action is taken over by the identical call, once.

use countersign_evidence::digest::Digest;
use countersign_evidence::record::{Outcome, Source, Verdict as Say};
use countersign_evidence::seal::read_disclosure;
use countersign_gate::Caller;
use countersign_gate::testing::{Setup, TestGate, agent, amount_of, pay, reviewer, start, value};
use countersign_verify::{Directory, Options, Question, Verdict, verify_folder};
use countersign_wire::{ActionView, DecideRequest, ProposeRequest, StartNow, StartRequest, State};

use crate::{finish, name, records};

fn redeeming(request_id: &str, amount: i64) -> ProposeRequest {
    let start = StartNow { attempt: format!("attempt-{request_id}"), executor: None, deadline_s: None };
    ProposeRequest { redeem: true, start_if_allowed: Some(start), ..pay(request_id, "bot", amount) }
}

/// The start by id of the call of [`redeeming`].
fn start_by(request_id: &str, attempt: &str, context: Option<&str>) -> StartRequest {
    let (request_id, context) = (Some(request_id.to_owned()), context.map(value));
    StartRequest { request_id, context, ..start(attempt, amount_of(200)) }
}

async fn approved(test: &TestGate) -> uuid::Uuid {
    let action = test.gate.propose(&agent(1), pay("first", "bot", 200)).await.unwrap().action;
    for n in [1, 2] {
        test.approve(&reviewer(n, &["finance"], None), action).await.unwrap();
    }
    action
}

async fn started(test: &TestGate) -> usize {
    records(test).await.iter().filter(|record| record["type"] == "execution.started").count()
}

#[tokio::test]
async fn one_wins() {
    let mut test = TestGate::open(Setup::default()).await;
    let action = approved(&test).await;
    test.restart().await.unwrap();
    // Neither another key, nor another content, nor another agent takes it over.
    assert_ne!(test.gate.propose(&agent(2), redeeming("x", 200)).await.unwrap().action, action);
    assert_ne!(test.gate.propose(&agent(1), redeeming("y", 201)).await.unwrap().action, action);
    let mut other = redeeming("z", 200);
    other.agent.id = "other".to_owned();
    assert_ne!(test.gate.propose(&agent(1), other).await.unwrap().action, action);
    let key = agent(1);
    let calls = (0..5).map(|n| test.gate.propose(&key, redeeming(&format!("again-{n}"), 200)));
    let answers = futures::future::join_all(calls).await;
    let ours = |answer: &&Result<ActionView, _>| {
        answer.as_ref().is_ok_and(|view| view.action == action && view.state == State::Executing)
    };
    assert_eq!(answers.iter().filter(ours).count(), 1);
    assert!(
        answers
            .iter()
            .filter(|answer| answer.is_err())
            .all(|answer| answer.as_ref().is_err_and(|e| e.kind().0 == "already_used"))
    );
    assert_eq!(started(&test).await, 1);
}

/// The answer to a redemption may be lost like any other: the same message again must not become a second action.
#[tokio::test]
async fn the_same_call_again_gets_the_same_answer() {
    let mut test = TestGate::open(Setup::default()).await;
    let action = approved(&test).await;
    let first = test.gate.propose(&agent(1), redeeming("again", 200)).await.unwrap();
    assert_eq!((first.action, first.state), (action, State::Executing));
    let second = test.gate.propose(&agent(1), redeeming("again", 200)).await.unwrap();
    assert_eq!((second.action, second.state), (action, State::Executing));
    test.restart().await.unwrap();
    same_answer(&test, action, State::Executing).await;
    // Nor when the gate has let go of it, when it has died then, or when the index was lost.
    let done = finish("attempt-again", Outcome::Succeeded);
    test.gate.finish(&agent(1), action, done).await.unwrap();
    test.index_all().await;
    test.gate.sweep().await.unwrap();
    assert_eq!(test.gate.held_actions(), 0);
    same_answer(&test, action, State::Succeeded).await;
    test.restart().await.unwrap();
    same_answer(&test, action, State::Succeeded).await;
    test.delete_index();
    test.restart().await.unwrap();
    same_answer(&test, action, State::Succeeded).await;
    assert_eq!(started(&test).await, 1);
}

/// The request that redeemed it names the action like the one that proposed it: with its content, for its key.
async fn same_answer(test: &TestGate, action: uuid::Uuid, state: State) {
    for request in [redeeming("again", 200), pay("again", "bot", 200), redeeming("first", 200)] {
        let view = test.gate.propose(&agent(1), request).await.unwrap();
        assert_eq!((view.action, view.state), (action, state));
    }
    assert_eq!(name(test.gate.propose(&agent(1), redeeming("again", 201)).await), "request_replayed");
}

/// What takes an action over while it waits starts it by itself later, and says so; its request names the action from then on,
/// though the gate has died in between.
#[tokio::test]
async fn a_request_that_took_it_over_while_it_waited_is_known_too() {
    for dies in [false, true] {
        let mut test = TestGate::open(Setup::default()).await;
        let action = test.gate.propose(&agent(1), pay("first", "bot", 200)).await.unwrap().action;
        let taken = test.gate.propose(&agent(1), redeeming("again", 200)).await.unwrap();
        assert_eq!((taken.action, taken.state), (action, State::Waiting));
        for n in [1, 2] {
            test.approve(&reviewer(n, &["finance"], None), action).await.unwrap();
        }
        if dies {
            test.restart().await.unwrap();
        }
        test.gate.start(&agent(1), action, start_by("again", "by-itself", None)).await.unwrap();
        same_answer(&test, action, State::Executing).await;
        test.restart().await.unwrap();
        same_answer(&test, action, State::Executing).await;
        assert_eq!(started(&test).await, 1);
    }
}

/// Where nothing was started, the request that took it over is forgotten with the process, and takes it over again.
#[tokio::test]
async fn a_take_over_that_was_lost_is_made_again() {
    let mut test = TestGate::open(Setup::default()).await;
    let action = test.gate.propose(&agent(1), pay("first", "bot", 200)).await.unwrap().action;
    test.gate.propose(&agent(1), redeeming("again", 200)).await.unwrap();
    test.restart().await.unwrap();
    for n in [1, 2] {
        test.approve(&reviewer(n, &["finance"], None), action).await.unwrap();
    }
    let view = test.gate.propose(&agent(1), redeeming("again", 200)).await.unwrap();
    assert_eq!((view.action, view.state), (action, State::Executing));
    same_answer(&test, action, State::Executing).await;
    assert_eq!(started(&test).await, 1);
}

/// Callers that count their attempts all begin with the same name: an approval is one go-ahead for one of them nevertheless.
#[tokio::test]
async fn the_same_attempt_of_another_request_gets_no_go_ahead() {
    let mut test = TestGate::open(Setup::default()).await;
    let action = approved(&test).await;
    let begin = StartNow { attempt: "attempt-1".to_owned(), executor: None, deadline_s: None };
    let asks = |id: &str| ProposeRequest { start_if_allowed: Some(begin.clone()), ..redeeming(id, 200) };
    let key = agent(1);
    let (second, third) = futures::join!(test.gate.propose(&key, asks("r2")), test.gate.propose(&key, asks("r3")));
    // Who comes later asks while it is still approved, or begins an action of its own.
    let goes = |view: &ActionView| view.action == action && view.state == State::Executing;
    let (won, lost) = if second.as_ref().is_ok_and(goes) { ("r2", third) } else { ("r3", second) };
    match lost {
        Ok(view) => assert_ne!(view.action, action),
        refused => assert_eq!(name(refused), "already_used"),
    }
    for restarted in [false, true] {
        if restarted {
            test.restart().await.unwrap();
        }
        let again = test.gate.propose(&key, asks(won)).await.unwrap();
        assert_eq!((again.action, again.state), (action, State::Executing));
        let by_id = test.gate.start(&key, action, start_by(won, "attempt-1", None)).await.unwrap();
        assert_eq!(by_id.state, State::Executing);
        // Neither another request, nor the one that proposed it, with its name or without.
        for other in [start_by("r4", "attempt-1", None), start_by("first", "attempt-1", None)] {
            assert_eq!(name(test.gate.start(&key, action, other).await), "already_used");
        }
        assert_eq!(name(test.gate.start(&key, action, start("attempt-1", amount_of(200))).await), "already_used");
        assert_eq!(name(test.gate.propose(&key, asks("first")).await), "already_used");
    }
    assert_eq!(started(&test).await, 1);
}

/// The request that has taken it over and was overtaken is not told that its attempt is being executed.
#[tokio::test]
async fn who_was_overtaken_gets_no_go_ahead() {
    let test = TestGate::open(Setup::default()).await;
    let action = test.gate.propose(&agent(1), pay("first", "bot", 200)).await.unwrap().action;
    let begin = StartNow { attempt: "attempt-1".to_owned(), executor: None, deadline_s: None };
    let taking = ProposeRequest { start_if_allowed: Some(begin), ..redeeming("r2", 200) };
    test.gate.propose(&agent(1), taking.clone()).await.unwrap();
    for n in [1, 2] {
        test.approve(&reviewer(n, &["finance"], None), action).await.unwrap();
    }
    test.gate.start(&agent(1), action, start("attempt-1", amount_of(200))).await.unwrap();
    assert_eq!(name(test.gate.propose(&agent(1), taking).await), "already_used");
    assert_eq!(started(&test).await, 1);
}

/// A start names its own request, and none that names another action.
#[tokio::test]
async fn a_start_names_no_other_actions_request() {
    let mut test = TestGate::open(Setup::default()).await;
    let action = approved(&test).await;
    test.gate.propose(&agent(1), pay("other", "bot", 50)).await.unwrap();
    for restarted in [false, true] {
        if restarted {
            test.restart().await.unwrap();
        }
        let other = start_by("other", "a", None);
        assert_eq!(name(test.gate.start(&agent(1), action, other).await), "request_replayed");
    }
    let unnamed = StartRequest { context: Some(value("{}")), ..start("a", amount_of(200)) };
    assert_eq!(name(test.gate.start(&agent(1), action, unnamed).await), "invalid");
    assert_eq!(name(test.gate.start(&agent(1), action, start_by("not an id", "a", None)).await), "invalid");
    assert_eq!(started(&test).await, 0);
}

/// The start says whose it is; the proposer's own start says nothing.
#[tokio::test]
async fn the_record_says_which_request_redeemed_it() {
    let test = TestGate::open(Setup::default()).await;
    approved(&test).await;
    test.gate.propose(&agent(1), redeeming("again", 200)).await.unwrap();
    let plain = test.gate.propose(&agent(1), pay("plain", "bot", 50)).await.unwrap().action;
    test.gate.start(&agent(1), plain, start("a", amount_of(50))).await.unwrap();
    let all = records(&test).await;
    let started: Vec<_> = all.iter().filter(|record| record["type"] == "execution.started").collect();
    assert_eq!(started[0]["body"]["redeemed_by"], "again");
    assert!(started[1]["body"].get("redeemed_by").is_none());
}

/// What the redeeming call says beside the payload reaches the other side like the proposal's: it is in the evidence too.
#[tokio::test]
async fn the_context_of_the_redeeming_call_is_sealed_with_the_start() {
    let test = TestGate::open(Setup::default()).await;
    let with = |request: ProposeRequest, text: &str| ProposeRequest { context: Some(value(text)), ..request };
    let action = approved(&test).await;
    test.gate.propose(&agent(1), with(redeeming("again", 200), r#"{"trace":"of-again"}"#)).await.unwrap();
    assert_eq!(trace_of_start(&test, action).await.as_deref(), Some("of-again"));
    // Taken over while it waited, and started later: by whoever starts it, not by whoever took it over last.
    let first = with(pay("second", "bot", 200), r#"{"trace":"of-second"}"#);
    let action = test.gate.propose(&agent(1), first).await.unwrap().action;
    test.gate.propose(&agent(1), with(redeeming("third", 200), r#"{"trace":"of-third"}"#)).await.unwrap();
    test.gate.propose(&agent(1), with(redeeming("fourth", 200), r#"{"trace":"of-fourth"}"#)).await.unwrap();
    for n in [1, 2] {
        test.approve(&reviewer(n, &["finance"], None), action).await.unwrap();
    }
    let third = start_by("third", "a", Some(r#"{"trace":"of-third"}"#));
    test.gate.start(&agent(1), action, third).await.unwrap();
    assert_eq!(trace_of_start(&test, action).await.as_deref(), Some("of-third"));
    // Taken over, and started by its own call after all.
    let fifth = with(pay("fifth", "bot", 200), r#"{"trace":"of-fifth"}"#);
    let action = test.gate.propose(&agent(1), fifth).await.unwrap().action;
    test.gate.propose(&agent(1), with(redeeming("sixth", 200), r#"{"trace":"of-sixth"}"#)).await.unwrap();
    for n in [1, 2] {
        test.approve(&reviewer(n, &["finance"], None), action).await.unwrap();
    }
    let own = start_by("fifth", "a", Some(r#"{"trace":"of-fifth"}"#));
    test.gate.start(&agent(1), action, own).await.unwrap();
    assert_eq!(trace_of_start(&test, action).await, None);
    let all = records(&test).await;
    let redeemers = all.iter().filter(|record| record["type"] == "execution.started");
    let redeemers: Vec<_> = redeemers.map(|record| record["body"]["redeemed_by"].as_str()).collect();
    assert_eq!(redeemers, [Some("again"), Some("third"), None]);
    // Its own call is told by its proposal.
    let plain = with(pay("plain", "bot", 50), r#"{"trace":"of-plain"}"#);
    let plain = test.gate.propose(&agent(1), plain).await.unwrap().action;
    test.gate.start(&agent(1), plain, start("a", amount_of(50))).await.unwrap();
    assert_eq!(trace_of_start(&test, plain).await, None);
}

/// What the gate writes of it is what a verifier expects: nobody must take an honest log for a forged one.
#[tokio::test]
async fn a_log_with_a_redeemed_call_conforms() {
    let test = TestGate::open(Setup::default()).await;
    let action = approved(&test).await;
    let context = Some(value(r#"{"trace":"of-again"}"#));
    test.gate.propose(&agent(1), ProposeRequest { context, ..redeeming("again", 200) }).await.unwrap();
    test.gate.finish(&agent(1), action, finish("attempt-again", Outcome::Succeeded)).await.unwrap();
    test.publish().await;
    let folder = Directory::new(test.folder.path().join("published"));
    let report = verify_folder(&folder, Options::default(), &mut |_| {}).unwrap();
    let answer = report.answer(Question::Conformance).unwrap();
    assert_eq!(answer.verdict, Verdict::Pass, "{answer:?}");
}

/// The member `trace` of what the start seals.
async fn trace_of_start(test: &TestGate, action: uuid::Uuid) -> Option<String> {
    let records = test.gate.records(&agent(1), action).await.unwrap();
    let started = records.iter().find(|record| record.kind == "execution.started").unwrap();
    let opened = started.disclosures.iter().map(|text| read_disclosure(text).unwrap());
    opened.filter(|(name, _)| name == "trace").find_map(|(_, value)| value.as_str().map(str::to_owned))
}

#[tokio::test]
async fn what_was_given_up_is_not_taken_over() {
    let test = TestGate::open(Setup::default()).await;
    let action = approved(&test).await;
    test.gate.cancel(&agent(1), action, Default::default()).await.unwrap();
    assert_ne!(test.gate.propose(&agent(1), redeeming("again", 200)).await.unwrap().action, action);
    assert_eq!(started(&test).await, 0);
    let late = start("late", amount_of(200));
    assert_eq!(name(test.gate.start(&agent(1), action, late).await), "unauthorized");
}

async fn deny(test: &TestGate, action: uuid::Uuid) {
    let one = reviewer(1, &["finance"], None);
    let shown = test.gate.present(&one, action).await.unwrap().review.payload_digest;
    let reason = Some("Not before Monday.".to_owned());
    let no = DecideRequest { reason, ..DecideRequest::new(Say::Deny, shown) };
    test.gate.decide(&one, action, no).await.unwrap();
}

/// Whoever was told to call again hears of a denial that came meanwhile: once, with the reviewer's words.
#[tokio::test]
async fn a_denial_that_nobody_heard_is_told_to_the_next_identical_call() {
    let mut test = TestGate::open(Setup::default()).await;
    let first = test.gate.propose(&agent(1), redeeming("r1", 200)).await.unwrap().action;
    deny(&test, first).await;
    test.index_all().await;
    // Neither another key, nor another payload, nor who does not ask to redeem.
    assert_eq!(test.gate.propose(&agent(2), redeeming("x1", 200)).await.unwrap().state, State::Waiting);
    assert_eq!(test.gate.propose(&agent(1), redeeming("x2", 201)).await.unwrap().state, State::Waiting);
    let told = test.gate.propose(&agent(1), redeeming("r2", 200)).await.unwrap();
    assert_eq!((told.action, told.state), (first, State::Denied));
    assert_eq!(told.message, "A reviewer denied this: Not before Monday.\nDo not try it again.");
    // The same request hears the same, should the answer have been lost.
    let again = test.gate.propose(&agent(1), redeeming("r2", 200)).await.unwrap();
    assert_eq!((again.action, again.state), (first, State::Denied));
    // Told to one request: who still wants it asks people again.
    let second = test.gate.propose(&agent(1), redeeming("r3", 200)).await.unwrap();
    assert_eq!((second.state, second.action == first), (State::Waiting, false));
    // Who looked at it has heard.
    deny(&test, second.action).await;
    assert!(test.gate.action(&agent(1), second.action, 0).await.unwrap().message.contains("Monday"));
    let third = test.gate.propose(&agent(1), redeeming("r4", 200)).await.unwrap();
    assert_eq!(third.state, State::Waiting);
    // Stale ones are not told any more.
    deny(&test, third.action).await;
    test.clock.advance(901);
    assert_eq!(test.gate.propose(&agent(1), redeeming("r5", 200)).await.unwrap().state, State::Waiting);
    // Whoever else looks on hears nothing in the caller's place.
    let waiting = test.gate.propose(&agent(1), redeeming("r6", 202)).await.unwrap().action;
    let owner = Caller::owner();
    let (looked, ()) = tokio::join!(test.gate.action(&owner, waiting, 20), async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        deny(&test, waiting).await;
    });
    assert_eq!(looked.unwrap().state, State::Denied);
    assert_eq!(test.gate.propose(&agent(1), redeeming("r7", 202)).await.unwrap().action, waiting);
    // What the log says stays, words and all.
    test.restart().await.unwrap();
    assert!(test.gate.action(&agent(1), first, 0).await.unwrap().message.contains("Monday"));
}

/// What is approved after a denial counts, and a denial from before is no news any more.
#[tokio::test]
async fn a_later_approval_beats_an_earlier_denial() {
    let test = TestGate::open(Setup::default()).await;
    let denied = test.gate.propose(&agent(1), pay("r1", "bot", 200)).await.unwrap().action;
    let approved = test.gate.propose(&agent(1), pay("r2", "bot", 200)).await.unwrap().action;
    deny(&test, denied).await;
    for n in [1, 2] {
        test.approve(&reviewer(n, &["finance"], None), approved).await.unwrap();
    }
    let ran = test.gate.propose(&agent(1), redeeming("r3", 200)).await.unwrap();
    assert_eq!((ran.action, ran.state), (approved, State::Executing));
    test.gate.finish(&agent(1), approved, finish("attempt-r3", Outcome::Succeeded)).await.unwrap();
    let next = test.gate.propose(&agent(1), redeeming("r4", 200)).await.unwrap();
    assert_eq!(next.state, State::Waiting, "{}", next.message);
}

/// What was let through for no definition, or for another, is another call.
#[tokio::test]
async fn an_authorization_is_redeemed_for_its_own_definition_alone() {
    let test = TestGate::open(Setup::default()).await;
    let mcp = |mut request: ProposeRequest, definition: Option<&str>| {
        request.source = Some(Source { via: "mcp".to_owned(), version: None });
        request.tool.definition = definition.map(|text| Digest::of(text.as_bytes()));
        request
    };
    let by_api = test.gate.propose(&agent(1), pay("r1", "bot", 50)).await.unwrap();
    assert_eq!(by_api.state, State::Authorized);
    for (id, definition) in [("r2", Some("two")), ("r3", None)] {
        let call = test.gate.propose(&agent(1), mcp(redeeming(id, 50), definition)).await.unwrap();
        assert_ne!(call.action, by_api.action, "{definition:?}");
    }
    let held = test.gate.propose(&agent(1), mcp(pay("r4", "bot", 200), Some("one"))).await.unwrap().action;
    for n in [1, 2] {
        test.approve(&reviewer(n, &["finance"], None), held).await.unwrap();
    }
    assert_ne!(test.gate.propose(&agent(1), mcp(redeeming("r5", 200), Some("two"))).await.unwrap().action, held);
    assert_eq!(test.gate.propose(&agent(1), mcp(redeeming("r6", 200), Some("one"))).await.unwrap().action, held);
}
