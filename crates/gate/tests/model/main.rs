//! The model test of an action's life: seeded callers at once, and an oracle that reads the raw log and the answers with
//! its own few rules (`docs/evidence-format.md` §6). It knows neither `Action::apply` nor `Envelope::parse`.
//!
//! `SEED=n` replays one seed, `SEEDS=n` says how many.
#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod ask;
mod drive;
mod life;
mod oracle;
mod policies;
mod raw;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn run(seed: u64) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(drive::run(seed)).map_err(|why| format!("SEED={seed}: {why}"))
}

#[test]
fn every_seed_lives_by_the_rules() {
    if let Some(seed) = number("SEED") {
        return run(seed).unwrap();
    }
    let (next, most) = (AtomicU64::new(0), number("SEEDS").unwrap_or(2_000));
    let failed = parking_lot::Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, |threads| threads.get() + 1);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= most || failed.lock().len() >= 10 {
                        return;
                    }
                    if let Err(why) = run(seed) {
                        failed.lock().push(why);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
