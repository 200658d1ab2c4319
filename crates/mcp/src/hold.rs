//! Holding a call while people decide.

use std::time::Duration;

use countersign_client::ClientError;
use countersign_client::wire::{ActionView, State};
use countersign_evidence::json::{Number, Object, Value};
use countersign_evidence::time::Clock;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::answer::groups;
use crate::call::Asked;
use crate::flights::Stop;
use crate::gate::is_passing;
use crate::gateway::Gateway;
use crate::jsonrpc::notification;

/// Between two progress notifications.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);
/// Longest single question to the gate.
const LONG_POLL_S: u64 = 20;
/// A gate that answers "still waiting" at once is not asked more often than this.
const PAUSE: Duration = Duration::from_millis(200);
/// How long after the hold a question may still be open.
const MARGIN: Duration = Duration::from_secs(2);

/// How much of the hold is left.
#[derive(Debug)]
pub(crate) struct Hold {
    /// On the clock's monotonic scale, in microseconds.
    until_us: i64,
    /// Progress notifications so far: progress must rise.
    told: u32,
}

/// How a hold ends.
pub(crate) enum Held {
    /// The action is in another state now.
    Moved(Box<ActionView>),
    /// Nobody decided in time.
    Pending,
    /// Nobody wants it any more.
    Stopped(Stop),
    /// The gate does not know it any more.
    Refused(ClientError),
}

impl Hold {
    /// A hold of `length` from now on.
    pub(crate) fn new(length: Duration, clock: &dyn Clock) -> Self {
        let micros = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
        Hold { until_us: clock.monotonic_us().saturating_add(micros), told: 0 }
    }
}

/// Waits until the call shall stop.
async fn stopped(mut stop: watch::Receiver<Option<Stop>>) -> Stop {
    let said = stop.wait_for(Option::is_some).await.ok().and_then(|stop| *stop);
    said.unwrap_or(Stop::ServerGone)
}

/// What is left of the pause that began at `since_us`.
fn rest(since_us: i64, clock: &dyn Clock) -> Duration {
    left(since_us.saturating_add(i64::try_from(PAUSE.as_micros()).unwrap_or_default()), clock)
}

/// What is left of a hold.
fn left(until_us: i64, clock: &dyn Clock) -> Duration {
    Duration::from_micros(u64::try_from(until_us.saturating_sub(clock.monotonic_us())).unwrap_or_default())
}

impl Gateway {
    /// Waits until the action moves, the hold ends or the client gives up, and tells the client whom it waits for.
    pub(crate) async fn hold(&self, asked: &Asked, view: &ActionView, hold: &mut Hold) -> Held {
        let end = sleep(left(hold.until_us, &*self.settings.clock) + MARGIN);
        tokio::pin!(end);
        let mut ticks = interval(PROGRESS_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stopped = stopped(asked.stop.clone());
        tokio::pin!(stopped);
        let poll = self.poll(view, hold.until_us);
        tokio::pin!(poll);
        loop {
            tokio::select! {
                biased;
                stop = &mut stopped => break Held::Stopped(stop),
                held = &mut poll => break held,
                () = &mut end => break Held::Pending,
                _ = ticks.tick() => {
                    hold.told += 1;
                    self.tell_progress(asked, view, hold.told).await;
                }
            }
        }
    }

    /// Asks the gate until the action moves or the hold is over.
    async fn poll(&self, view: &ActionView, until_us: i64) -> Held {
        loop {
            let left = left(until_us, &*self.settings.clock);
            let wait_s = u32::try_from(left.as_secs().min(LONG_POLL_S)).unwrap_or_default();
            let asked_us = self.settings.clock.monotonic_us();
            match self.settings.client.action(view.action, wait_s).await {
                Ok(now) if now.state != State::Waiting => return Held::Moved(Box::new(now)),
                Ok(_) if left.is_zero() => return Held::Pending,
                Err(error) if !is_passing(&error) => return Held::Refused(error),
                Err(_) if left.is_zero() => return Held::Pending,
                // A gate that answered at once is not asked at once again.
                Ok(_) | Err(_) => sleep(left.min(rest(asked_us, &*self.settings.clock))).await,
            }
        }
    }

    async fn tell_progress(&self, asked: &Asked, view: &ActionView, told: u32) {
        let Some(token) = asked.call.transport.get("progressToken") else { return };
        // Tiny steps, so that the server's own progress, which follows once the call runs, still rises above them.
        let Ok(progress) = Number::parse(&format!("{told}e-6")) else { return };
        let mut params = Object::new();
        params.insert("progressToken", token.clone());
        params.insert("progress", Value::Number(progress));
        params.insert("message", format!("Waiting for {} to approve {}.", groups(view), view.action));
        self.tell_client(notification("notifications/progress", Value::Object(params))).await;
    }
}
