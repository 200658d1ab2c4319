//! A published folder from entries.

use countersign_tlog::{
    Checkpoint, Level, Note, RightEdge, Signer, Tile, TileError, TileReader, TlogProof, bundles_for, encode_bundle,
    encode_hashes, leaf_hash, pack,
};
use countersign_verify::{Memory, append_vault_entry};

use super::{LOG_SEED, ORIGIN};

/// Envelope and vault entry.
pub type Entry = (Vec<u8>, Vec<u8>);

pub fn signer() -> Signer {
    Signer::from_seed(ORIGIN, &LOG_SEED).unwrap()
}

pub fn trust_text() -> String {
    format!("log {}\nquorum none\n", signer().verifier().vkey())
}

/// The folder of a log that published a checkpoint at each of `sizes`, the last one being the whole log.
pub fn publish(entries: &[Entry], sizes: &[u64]) -> Memory {
    let mut folder = Memory::default();
    let mut edge = RightEdge::new();
    for size in sizes {
        grow(&mut folder, &mut edge, entries, *size);
    }
    let note = checkpoint(&edge, &signer());
    folder.0.insert("checkpoint".to_owned(), note.to_bytes());
    folder.0.insert("log.vkey".to_owned(), format!("{}\n", signer().verifier().vkey()).into_bytes());
    folder
}

/// The same folder with its full entry bundles packed, as a gate leaves them.
pub fn packed(folder: Memory) -> Memory {
    packed_by(folder, |bundle| pack(bundle).unwrap())
}

/// The same folder with its full entry bundles packed by `pack`.
pub fn packed_by(folder: Memory, pack: impl Fn(&[u8]) -> Vec<u8>) -> Memory {
    let place = |path: &str| Tile::from_path(path).ok().and_then(|tile| tile.packed_path());
    let files = folder.0.into_iter().map(|(path, bytes)| match place(&path) {
        Some(place) => (place, pack(&bytes)),
        None => (path, bytes),
    });
    Memory(files.collect())
}

pub fn whole(entries: &[Entry]) -> Memory {
    publish(entries, &[entries.len() as u64])
}

pub fn checkpoint(edge: &RightEdge, signer: &Signer) -> Note {
    Checkpoint::new(signer.name(), edge.size(), edge.root()).unwrap().sign(signer).unwrap()
}

fn grow(folder: &mut Memory, edge: &mut RightEdge, entries: &[Entry], size: u64) {
    let old = edge.size();
    for (envelope, _) in &entries[old as usize..size as usize] {
        let full = |tile: Tile, hashes: &[_]| {
            folder.0.insert(tile.path(), encode_hashes(hashes));
            Ok::<(), TileError>(())
        };
        edge.push(leaf_hash(envelope), full).unwrap();
    }
    for (tile, hashes) in edge.partial_tiles() {
        folder.0.insert(tile.path(), encode_hashes(hashes));
    }
    for tile in bundles_for(old, size) {
        let start = tile.start() as usize;
        let slice = &entries[start..start + usize::from(tile.width())];
        let envelopes: Vec<&Vec<u8>> = slice.iter().map(|(envelope, _)| envelope).collect();
        folder.0.insert(tile.path(), encode_bundle(&envelopes).unwrap());
        let mut vault = Vec::new();
        slice.iter().for_each(|(_, entry)| append_vault_entry(&mut vault, entry));
        folder.0.insert(vault_path(tile), vault);
    }
}

pub fn vault_path(tile: Tile) -> String {
    assert_eq!(tile.level(), Level::Entries);
    tile.path().replacen("tile/entries", "vault", 1)
}

/// The proof of one record under the folder's checkpoint.
pub fn prove(folder: &Memory, index: u64) -> TlogProof {
    let note = Note::parse(&folder.0["checkpoint"]).unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    let fetch = |tile: Tile| Ok::<_, std::convert::Infallible>(folder.0.get(&tile.path()).cloned());
    let mut reader = TileReader::new(checkpoint.size(), checkpoint.root(), fetch);
    let (_, hashes) = reader.prove_inclusion(index).unwrap();
    TlogProof { extra: None, index, hashes, checkpoint: note }
}
