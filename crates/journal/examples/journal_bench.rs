//! Durable records per second, each acknowledged: the journal beside a bare segment file and beside one INSERT per record.
//!
//! `cargo run --release -p countersign-journal --example journal_bench [seconds] [callers] [folder]`. All ways in one run,
//! on the same disk, with the same callers and the same queue; the ratios are what counts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use countersign_evidence::key::Random;
use countersign_journal::{
    Batch, DataFolder, Entry, Head, Journal, LogId, Materializer, SqliteJournal, SqliteOptions, Store,
};
use countersign_tlog::Signer;
use futures::executor::block_on;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

const ROUNDS: usize = 5;
const MOST_RECORDS: usize = 1024;
const MOST_BYTES: usize = 4 << 20;
const LOG: LogId = LogId(Uuid::from_u128(1));

/// Makes records durable.
trait Sink: Send {
    fn commit(&mut self, entries: Vec<Entry>);
}

struct Segment(File, Vec<u8>);

impl Sink for Segment {
    fn commit(&mut self, entries: Vec<Entry>) {
        self.1.clear();
        for part in entries.iter().flat_map(|entry| [&entry.envelope, &entry.vault]) {
            self.1.extend_from_slice(&(part.len() as u32).to_be_bytes());
            self.1.extend_from_slice(part);
        }
        self.0.write_all(&self.1).unwrap();
        self.0.sync_data().unwrap();
    }
}

struct OneInsert(rusqlite::Connection);

impl Sink for OneInsert {
    fn commit(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            let insert = "INSERT INTO record (envelope, vault) VALUES (?, ?)";
            let row = rusqlite::params![&entry.envelope[..], &entry.vault[..]];
            self.0.prepare_cached(insert).unwrap().execute(row).unwrap();
        }
    }
}

struct Journaled(Arc<SqliteJournal>, Head);

impl Sink for Journaled {
    fn commit(&mut self, entries: Vec<Entry>) {
        self.1 = block_on(self.0.append(&self.1, Batch { entries, ..Default::default() })).unwrap();
    }
}

struct Hashed(AtomicU64);

impl Random for Hashed {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let turn = self.0.fetch_add(1, Ordering::Relaxed);
            chunk.copy_from_slice(&Sha256::digest(turn.to_be_bytes())[..chunk.len()]);
        }
    }
}

/// 1 KB: half an envelope, which is mostly digests, half ciphertext.
fn records() -> Vec<Entry> {
    let random = Hashed(AtomicU64::new(0));
    let record = |number: u32| {
        let mut bytes = [0; 724];
        random.fill(&mut bytes);
        let hex: String = bytes[..200].iter().map(|byte| format!("{byte:02x}")).collect();
        let envelope = format!("{{\"action\":\"{number:032x}\",\"sealed\":{{\"payload\":\"{hex}\"}},\"v\":1}}");
        Entry { envelope: format!("{envelope:500}").into(), vault: bytes[200..].to_vec().into() }
    };
    (0..4096).map(record).collect()
}

type Command = (Entry, oneshot::Sender<()>);

