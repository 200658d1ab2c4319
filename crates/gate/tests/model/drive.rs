//! One seed: random rounds of requests from several callers at once, clocks that jump, disks that fail, restarts.

use std::pin::Pin;

use countersign_evidence::json::Value;
use countersign_evidence::record::{Outcome, Verdict};
use countersign_gate::testing::{SeededRandom, amount_of, value};
use countersign_gate::{GateError, WriterState};
use countersign_journal::faulty::Fault;
use countersign_wire::{ActionView, State};
use futures::FutureExt;
use uuid::Uuid;

use crate::ask::{Ask, Asked, Told};
use crate::oracle;
use crate::policies::POLICIES;
use crate::world::World;

/// An action that some caller was told of.
struct Known {
    id: Uuid,
    caller: usize,
    payload: Value,
    user: Option<&'static str>,
}

pub struct Drive {
    world: World,
    random: SeededRandom,
    asked: Vec<Asked>,
    known: Vec<Known>,
    next: u64,
    /// How much had been asked at the last restart.
    restarted: usize,
}

const AGENTS: [&str; 2] = ["bot", "owned-bot"];
const USERS: [Option<&str>; 4] = [None, Some("u-ann"), Some("u-dave"), Some("boss")];
const AMOUNTS: [i64; 10] = [40, 50, 51, 100, 101, 301, 450, 501, 666, 3000];

/// Runs a seed.
///
/// # Errors
/// What the oracle objects to.
pub async fn run(seed: u64) -> Result<(), String> {
    let world = World::new(seed).await;
    let mut drive = Drive {
        world,
        random: SeededRandom::new(seed ^ 0x5eed),
        asked: Vec::new(),
        known: Vec::new(),
        next: 0,
        restarted: 0,
    };
    // Most are short, so that there can be many.
    let rounds = if seed % 20 == 9 { 20 } else { 3 + drive.below(4) };
    for _ in 0..rounds {
        drive.step_clock();
        if drive.one_in(6) {
            drive.world.test.index_all().await;
        }
        if drive.one_in(9) {
            let fault = if drive.one_in(2) { Fault::Before } else { Fault::After };
            drive.world.fail(drive.below(3), fault);
        }
        drive.round().await?;
        let poisoned = drive.is_poisoned();
        if poisoned {
            drive.world.test.gate.stopped().await;
            drive.nothing_is_written_any_more().await?;
        }
        if poisoned || drive.one_in(9) {
            drive.restart(poisoned).await?;
        }
    }
    drive.world.heal();
    drive.restart(drive.is_poisoned()).await?;
    let log = drive.world.test.log_texts().await;
    let lives = oracle::judge(&log, &drive.asked, &drive.world)?;
    for known in &drive.known {
        let found = drive.world.test.gate.action(&drive.world.callers[known.caller], known.id, 0).await;
        lives.check_final(known.id, found.ok().as_ref(), known.user)?;
    }
    Ok(())
}

impl Drive {
    fn below(&self, n: u64) -> u64 {
        self.random.next() % n
    }

