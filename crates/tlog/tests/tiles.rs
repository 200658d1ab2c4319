//! Tile coordinates and content, the right edge, and proofs from stored tiles.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use countersign_tlog::{
    BundleError, Entries, Frontier, Hash, Level, MAX_ENTRY_BYTES, ReadError, RightEdge, Tile, TileError, TileReader,
    bundles_for, decode_bundle, encode_bundle, encode_hashes, leaf_hash, tiles_for, verify_consistency,
    verify_inclusion,
};
use proptest::prelude::*;

type Store = BTreeMap<String, Vec<u8>>;

fn leaf(index: u64) -> Hash {
    leaf_hash(&index.to_be_bytes())
}

fn root(size: u64) -> Hash {
    let mut frontier = Frontier::new();
    frontier.extend((0..size).map(leaf));
    frontier.root()
}

/// Writes the tiles of a log that published checkpoints at these sizes.
fn grow(edge: &mut RightEdge, store: &mut Store, sizes: &[u64]) {
    for size in sizes {
        let old = edge.size();
        let mut written = BTreeSet::new();
        for index in old..*size {
            edge.push::<TileError>(leaf(index), |tile, hashes| {
                written.insert(tile);
                store.insert(tile.path(), encode_hashes(hashes));
                Ok(())
            })
            .unwrap();
        }
        for (tile, hashes) in edge.partial_tiles() {
            store.insert(tile.path(), encode_hashes(hashes));
            written.insert(tile);
        }
        let missing: Vec<Tile> = tiles_for(old, *size).filter(|tile| !written.contains(tile)).collect();
        assert!(missing.is_empty(), "{old} to {size}: {missing:?}");
    }
}

fn reader(store: &Store, size: u64) -> TileReader<impl FnMut(Tile) -> Result<Option<Vec<u8>>, Infallible>> {
    TileReader::new(size, root(size), |tile: Tile| Ok(store.get(&tile.path()).cloned()))
}

#[test]
fn paths_are_spelled_as_the_specification_does() {
    for (level, index, width, path) in [
        (Level::Hashes(0), 0, 256, "tile/0/000"),
        (Level::Hashes(0), 0, 1, "tile/0/000.p/1"),
        (Level::Hashes(0), 1_234_067, 8, "tile/0/x001/x234/067.p/8"),
        (Level::Hashes(5), 999, 255, "tile/5/999.p/255"),
        (Level::Hashes(2), 1_000, 256, "tile/2/x001/000"),
        (Level::Entries, 1_234_067, 256, "tile/entries/x001/x234/067"),
        (Level::Entries, 0, 17, "tile/entries/000.p/17"),
        (Level::Entries, 36_028_797_018_963_967, 255, "tile/entries/x036/x028/x797/x018/x963/967.p/255"),
    ] {
        let tile = Tile::new(level, index, width).unwrap();
        assert_eq!(tile.path(), path);
        assert_eq!(Tile::from_path(path), Ok(tile));
    }
}

#[test]
fn other_paths_are_refused() {
    for bad in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/+0/000",
        "tile/64/000",
        "tile/8/000",
        "tile/-1/000",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0//000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x01/000",
        "tile/0/X001/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/data/000",
        "tile/entries/../000",
        "tile/0/..",
        "tile/0/000?x",
        "tile/0/00\u{661}",
        "tile/0/000\0",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/7/000",
        "tile/entries/x036/x028/x797/x018/x963/967",
    ] {
        assert!(Tile::from_path(bad).is_err(), "{bad:?}");
    }
    assert_eq!(Tile::new(Level::Entries, 0, 0), Err(TileError::Width(0)));
    assert_eq!(Tile::new(Level::Entries, 0, 257), Err(TileError::Width(257)));
    assert_eq!(Tile::new(Level::Hashes(8), 0, 1), Err(TileError::OutOfRange));
    assert_eq!(Tile::new(Level::Entries, u64::MAX, 1), Err(TileError::OutOfRange));
}

