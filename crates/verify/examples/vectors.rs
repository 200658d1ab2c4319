//! Writes the test vectors: `cargo run -p countersign-verify --example vectors -- docs/vectors`.
//!
//! They are frozen with the format: a run that changes a file changes the contract.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/sample/mod.rs"]
mod sample;

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args().nth(1).map(PathBuf::from) else {
        eprintln!("usage: vectors FOLDER");
        std::process::exit(2);
    };
    for (path, bytes) in sample::vectors::files() {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap())?;
        std::fs::write(path, bytes)?;
    }
    Ok(())
}