    fn one_in(&self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Clone>(&self, among: &[T]) -> T {
        among[self.below(among.len() as u64) as usize].clone()
    }

    /// Whether somebody was told since the last restart that nothing can be recorded.
    fn is_poisoned(&self) -> bool {
        let lost = |asked: &Asked| matches!(asked.told, Told::Refused(GateError::Unavailable(_)));
        matches!(self.world.test.gate.writer_state(), WriterState::Stopped(_))
            || self.asked[self.restarted..].iter().any(lost)
    }

    fn step_clock(&self) {
        let clock = &self.world.test.clock;
        match self.below(20) {
            0 => clock.step(-100),
            1 => clock.step(-2),
            2 => clock.step(4_000),
            3 => clock.step(100),
            4 => clock.advance(130),
            5 => clock.advance(260),
            6 => clock.advance(700),
            _ => clock.advance(1 + self.below(20) as i64),
        }
    }

    /// Several callers at once. Where the round is held, everyone has asked before anything is committed; some do not wait
    /// for the answer.
    async fn round(&mut self) -> Result<(), String> {
        let held = !self.one_in(4);
        let mut asks = Vec::new();
        for _ in 0..1 + self.below(5) {
            let ask = self.any_ask();
            // Two callers that ask the same at once.
            if self.one_in(8) {
                asks.push(ask.clone());
            }
            asks.push(ask);
        }
        let numbers: Vec<u64> = (self.next..).take(asks.len()).collect();
        self.next += asks.len() as u64;
        let leaves: Vec<bool> = asks.iter().map(|_| self.one_in(12)).collect();
        if held {
            self.world.hold.close();
        }
        let world = &self.world;
        type Answer<'a> = Pin<Box<dyn Future<Output = (Told, u64)> + 'a>>;
        let send = |(ask, number): (&'_ Ask, &u64)| {
            let (ask, number) = (ask.clone(), *number);
            Box::pin(async move { (ask.send(world, number).await, world.durable().await) }) as Answer<'_>
        };
        let mut waiting: Vec<Answer<'_>> = asks.iter().zip(&numbers).map(send).collect();
        let mut told: Vec<Option<(Told, u64)>> = Vec::new();
        for (answer, leaves) in waiting.iter_mut().zip(&leaves) {
            let first = answer.as_mut().now_or_never();
            told.push(first.or_else(|| leaves.then_some((Told::Unheard, 0))));
        }
        world.hold.open();
        let rest = waiting.into_iter().zip(told).map(|(answer, told)| async move {
            match told {
                Some(told) => told,
                None => answer.await,
            }
        });
        let told = futures::future::join_all(rest).await;
        for ((ask, number), (told, durable)) in asks.into_iter().zip(numbers).zip(told) {
            self.learn(&ask, &told);
            self.asked.push(Asked { number, ask, told, durable });
        }
        Ok(())
    }

    fn learn(&mut self, ask: &Ask, told: &Told) {
        if let (Ask::Propose { caller, payload, user, .. }, Told::View(view)) = (ask, told)
            && !self.known.iter().any(|known| known.id == view.action)
        {
            self.known.push(Known { id: view.action, caller: *caller, payload: payload.clone(), user: *user });
        }
    }

    fn any_ask(&self) -> Ask {
        match self.below(24) {
            0..7 => self.any_proposal(),
            7..12 => self.any_start(),
            12..15 => self.any_finish(),
            15..20 => self.any_decision(),
            20 => self.any_action().map_or(Ask::Sweep, |(at, _)| {
                let known = &self.known[at];
                Ask::Cancel { caller: known.caller, action: known.id }
            }),
            21 => Ask::Sweep,
            22 => match self.one_in(3) {
                true => Ask::Activate { policy: self.below(POLICIES.len() as u64) as usize },
                false => self.any_proposal(),
            },
            _ => match self.one_in(4) {
                true => Ask::Erase { user: self.pick(&["u-ann", "u-dave"]) },
                false => self.any_action().map_or(Ask::Sweep, |(at, _)| Ask::Present {
                    reviewer: self.below(6) as usize,
                    action: self.known[at].id,
                }),
            },
        }
    }

    fn any_payload(&self) -> Value {
        if self.one_in(12) { value(r#"{"note":"no amount"}"#) } else { amount_of(self.pick(&AMOUNTS)) }
    }

    fn any_proposal(&self) -> Ask {
        let proposed = |asked: &&Asked| matches!(asked.ask, Ask::Propose { .. });
        let before: Vec<&Asked> = self.asked.iter().filter(proposed).collect();
        if !before.is_empty() && self.one_in(4) {
            let mut again = self.pick(&before).ask.clone();
            if let (Ask::Propose { payload, .. }, true) = (&mut again, self.one_in(3)) {
                *payload = self.any_payload();
            }
            return again;
        }
        Ask::Propose {
            caller: self.below(3) as usize,
            request_id: format!("r-{}-{}", self.next, self.below(1_000)),
            agent: self.pick(&AGENTS),
            user: self.pick(&USERS),
            tool: if self.one_in(5) { "look" } else { "pay" },
            payload: self.any_payload(),
            start: self.one_in(3).then(|| format!("s-{}-{}", self.next, self.below(1_000))),
            redeem: self.one_in(4),
        }
    }

    /// A known action, a late one rather than an early one, and where it stands.
    fn any_action(&self) -> Option<(usize, Option<ActionView>)> {
        let among = self.known.len() as u64;
        if among == 0 {
            return None;
        }
        let at = (self.below(among).max(self.below(among))) as usize;
        let known = &self.known[at];
        // In memory or in the log: neither waits for anything.
        let view = self.world.test.gate.action(&self.world.callers[known.caller], known.id, 0).now_or_never();
        Some((at, view.and_then(Result::ok)))
    }

    fn any_start(&self) -> Ask {
        let Some((at, view)) = self.any_action() else { return Ask::Sweep };
        let known = &self.known[at];
        let edited = view.as_ref().and_then(|view| view.authorization.as_ref()?.payload.clone());
        let payload = match self.below(6) {
            0 => self.any_payload(),
            1 => known.payload.clone(),
            _ => edited.unwrap_or_else(|| known.payload.clone()),
        };
        let begun = view.and_then(|view| view.execution).map(|execution| execution.attempt);
        let attempt = begun.filter(|_| self.one_in(2)).unwrap_or_else(|| format!("a-{}", self.below(4)));
        let caller = if self.one_in(15) { self.below(3) as usize } else { known.caller };
        let deadline_s = self.one_in(3).then(|| 1 + self.below(60) as u32);
        let request_id = self.one_in(4).then(|| format!("again-{at}-{}", self.below(2)));
        Ask::Start { caller, action: known.id, attempt, request_id, payload, digest_only: self.one_in(3), deadline_s }
    }

    fn any_finish(&self) -> Ask {
        // Rather one that is being executed.
        let tries = (0..4).filter_map(|_| self.any_action());
        let open = |view: &Option<ActionView>| view.as_ref().is_some_and(|view| view.state == State::Executing);
        let Some((at, view)) = tries.reduce(|best, next| if open(&best.1) { best } else { next }) else {
            return Ask::Sweep;
        };
        let known = &self.known[at];
        let attempt = view.and_then(|view| view.execution).map(|execution| execution.attempt);
        let attempt = attempt.filter(|_| !self.one_in(8)).unwrap_or_else(|| format!("a-{}", self.below(4)));
        let outcome = self.pick(&[Outcome::Succeeded, Outcome::Succeeded, Outcome::Failed, Outcome::Unknown]);
        Ask::Finish { caller: known.caller, action: known.id, attempt, outcome }
    }

    fn any_decision(&self) -> Ask {
        let reviewer = self.below(6) as usize;
        let pending = self.world.test.gate.reviews(&self.world.reviewers[reviewer].caller).unwrap_or_default();
        if pending.is_empty() {
            return self.any_proposal();
        }
        let review = self.pick(&pending);
        let verdict = if self.one_in(7) { Verdict::Deny } else { Verdict::Approve };
        let edit = (verdict == Verdict::Approve && self.one_in(6)).then(|| self.any_payload());
        // Sometimes of something else that the reviewer was shown.
        let shown = if self.one_in(12) { self.pick(&pending).payload_digest } else { review.payload_digest };
        Ask::Decide { reviewer, action: review.action, verdict, shown, edit }
    }

    async fn nothing_is_written_any_more(&mut self) -> Result<(), String> {
        let before = self.world.durable().await;
        let from = self.asked.len();
        self.round().await?;
        if self.world.durable().await != before {
            return Err("a poisoned gate has written".to_owned());
        }
        let done = self.asked[from..]
            .iter()
            .find(|asked| matches!(asked.told, Told::Done) && !matches!(asked.ask, Ask::Present { .. }));
        done.map_or(Ok(()), |asked| Err(format!("a poisoned gate has answered {asked:?}")))
    }

    async fn views(&self) -> Vec<Option<ActionView>> {
        let mut views = Vec::new();
        for known in &self.known {
            let view = self.world.test.gate.action(&self.world.callers[known.caller], known.id, 0).await.ok();
            // What rules say to people is not in the log.
            views.push(view.map(|view| ActionView { message: String::new(), ..view }));
        }
        views
    }

    /// The gate comes back with the views that it had.
    async fn restart(&mut self, poisoned: bool) -> Result<(), String> {
        // What is not durable in the index yet is not seen where nothing holds it any more.
        // Behind whatever those have asked who did not wait for the answer; a disk that fails now is as good as before.
        let poisoned = poisoned || self.world.test.gate.sweep().await.is_err();
        if !poisoned {
            self.world.test.index_all().await;
        }
        let before = if poisoned { Vec::new() } else { self.views().await };
        if self.one_in(3) {
            self.world.test.delete_index();
        }
        for _ in 0..4 {
            if self.world.test.restart().await.is_ok() {
                break;
            }
        }
        self.restarted = self.asked.len();
        let after = self.views().await;
        for ((before, after), known) in before.iter().zip(&after).zip(&self.known) {
            // A person who was erased takes the views along.
            let erased = after.is_none()
                && self.asked.iter().any(|asked| matches!(asked.ask, Ask::Erase { user } if Some(user) == known.user));
            if before != after && !erased {
                return Err(format!("restarted, the gate tells {after:#?} where it told {before:#?}"));
            }
        }
        Ok(())
    }
}