/// Size 256 is a full level-0 tile and a level-1 tile of width 1 (C2SP tlog-tiles).
#[test]
fn the_tiles_of_a_growing_log() {
    let paths = |old, new| tiles_for(old, new).map(|tile| tile.path()).collect::<Vec<_>>();
    assert_eq!(paths(0, 0), Vec::<String>::new());
    assert_eq!(paths(5, 5), Vec::<String>::new());
    assert_eq!(paths(5, 3), Vec::<String>::new());
    assert_eq!(paths(0, 1), ["tile/0/000.p/1"]);
    assert_eq!(paths(255, 256), ["tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(paths(256, 257), ["tile/0/001.p/1"]);
    assert_eq!(paths(200, 513), ["tile/0/000", "tile/0/001", "tile/0/002.p/1", "tile/1/000.p/2"]);
    assert_eq!(paths(65_535, 65_536), ["tile/0/255", "tile/1/000", "tile/2/000.p/1"]);
    let bundles: Vec<String> = bundles_for(255, 300).map(|tile| tile.path()).collect();
    assert_eq!(bundles, ["tile/entries/000", "tile/entries/001.p/44"]);
    assert_eq!(tiles_for(i64::MAX as u64 - 1, i64::MAX as u64).count(), 1);
    assert!(tiles_for(u64::MAX - 1, u64::MAX).all(|tile| tile.width() > 0));
}

#[test]
fn bundles_hold_exactly_their_entries() {
    let entries: [&[u8]; 3] = [b"", b"a", &[7; MAX_ENTRY_BYTES]];
    let bytes = encode_bundle(&entries).unwrap();
    assert_eq!(bytes[..5], [0, 0, 0, 1, b'a']);
    assert_eq!(decode_bundle(&bytes, 3).unwrap(), entries);
    assert_eq!(decode_bundle(&bytes, 2), Err(BundleError::Count { expected: 2 }));
    assert_eq!(decode_bundle(&bytes, 4), Err(BundleError::Count { expected: 4 }));
    assert_eq!(decode_bundle(&bytes[..bytes.len() - 1], 3), Err(BundleError::Truncated(2)));
    assert_eq!(decode_bundle(&[0], 1), Err(BundleError::Truncated(0)));
    assert_eq!(encode_bundle(&[vec![0; MAX_ENTRY_BYTES + 1]]), Err(BundleError::EntryTooLong(MAX_ENTRY_BYTES + 1)));
    assert_eq!(encode_bundle(&vec![b""; 257]), Err(BundleError::TooMany));
    assert!(encode_bundle(&vec![b""; 256]).is_ok());
}

#[test]
fn large_trees_resume_and_prove_from_tiles() {
    let (mut edge, mut store) = (RightEdge::new(), Store::new());
    grow(&mut edge, &mut store, &[65_535, 65_536, 65_537, 70_000]);
    for size in [65_535, 65_536, 65_537, 70_000] {
        assert_eq!(reader(&store, size).right_edge().unwrap().root(), root(size));
        for index in [0, 255, 256, 65_534] {
            let (hash, proof) = reader(&store, size).prove_inclusion(index).unwrap();
            assert_eq!(hash, leaf(index));
            verify_inclusion(&hash, index, size, &root(size), &proof).unwrap();
        }
    }
    assert_eq!(edge.root(), root(70_000));
    // Every tile file is needed by some proof, so a changed bit in any of them shows.
    for path in store.keys().filter(|path| Tile::from_path(path).is_ok_and(|tile| tile.level() != Level::Hashes(0))) {
        let mut changed = store.clone();
        changed.get_mut(path).unwrap()[3] ^= 4;
        let failed = [65_535, 65_536, 65_537, 70_000].iter().any(|size| {
            let mut reader = TileReader::new(*size, root(*size), |tile: Tile| {
                Ok::<_, Infallible>(changed.get(&tile.path()).cloned())
            });
            reader.right_edge().is_err() || reader.prove_inclusion(65_000).is_err()
        });
        assert!(failed, "{path}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn proofs_from_tiles_hold(mut sizes in prop::collection::vec(1..3_000u64, 1..5), at in any::<prop::sample::Index>(), gone in any::<bool>()) {
        sizes.sort_unstable();
        let (mut edge, mut store) = (RightEdge::new(), Store::new());
        grow(&mut edge, &mut store, &sizes);
        if gone {
            // A log may delete partial tiles once the full one exists.
            let full: BTreeSet<String> = store.keys().filter(|path| !path.contains(".p/")).cloned().collect();
            store.retain(|path, _| !path.split_once(".p/").is_some_and(|(start, _)| full.contains(start)));
        }
        for size in &sizes {
            let size = *size;
            let index = at.index(size as usize) as u64;
            let (hash, proof) = reader(&store, size).prove_inclusion(index).unwrap();
            prop_assert_eq!(hash, leaf(index));
            verify_inclusion(&hash, index, size, &root(size), &proof).unwrap();
            for old in sizes.iter().copied().chain([0]).filter(|old| *old <= size) {
                let (old_root, proof) = reader(&store, size).prove_consistency(old).unwrap();
                prop_assert_eq!(old_root, root(old));
                verify_consistency(old, &old_root, size, &root(size), &proof).unwrap();
            }
            let resumed = reader(&store, size).right_edge().unwrap();
            let mut fresh = RightEdge::new();
            grow(&mut fresh, &mut Store::new(), &[size]);
            prop_assert_eq!(resumed, fresh);
        }
    }

    /// What a changed tile leads to is an error; what is handed out is right.
    #[test]
    fn changed_tiles_never_prove_anything_wrong(size in 1..2_000u64, at in any::<prop::sample::Index>(), tile in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>()) {
        let (mut edge, mut store) = (RightEdge::new(), Store::new());
        grow(&mut edge, &mut store, &[size]);
        let path = store.keys().nth(tile.index(store.len())).unwrap().clone();
        let bytes = store.get_mut(&path).unwrap();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let index = at.index(size as usize) as u64;
        if let Ok((hash, proof)) = reader(&store, size).prove_inclusion(index) {
            prop_assert_eq!(hash, leaf(index));
            verify_inclusion(&hash, index, size, &root(size), &proof).unwrap();
        }
        if let Ok((old_root, _)) = reader(&store, size).prove_consistency(index) {
            prop_assert_eq!(old_root, root(index));
        }
        let bytes = store.get_mut(&path).unwrap();
        bytes.pop();
        let result = reader(&store, size).right_edge();
        let partial = path.contains(".p/");
        let malformed = matches!(result, Err(ReadError::Malformed { .. }));
        prop_assert_eq!(malformed, partial);
        store.remove(&path);
        let missing = matches!(reader(&store, size).right_edge(), Err(ReadError::Missing(_)));
        prop_assert_eq!(missing, partial);
    }

    #[test]
    fn tiles_for_is_what_differs_between_two_trees(old in 0..200_000u64, more in 0..3_000u64) {
        let all = |size: u64| -> BTreeSet<Tile> {
            let levels = [Level::Hashes(0), Level::Hashes(1), Level::Hashes(2), Level::Hashes(3)];
            levels.into_iter().flat_map(|level| {
                (0..).map_while(move |index| Tile::in_tree(level, index, size))
            }).collect()
        };
        let (before, after) = (all(old), all(old + more));
        let expected: BTreeSet<Tile> = after.difference(&before).copied().collect();
        prop_assert_eq!(tiles_for(old, old + more).collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn arbitrary_paths_never_panic(path in "\\PC{0,80}", near in "tile/(entries|[0-9]{1,2})(/x?[0-9]{2,4}){1,7}(\\.p/[0-9]{1,4})?") {
        for path in [path, near] {
            if let Ok(tile) = Tile::from_path(&path) {
                prop_assert_eq!(tile.path(), path);
            }
        }
    }

    #[test]
    fn arbitrary_bundles_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000), small in prop::collection::vec(0..4u8, 0..200), width in 0..300u16) {
        for bytes in [bytes, small] {
            let _ = decode_bundle(&bytes, width);
            let entries: Result<Vec<&[u8]>, _> = Entries::new(&bytes).collect();
            if let Ok(entries) = entries && entries.len() <= 256 {
                prop_assert_eq!(encode_bundle(&entries).unwrap(), bytes);
            }
        }
    }
}
