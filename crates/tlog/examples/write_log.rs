//! Writes the published folder of a log of N made-up entries, always the same ones, and prints its vkey.
//!
//! `write_log FOLDER N [SIZE...]`: for each SIZE below N it also leaves the partial tiles of that earlier checkpoint.

use std::error::Error;
use std::fs;
use std::path::Path;

use countersign_tlog::{
    Checkpoint, Hash, RightEdge, Signer, TileError, bundles_for, encode_bundle, encode_hashes, leaf_hash, pack,
};

/// A published log, not a secret: the same entries and key for everybody.
const SEED: [u8; 32] = [7; 32];
const ORIGIN: &str = "log.example/write-log";

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Tile(#[from] TileError),
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: write_log FOLDER N [SIZE...]")?;
    let sizes: Result<Vec<u64>, _> = arguments.map(|size| size.parse()).collect();
    let mut sizes = sizes?;
    sizes.sort_unstable();
    let entries: Vec<Vec<u8>> = (0..sizes.last().copied().unwrap_or(0)).map(entry).collect();

    let folder = Path::new(&folder);
    let mut edge = RightEdge::new();
    for size in sizes {
        grow(folder, &mut edge, &entries, size)?;
    }
    let signer = Signer::from_seed(ORIGIN, &SEED)?;
    let note = Checkpoint::new(ORIGIN, edge.size(), edge.root())?.sign(&signer)?;
    fs::create_dir_all(folder)?;
    fs::write(folder.join("checkpoint"), note.to_bytes())?;
    println!("{}", signer.verifier());
    Ok(())
}

/// Entry `index`: from none to several hundred bytes.
fn entry(index: u64) -> Vec<u8> {
    let name = format!("entry {index};");
    name.bytes().cycle().take((index * 37 % 701) as usize).collect()
}

fn grow(folder: &Path, edge: &mut RightEdge, entries: &[Vec<u8>], size: u64) -> Result<(), Box<dyn Error>> {
    let old = edge.size();
    for entry in entries.iter().take(size as usize).skip(old as usize) {
        edge.push(leaf_hash(entry), |tile, hashes| write_hashes(folder, &tile.path(), hashes))?;
    }
    for (tile, hashes) in edge.partial_tiles() {
        write_hashes(folder, &tile.path(), hashes)?;
    }
    for bundle in bundles_for(old, size) {
        let start = bundle.start() as usize;
        let slice = entries.get(start..start + usize::from(bundle.width())).ok_or("an entry is missing")?;
        let bytes = encode_bundle(slice)?;
        match bundle.packed_path() {
            Some(path) => write(folder, &path, &pack(&bytes)?)?,
            None => write(folder, &bundle.path(), &bytes)?,
        }
    }
    Ok(())
}

fn write_hashes(folder: &Path, path: &str, hashes: &[Hash]) -> Result<(), Failure> {
    Ok(write(folder, path, &encode_hashes(hashes))?)
}

fn write(folder: &Path, path: &str, bytes: &[u8]) -> std::io::Result<()> {
    let path = folder.join(path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, bytes)
}
