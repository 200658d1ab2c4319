//! Rows per second over twenty slices, with full text on: does the index slow down as it grows?
//!
//! `cargo run --release -p countersign-index --example growth -- [actions] [batch]`
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::Dice;
use common::lives::Lives;
use countersign_index::{Index, Query, ReadLog, Record, Setup};
use parking_lot::Mutex;

const SLICES: usize = 20;
/// Records that can be read again: open actions reach back no further.
const WINDOW: usize = 50_000;

/// The end of the log.
#[derive(Default)]
struct Window(Mutex<(usize, VecDeque<Record>)>);

impl ReadLog for Window {
    fn read(&self, position: u64) -> Result<Option<Record>, String> {
        let window = self.0.lock();
        let at = usize::try_from(position).unwrap().checked_sub(window.0).ok_or("behind the window")?;
        Ok(window.1.get(at).cloned())
    }
}

impl Window {
    fn push(&self, records: Vec<Record>) {
        let mut window = self.0.lock();
        window.1.extend(records);
        while window.1.len() > WINDOW {
            window.1.pop_front();
            window.0 += 1;
        }
    }
}

fn argument(at: usize, usual: usize) -> usize {
    std::env::args().nth(at).map_or(usual, |text| text.parse().unwrap())
}

fn bytes_of(folder: &Path) -> u64 {
    std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Time that this thread has run: other load on the machine does not count.
fn running() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default())
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let done = work();
    (done, begin.elapsed())
}

fn main() {
    let (actions, batch) = (argument(1, 300_000), argument(2, 2_048));
    let folder = tempfile::tempdir_in(std::env::var("GROWTH_DIR").unwrap_or(".".to_owned())).unwrap();
    let mut lives = Lives::new(1);
    (lives.reviews, lives.filler) = (argument(3, 0), argument(4, 150));
    let log = Arc::new(Window::default());
    let setup = Setup { log: log.clone(), ..lives.world.setup() };
    let index = Index::open(&folder.path().join("index.db"), setup).unwrap();
    println!(
        "{:>9} {:>10} {:>10} {:>9} {:>9} {:>9}",
        "actions", "records", "actions/s", "B/action", "RSS MiB", "miss us"
    );
    let (mut rates, mut position, mut done) = (Vec::new(), 0usize, 0usize);
    for _ in 0..SLICES {
        let (mut spent, mut ran, begun) = (Duration::ZERO, Duration::ZERO, done);
        let goal = done + actions / SLICES;
        while done < goal {
            while lives.world.log.len() < batch {
                lives.step();
            }
            done += lives.over.len();
            lives.over.clear();
            let records = std::mem::take(&mut *lives.world.log.0.lock());
            let pairs = records.iter().map(|record| (record.envelope.as_slice(), record.vault.as_slice()));
            let before = running();
            let ((), took) = timed(|| index.apply(position as u64, pairs).unwrap());
            spent += took;
            ran += running() - before;
            position += records.len();
            log.push(records);
        }
        let (wall, rate) = ((done - begun) as f64 / spent.as_secs_f64(), (done - begun) as f64 / ran.as_secs_f64());
        let dice = Dice::new(7);
        let ((), misses) = timed(|| {
            for _ in 0..1_000 {
                assert_eq!(index.by_request(uuid::Uuid::from_u128(7), &format!("r{}", dice.roll())).unwrap(), None);
            }
        });
        rates.push(rate);
        println!(
            "{done:>9} {position:>10} {wall:>10.0} {rate:>10.0} {:>9} {:>9} {:>9.1}",
            bytes_of(folder.path()) / done as u64,
            resident_kib() / 1024,
            misses.as_secs_f64() * 1e6 / 1e3
        );
    }
    let mean = rates.iter().sum::<f64>() / rates.len() as f64;
    let centre = (SLICES - 1) as f64 / 2.0;
    let covariance: f64 = rates.iter().enumerate().map(|(at, rate)| (at as f64 - centre) * (rate - mean)).sum();
    let variance: f64 = (0..SLICES).map(|at| (at as f64 - centre).powi(2)).sum();
    let slope = covariance / variance;
    println!(
        "mean {mean:.0}/s, slope {:+.2} % of the mean per slice, last/first {:.2}",
        slope / mean * 100.0,
        rates[SLICES - 1] / rates[0]
    );
    for (name, query) in [
        ("newest", Query::default()),
        ("agent", Query { agent: Some("ops".to_owned()), ..Query::default() }),
        ("two words", Query { text: Some("invoice berlin".to_owned()), ..Query::default() }),
        ("rare word", Query { text: Some("w123 w456".to_owned()), ..Query::default() }),
        ("no such word", Query { text: Some("nosuchword".to_owned()), ..Query::default() }),
        (
            "agent and state",
            Query { agent: Some("ops".to_owned()), state: Some(countersign_wire::State::Unknown), ..Query::default() },
        ),
        ("state waiting", Query { state: Some(countersign_wire::State::Waiting), ..Query::default() }),
    ] {
        let (page, took) = timed(|| index.list(&query).unwrap());
        println!("{name:>16}: {:>3} rows in {:.1} ms", page.actions.len(), took.as_secs_f64() * 1e3);
    }
    // What an erasure costs for each full-text table that held something of the person, beside reading its actions again.
    drop(index);
    let connection = rusqlite::Connection::open(folder.path().join("index.db")).unwrap();
    connection.pragma_update(None, "secure_delete", "ON").unwrap();
    let optimize = "INSERT INTO words_0 (words_0) VALUES ('optimize')";
    let (_, took) = timed(|| connection.execute(optimize, []).unwrap());
    println!("writing one full-text table anew: {:.1} s", took.as_secs_f64());
}
