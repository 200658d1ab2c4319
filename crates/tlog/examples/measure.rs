//! Measures what appending costs: leaf hashes and frontier pushes per second, on one core.
//!
//! `cargo run --release -p countersign-tlog --example measure`

#![allow(clippy::disallowed_methods)] // A measurement needs a clock.

use std::hint::black_box;
use std::time::Instant;

use countersign_tlog::{Cosigner, Frontier, Hash, RightEdge, Signer, TileError, leaf_hash};

const LEAF_BYTES: usize = 700;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let entries: Vec<Vec<u8>> =
        (0..1024u32).map(|i| (0..LEAF_BYTES as u32).map(|j| (i * 31 + j) as u8).collect()).collect();
    let hashes: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();

    measure("leaf hashes of 700 bytes", 1_000_000, |n| {
        black_box(leaf_hash(black_box(&entries[n % entries.len()])));
    });
    let mut frontier = Frontier::new();
    measure("frontier pushes of ready hashes", 5_000_000, |n| frontier.push(hashes[n % hashes.len()]));
    let mut edge = RightEdge::new();
    measure("right-edge pushes of ready hashes", 5_000_000, |n| {
        let _ = edge.push::<TileError>(hashes[n % hashes.len()], |_, tile| {
            black_box(tile);
            Ok(())
        });
    });
    let mut both = Frontier::new();
    measure("leaf hash and frontier push", 1_000_000, |n| both.push(leaf_hash(&entries[n % entries.len()])));
    black_box((frontier.root(), edge.root(), both.root()));

    let signer = Signer::from_seed("log.example/measure", &[1; 32])?;
    let cosigner = Cosigner::from_seed("witness.example/measure", &[2; 32])?;
    let text = countersign_tlog::Checkpoint::new("log.example/measure", 1_000_000, both.root())?.to_string();
    measure("checkpoint signatures", 20_000, |_| {
        black_box(signer.sign(&text));
    });
    let mut note = countersign_tlog::Note::new(text.clone())?;
    note.add(signer.sign(&text))?;
    note.add(cosigner.cosign(&text, 1)?)?;
    let bytes = note.to_bytes();
    let known = [signer.verifier().clone(), cosigner.verifier().clone()];
    measure("checkpoints opened, one signature and one cosignature", 10_000, |_| {
        let _ = black_box(countersign_tlog::Checkpoint::open(&bytes, &known));
    });
    Ok(())
}

fn measure(what: &str, times: usize, mut work: impl FnMut(usize)) {
    let start = Instant::now();
    (0..times).for_each(&mut work);
    let seconds = start.elapsed().as_secs_f64();
    println!("{:>12.0} /s  {what}", times as f64 / seconds);
}
