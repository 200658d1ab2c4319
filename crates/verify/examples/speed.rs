//! Measures verification on one core: `cargo run --release -p countersign-verify --example speed -- [actions]`.
//!
//! The log is held in memory, so that the disk is not what is measured.
#![allow(clippy::unwrap_used, clippy::expect_used)]
// A measurement asks the clock.
#![allow(clippy::disallowed_methods)]

#[path = "../tests/sample/mod.rs"]
mod sample;

use std::time::Instant;

use countersign_tlog::TrustFile;
use countersign_verify::{Options, verify_folder};

fn main() {
    let actions = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(20_000);
    let log = sample::courses::log(1, actions);
    let folder = sample::publish::packed(sample::publish::whole(&log.entries));
    let trust = TrustFile::parse(sample::publish::trust_text().as_bytes()).unwrap();
    let base = Options { trust: Some(&trust), ..Options::default() };
    let (envelopes, vault) = log.entries.iter().fold((0, 0), |(e, v), entry| (e + entry.0.len(), v + entry.1.len()));
    let records = log.entries.len();
    println!("{records} records, {} bytes of envelope and {} of vault each", envelopes / records, vault / records);
    for (name, options) in [
        ("integrity, vault left out", Options { integrity_only: true, without_vault: true, ..base }),
        ("integrity with vault", Options { integrity_only: true, ..base }),
        ("and completeness, conformance", base),
        ("and openings", Options { keys: Some(&log.ring), ..base }),
    ] {
        let start = Instant::now();
        let report = verify_folder(&folder, options, &mut |_| {}).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        assert!(!report.failed());
        println!("{name}: {:.0} records/s", records as f64 / seconds);
    }
}
