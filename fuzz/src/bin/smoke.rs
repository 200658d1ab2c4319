//! The properties without libFuzzer: seeds, then mutations of seeds, in an order that the seed number alone decides.
//!
//! ```text
//! smoke SECONDS [TARGET...]     SEED=n for another order
//! smoke --replay TARGET FILE    one input, such as artifacts/TARGET/smoke-current after a crash
//! ```

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use countersign_fuzz::{TARGETS, Target};

/// Longest input in bytes.
const MOST_BYTES: usize = 16384;
/// An input that takes longer is a failure: the parser has no good limit.
const MOST_TIME: Duration = Duration::from_secs(5);
/// What the formats have in common, and where limits lie.
const WORDS: [&[u8]; 24] = [
    b"\n",
    b"\n\n",
    b"\0",
    b" ",
    b"\xff",
    b"\xe2\x80\x94 ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b",",
    b":",
    b"null",
    b"-0.0e-1",
    b"9007199254740993",
    b"18446744073709551616",
    b"1e9999",
    b"=",
    b"=== a.cedar\n",
    b"AAAA",
    b"\"id\":1,",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["--replay", name, file] => replay(name, file),
        [seconds, names @ ..] => match seconds.parse() {
            Ok(seconds) => smoke(Duration::from_secs(seconds), names),
            Err(_) => Err(usage()),
        },
        [] => Err(usage()),
    };
    match outcome {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> io::Error {
    io::Error::other("usage: smoke SECONDS [TARGET...] | smoke --replay TARGET FILE")
}

fn find(name: &str) -> io::Result<&'static Target> {
    let found = TARGETS.iter().find(|target| target.name == name);
    found.ok_or_else(|| io::Error::other(format!("there is no target {name}")))
}

fn replay(name: &str, file: &str) -> io::Result<usize> {
    (find(name)?.run)(&fs::read(file)?);
    println!("{name}: {file} passes");
    Ok(0)
}

fn smoke(time: Duration, names: &[&str]) -> io::Result<usize> {
    let targets = match names {
        [] => TARGETS.iter().collect(),
        names => names.iter().map(|name| find(name)).collect::<io::Result<Vec<_>>>()?,
    };
    let mut failed = 0;
    for target in &targets {
        failed += usize::from(!try_out(target, time)?);
    }
    println!("{} passed, {failed} failed", targets.len() - failed);
    Ok(failed)
}

/// Whether the property held for the given time.
fn try_out(target: &Target, time: Duration) -> io::Result<bool> {
    let seeds = seeds(target)?;
    let folder = folder("artifacts", target);
    fs::create_dir_all(&folder)?;
    let current = folder.join("smoke-current");
    let mut kept = File::create(&current)?;
    let mut random = Random::new(target.name);
    let begin = now();
    let mut runs = 0;
    while runs < seeds.len() || begin.elapsed() < time {
        let input = match seeds.get(runs) {
            Some(seed) => seed.clone(),
            None => random.mutate(&seeds),
        };
        // Written before the run: an overflowing stack leaves no other trace.
        kept.set_len(0)?;
        kept.rewind()?;
        kept.write_all(&input)?;
        let began = now();
        let held = catch_unwind(AssertUnwindSafe(|| (target.run)(&input))).is_ok();
        if !held || began.elapsed() > MOST_TIME {
            let why = if held { "took too long" } else { "failed" };
            println!(
                "{}: run {runs} {why} after {:?}; the input is {}",
                target.name,
                began.elapsed(),
                current.display()
            );
            return Ok(false);
        }
        runs += 1;
    }
    fs::remove_file(current)?;
    println!("{}: {runs} runs", target.name);
    Ok(true)
}

/// The one place that reads the clock.
#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

fn folder(kind: &str, target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(kind).join(target.name)
}

/// The seeds, in order of name.
fn seeds(target: &Target) -> io::Result<Vec<Vec<u8>>> {
    let entries = fs::read_dir(folder("corpus", target))?.collect::<io::Result<Vec<_>>>()?;
    let mut paths: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    if paths.is_empty() {
        return Err(io::Error::other(format!("{} has no seeds", target.name)));
    }
    paths.iter().map(fs::read).collect()
}

/// xorshift64 (Marsaglia 2003): the same number gives the same inputs everywhere.
struct Random(u64);

impl Random {
    fn new(name: &str) -> Self {
        let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1u64);
        let named = name.bytes().fold(seed, |sum, byte| sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte));
        Random(named | 1 << 63)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % end.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A range of up to `most` bytes within `bytes`.
    fn range(&mut self, bytes: &[u8], most: usize) -> std::ops::Range<usize> {
        let from = self.below(bytes.len() + 1);
        from..(from + self.below(most.min(bytes.len() - from) + 1))
    }

    /// One to four changes of a seed; half of the time only one, which most often keeps it well formed.
    fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.pick(seeds).clone();
        for _ in 0..=[0, 0, 1, 3][self.below(4)] {
            self.change(&mut input, seeds);
        }
        input.truncate(MOST_BYTES);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(input.len());
        match self.below(8) {
            0 if !input.is_empty() => input[at] ^= 1 << self.below(8),
            1 if !input.is_empty() => input[at] = self.below(256) as u8,
            2 => drop(input.drain(self.range(input, 16))),
            3 => drop(input.drain(self.range(input, usize::MAX))),
            4 => {
                let part = input[self.range(input, 64)].to_vec();
                drop(input.splice(at..at, part));
            }
            5 => {
                let other = self.pick(seeds);
                let part = other[self.range(other, 512)].to_vec();
                let range = self.range(input, 64);
                drop(input.splice(range, part));
            }
            6 => {
                let word = self.pick(&WORDS).to_vec();
                let range = self.range(input, 4);
                drop(input.splice(range, word));
            }
            // A digit for a digit: sizes, counts and positions.
            _ => {
                let digits: Vec<usize> = (0..input.len()).filter(|at| input[*at].is_ascii_digit()).collect();
                if !digits.is_empty() {
                    input[*self.pick(&digits)] = b'0' + self.below(10) as u8;
                }
            }
        }
    }
}
