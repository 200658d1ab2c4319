//! One target, told in the order of the log. What it does not take is tried again for hours; then it is left out, which is
//! logged, so that one bad message does not hold up the rest for ever.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign_evidence::time::Clock;
use countersign_gate::{Caller, Gate, GateError};

use crate::cursor::Cursor;
use crate::message::Message;
use crate::target::{NotifyError, Target};

/// Seconds between tries, as Standard Webhooks suggests: about ten hours in all.
const WAITS_S: [u64; 8] = [2, 5, 30, 300, 1_800, 3_600, 10_800, 21_600];

/// Records between two notes of the place in the log.
const NOTED_EVERY: u64 = 10_000;

/// Tells one target everything from where it was told last, until the gate ends. `folder` keeps its place in the log.
///
/// # Errors
/// [`NotifyError::Cursor`]; the gate's end is none.
pub async fn deliver(gate: Gate, target: Target, folder: &Path, clock: Arc<dyn Clock>) -> Result<(), NotifyError> {
    let (name, owner) = (target.name(), Caller::owner());
    let cursor = Cursor::new(folder.join(name));
    let mut position = cursor.read(gate.durable())?;
    let mut noted = position;
    loop {
        let (news, next) = match gate.news(&owner, position).await {
            Ok(found) => found,
            Err(GateError::Unavailable(_)) => return Ok(()),
            Err(error) => {
                tracing::warn!(target_name = name, %error, "what happened could not be read");
                tokio::time::sleep(Duration::from_secs(10)).await;
                continue;
            }
        };
        for one in &news {
            let message = Message::of(one, gate.public_url());
            tell(&target, &message, &*clock).await;
            cursor.write(one.position + 1)?;
        }
        // Where nothing is to be told the place is noted now and then: at worst a start looks through so many again.
        if next.saturating_sub(noted) >= NOTED_EVERY || !news.is_empty() {
            cursor.write(next)?;
            noted = next;
        }
        position = next;
    }
}

async fn tell(target: &Target, message: &Message, clock: &dyn Clock) {
    for wait in WAITS_S.iter().map(Some).chain([None]) {
        match (target.tell(message, clock.now().as_micros() / 1_000_000).await, wait) {
            (Ok(()), _) => return,
            (Err(error), Some(wait)) => {
                tracing::warn!(target_name = target.name(), id = %message.id, %error, again_in_s = wait, "not told");
                tokio::time::sleep(Duration::from_secs(*wait)).await;
            }
            (Err(error), None) => {
                tracing::error!(target_name = target.name(), id = %message.id, %error, "not told, and given up");
            }
        }
    }
}