fn drain(mut queue: mpsc::Receiver<Command>, mut sink: Box<dyn Sink>) {
    while let Some(first) = queue.blocking_recv() {
        let (mut entries, mut waiting, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut next = Some(first);
        while let Some((entry, answer)) = next.take() {
            bytes += entry.envelope.len() + entry.vault.len();
            entries.push(entry);
            waiting.push(answer);
            if entries.len() < MOST_RECORDS && bytes < MOST_BYTES {
                next = queue.try_recv().ok();
            }
        }
        sink.commit(entries);
        waiting.into_iter().for_each(|answer| answer.send(()).unwrap());
    }
}

/// Records per second.
fn measure(sink: Box<dyn Sink>, records: &Arc<Vec<Entry>>, callers: usize, time: Duration) -> f64 {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let (sender, queue) = mpsc::channel(4096);
    let writer = std::thread::spawn(move || drain(queue, sink));
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let begun = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let (sender, stop, done, records) = (sender.clone(), stop.clone(), done.clone(), records.clone());
            runtime.spawn(async move {
                let mut at = caller;
                while !stop.load(Ordering::Relaxed) {
                    let (answer, answered) = oneshot::channel();
                    at = (at + 257) % records.len();
                    sender.send((records[at].clone(), answer)).await.unwrap();
                    answered.await.unwrap();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    std::thread::sleep(time);
    stop.store(true, Ordering::Relaxed);
    tasks.into_iter().for_each(|task| runtime.block_on(task).unwrap());
    let rate = done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
    drop(sender);
    writer.join().unwrap();
    rate
}

fn new_folder(root: &Path, name: &str) -> PathBuf {
    let path = root.join(name);
    std::fs::create_dir(&path).unwrap();
    path
}

fn journal(folder: &Path) -> (Arc<SqliteJournal>, Head) {
    let data = Arc::new(DataFolder::open(folder).unwrap());
    let journal = Arc::new(SqliteJournal::open(data, &SqliteOptions::default()).unwrap());
    block_on(journal.create(LOG)).unwrap();
    let head = block_on(journal.open(LOG)).unwrap();
    (journal, head)
}

/// Publishes and trims beside the writer, on a runtime of its own.
fn publish(
    journal: &Arc<SqliteJournal>,
    head: &Head,
    folder: &Path,
    stop: &Arc<AtomicBool>,
) -> std::thread::JoinHandle<u64> {
    let (journal, head, stop) = (Arc::clone(journal), head.clone(), Arc::clone(stop));
    let store = Store::in_folder(&folder.join("log")).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let signer = Signer::from_seed("bench.example/log", &[1; 32]).unwrap();
            let all = Arc::new(AtomicU64::new(u64::MAX));
            let materializer = Materializer::open(journal, store, signer, &head, all).await.unwrap();
            while !stop.load(Ordering::Relaxed) {
                if !materializer.publish_once().await.unwrap() {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
            *materializer.published().borrow()
        })
    })
}

fn sync_p50(folder: &Path) -> Duration {
    let mut file = File::create(folder.join("probe")).unwrap();
    let mut times: Vec<Duration> = (0..500)
        .map(|_| {
            file.write_all(&[1; 1024]).unwrap();
            let begun = Instant::now();
            file.sync_data().unwrap();
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

/// The ways to make records durable, in the order in which a round tries them.
const WAYS: [&str; 4] = [
    "bare segment file, group fdatasync",
    "journal",
    "journal, publishing and trimming beside it",
    "one INSERT per record, SQLite",
];

fn run(way: usize, folder: &Path, records: &Arc<Vec<Entry>>, callers: usize, time: Duration) -> f64 {
    match way {
        0 => {
            let file = File::create(folder.join("segment")).unwrap();
            measure(Box::new(Segment(file, Vec::new())), records, callers, time)
        }
        1 => {
            let (journal, head) = journal(folder);
            measure(Box::new(Journaled(journal, head)), records, callers, time)
        }
        2 => {
            let (journal, head) = journal(folder);
            let stop = Arc::new(AtomicBool::new(false));
            let publisher = publish(&journal, &head, folder, &stop);
            let rate = measure(Box::new(Journaled(journal, head)), records, callers, time);
            stop.store(true, Ordering::Relaxed);
            println!("  {:.0} records/s published meanwhile", publisher.join().unwrap() as f64 / time.as_secs_f64());
            rate
        }
        _ => {
            let plain = rusqlite::Connection::open(folder.join("plain.db")).unwrap();
            plain.pragma_update(None, "journal_mode", "WAL").unwrap();
            plain.pragma_update(None, "synchronous", "FULL").unwrap();
            plain.execute_batch("CREATE TABLE record (id INTEGER PRIMARY KEY, envelope BLOB, vault BLOB)").unwrap();
            measure(Box::new(OneInsert(plain)), records, callers, time)
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds: f64 = arguments.next().map_or(3.0, |text| text.parse().unwrap());
    let callers: usize = arguments.next().map_or(256, |text| text.parse().unwrap());
    let root = match arguments.next() {
        Some(folder) => tempfile::tempdir_in(folder).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let records = Arc::new(records());
    println!("{callers} callers, 1 KB, {ROUNDS} rounds of {seconds} s each; durable records per second");
    let mut rates = [const { Vec::new() }; WAYS.len()];
    // In turns, since a disk has its moods.
    for round in 0..ROUNDS {
        println!("round {round}: fdatasync p50 {:?}", sync_p50(root.path()));
        for (way, name) in WAYS.iter().enumerate() {
            let folder = new_folder(root.path(), &format!("{round}-{way}"));
            let rate = run(way, &folder, &records, callers, Duration::from_secs_f64(seconds));
            println!("  {name:<44} {rate:>9.0}");
            rates[way].push(rate);
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
    for (way, name) in WAYS.iter().enumerate() {
        println!("{name}: {:.0} records/s (median)", median(rates[way].clone()));
    }
    // Within each round, since the disk changes between them.
    let ratio = |of: usize, to: usize| median(rates[of].iter().zip(&rates[to]).map(|(of, to)| of / to).collect());
    println!("journal / bare segment {:.2} (bar 0.35), publishing {:.2}", ratio(1, 0), ratio(2, 0));
    println!("journal / one INSERT per record {:.1} (bar 10)", ratio(1, 3));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
