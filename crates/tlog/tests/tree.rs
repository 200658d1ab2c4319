//! Roots and proofs against the RFC 6962 test leaves and two independent implementations.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod sigstore_sha256;

use countersign_tlog::{
    EMPTY_ROOT, Frontier, FrontierError, Hash, MAX_TREE_SIZE, ProofError, leaf_hash, node_hash, prove_consistency,
    prove_inclusion, root_from_inclusion, tree_root, verify_consistency, verify_inclusion,
};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;
use sigstore_types::Sha256Hash;

type Oracle = MemoryBackedTree<Sha256, Vec<u8>>;

fn entry(index: u64) -> Vec<u8> {
    index.to_be_bytes().repeat((index % 5) as usize)
}

/// Every perfect subtree's hash, by level and index.
struct Nodes(Vec<Vec<Hash>>);

impl Nodes {
    fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while levels.last().unwrap().len() > 1 {
            let up = levels.last().unwrap().chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
            levels.push(up);
        }
        Self(levels)
    }

    fn node(&self, level: u8, index: u64) -> Result<Hash, ProofError> {
        Ok(self.0[usize::from(level)][index as usize])
    }
}

fn tree(size: u64) -> (Oracle, Nodes) {
    let mut oracle = Oracle::new();
    (0..size).for_each(|index| oracle.push(entry(index)));
    (oracle, Nodes::new((0..size).map(|index| leaf_hash(&entry(index))).collect()))
}

fn root(nodes: &Nodes, size: u64) -> Hash {
    tree_root(size, |level, index| nodes.node(level, index)).unwrap()
}

fn flat(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

fn theirs(hashes: &[Hash]) -> Vec<Sha256Hash> {
    hashes.iter().map(|hash| Sha256Hash::new(hash.0)).collect()
}

fn hex(hash: Hash) -> String {
    hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_eight_well_known_leaves_have_their_well_known_roots() {
    let leaves: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::new();
    assert_eq!(hex(frontier.root()), roots[0]);
    for (leaf, expected) in leaves.iter().zip(&roots[1..]) {
        frontier.push(leaf_hash(leaf));
        assert_eq!(hex(frontier.root()), *expected, "size {}", frontier.size());
    }
}

#[test]
fn every_root_up_to_5000_and_one_at_70000_is_that_of_ct_merkle() {
    let (mut oracle, mut frontier) = (Oracle::new(), Frontier::new());
    for size in 0..=70_000 {
        if size <= 5_000 || size % 4_096 < 2 || size == 70_000 {
            assert_eq!(frontier.root().as_bytes(), oracle.root().as_bytes().as_slice(), "size {size}");
        }
        oracle.push(entry(size));
        frontier.push(leaf_hash(&entry(size)));
    }
}

#[test]
fn large_trees_prove_the_same_as_ct_merkle() {
    let size = 70_000;
    let (oracle, nodes) = tree(size);
    for index in [0, 1, 255, 256, 65_535, 65_536, 69_998, 69_999] {
        let proof = prove_inclusion(index, size, |l, i| nodes.node(l, i)).unwrap();
        assert_eq!(flat(&proof), oracle.prove_inclusion(index as usize).as_bytes());
    }
    for old in [1, 2, 255, 256, 257, 65_536, 65_537, 69_999] {
        let proof = prove_consistency(old, size, |l, i| nodes.node(l, i)).unwrap();
        assert_eq!(flat(&proof), oracle.prove_consistency((size - old) as usize).as_bytes());
        verify_consistency(old, &root(&nodes, old), size, &root(&nodes, size), &proof).unwrap();
    }
}

/// All pairs for small trees: our proofs verify in sigstore-merkle, and a proof for one place never fits another.
#[test]
fn small_trees_exhaustively() {
    sigstore_sha256::install();
    let nodes = tree(40).1;
    for size in 1..=40 {
        let top = root(&nodes, size);
        for index in 0..size {
            let leaf = nodes.node(0, index).unwrap();
            let proof = prove_inclusion(index, size, |l, i| nodes.node(l, i)).unwrap();
            for other in 0..size {
                let ours = verify_inclusion(&leaf, other, size, &top, &proof).is_ok();
                let (leaf, top) = (Sha256Hash::new(leaf.0), Sha256Hash::new(top.0));
                let their = sigstore_merkle::verify_inclusion_proof(&leaf, other, size, &theirs(&proof), &top).is_ok();
                assert_eq!((ours, their), (index == other, index == other), "{index} as {other} of {size}");
            }
        }
        for old in 1..=size {
            let old_root = root(&nodes, old);
            let proof = prove_consistency(old, size, |l, i| nodes.node(l, i)).unwrap();
            verify_consistency(old, &old_root, size, &top, &proof).unwrap();
            let (old_root, top) = (Sha256Hash::new(old_root.0), Sha256Hash::new(top.0));
            sigstore_merkle::verify_consistency_proof(old, size, &theirs(&proof), &old_root, &top).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn inclusion_proofs_agree(size in 1..5_000u64, at in any::<prop::sample::Index>(), flip in any::<prop::sample::Index>()) {
        sigstore_sha256::install();
        let index = at.index(size as usize) as u64;
        let (oracle, nodes) = tree(size);
        let (leaf, top) = (nodes.node(0, index).unwrap(), root(&nodes, size));
        prop_assert_eq!(top.0.to_vec(), oracle.root().as_bytes().to_vec());

        let mut proof = prove_inclusion(index, size, |l, i| nodes.node(l, i)).unwrap();
        prop_assert_eq!(flat(&proof), oracle.prove_inclusion(index as usize).as_bytes().to_vec());
        verify_inclusion(&leaf, index, size, &top, &proof).unwrap();
        sigstore_merkle::verify_inclusion_proof(
            &Sha256Hash::new(leaf.0), index, size, &theirs(&proof), &Sha256Hash::new(top.0),
        ).unwrap();

        if !proof.is_empty() {
            let bit = flip.index(proof.len() * 256);
            proof[bit / 256].0[bit % 256 / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(verify_inclusion(&leaf, index, size, &top, &proof), Err(ProofError::Root));
            proof.pop();
            let too_short = matches!(verify_inclusion(&leaf, index, size, &top, &proof), Err(ProofError::Length { .. }));
            prop_assert!(too_short);
        }
    }

    #[test]
    fn consistency_proofs_agree(size in 2..5_000u64, at in any::<prop::sample::Index>(), flip in any::<prop::sample::Index>()) {
        sigstore_sha256::install();
        let old = 1 + at.index(size as usize - 1) as u64;
        let (oracle, nodes) = tree(size);
        let (old_root, top) = (root(&nodes, old), root(&nodes, size));

        let mut proof = prove_consistency(old, size, |l, i| nodes.node(l, i)).unwrap();
        prop_assert_eq!(flat(&proof), oracle.prove_consistency((size - old) as usize).as_bytes().to_vec());
        verify_consistency(old, &old_root, size, &top, &proof).unwrap();
        sigstore_merkle::verify_consistency_proof(
            old, size, &theirs(&proof), &Sha256Hash::new(old_root.0), &Sha256Hash::new(top.0),
        ).unwrap();

        let bit = flip.index(proof.len() * 256);
        proof[bit / 256].0[bit % 256 / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(verify_consistency(old, &old_root, size, &top, &proof), Err(ProofError::Root));
    }

    /// Whatever the numbers: an answer, never a panic or an endless loop. Both sides agree on what holds.
    #[test]
    fn arbitrary_numbers_never_panic(old in any::<u64>(), size in any::<u64>(), proof in prop::collection::vec(any::<[u8; 32]>(), 0..70)) {
        sigstore_sha256::install();
        let proof: Vec<Hash> = proof.into_iter().map(Hash).collect();
        let node = |_, _| Ok::<_, ProofError>(EMPTY_ROOT);
        let _ = prove_inclusion(old, size, node);
        let _ = prove_consistency(old, size, node);
        let _ = tree_root(size, node);
        if size > 1 {
            prop_assert!(verify_inclusion(&EMPTY_ROOT, old, size, &EMPTY_ROOT, &proof).is_err());
        }
        prop_assert!(old == size || verify_consistency(old, &leaf_hash(b"old"), size, &EMPTY_ROOT, &proof).is_err());
        if let Ok(top) = root_from_inclusion(&EMPTY_ROOT, old, size, &proof) {
            sigstore_merkle::verify_inclusion_proof(
                &Sha256Hash::new(EMPTY_ROOT.0), old, size, &theirs(&proof), &Sha256Hash::new(top.0),
            ).unwrap();
        }
    }

    #[test]
    fn frontiers_survive_storage(size in 0..3_000u64, more in 0..300u64, noise in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut frontier = Frontier::new();
        frontier.extend((0..size).map(|index| leaf_hash(&entry(index))));
        let bytes = frontier.to_bytes();
        let mut stored = Frontier::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&stored, &frontier);
        for index in size..size + more {
            stored.push(leaf_hash(&entry(index)));
            frontier.push(leaf_hash(&entry(index)));
        }
        prop_assert_eq!(stored.root(), frontier.root());
        prop_assert!(Frontier::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        prop_assert!(Frontier::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
        if let Ok(read) = Frontier::from_bytes(&noise) {
            prop_assert_eq!(read.to_bytes(), noise);
        }
    }
}

/// Trees too large to build still have proofs of the right length, which sigstore-merkle accepts.
#[test]
fn the_largest_tree_has_proofs() {
    sigstore_sha256::install();
    for size in [MAX_TREE_SIZE, (1 << 62) + 1, 1 << 62] {
        for index in [0, 1, size / 2, size - 1] {
            let proof = prove_inclusion(index, size, |level, at| {
                assert!((at + 1) << level <= size);
                Ok::<_, ProofError>(leaf_hash(&[level]))
            })
            .unwrap();
            let top = root_from_inclusion(&EMPTY_ROOT, index, size, &proof).unwrap();
            let (leaf, top) = (Sha256Hash::new(EMPTY_ROOT.0), Sha256Hash::new(top.0));
            sigstore_merkle::verify_inclusion_proof(&leaf, index, size, &theirs(&proof), &top).unwrap();
        }
    }
    let node = |_, _| Ok::<_, ProofError>(EMPTY_ROOT);
    assert_eq!(prove_inclusion(0, MAX_TREE_SIZE + 1, node), Err(ProofError::Size(MAX_TREE_SIZE + 1)));
}

#[test]
fn must_reject() {
    let (one, two) = (leaf_hash(b"1"), leaf_hash(b"2"));
    let both = node_hash(&one, &two);
    assert_eq!(verify_inclusion(&one, 0, 0, &EMPTY_ROOT, &[]), Err(ProofError::Index { index: 0, size: 0 }));
    assert_eq!(verify_inclusion(&one, 2, 2, &both, &[two]), Err(ProofError::Index { index: 2, size: 2 }));
    assert_eq!(verify_inclusion(&one, 0, 2, &both, &[]), Err(ProofError::Length { expected: 1, found: 0 }));
    assert_eq!(verify_inclusion(&one, 0, 1, &one, &[two]), Err(ProofError::Length { expected: 0, found: 1 }));
    assert_eq!(verify_inclusion(&one, 1, 2, &both, &[two]), Err(ProofError::Root));
    verify_inclusion(&one, 0, 2, &both, &[two]).unwrap();

    verify_consistency(0, &EMPTY_ROOT, 2, &both, &[]).unwrap();
    verify_consistency(2, &both, 2, &both, &[]).unwrap();
    assert_eq!(verify_consistency(0, &one, 2, &both, &[]), Err(ProofError::Root));
    assert_eq!(verify_consistency(0, &EMPTY_ROOT, 0, &both, &[]), Err(ProofError::Root));
    assert_eq!(verify_consistency(0, &EMPTY_ROOT, 2, &both, &[one]), Err(ProofError::Length { expected: 0, found: 1 }));
    assert_eq!(verify_consistency(2, &both, 1, &one, &[]), Err(ProofError::Shrunk { old: 2, new: 1 }));
    assert_eq!(verify_consistency(2, &both, 2, &one, &[]), Err(ProofError::Root));
    assert_eq!(verify_consistency(2, &both, 3, &one, &[]), Err(ProofError::Length { expected: 1, found: 0 }));
    assert!(verify_consistency(1, &one, MAX_TREE_SIZE + 1, &both, &[]).is_err());

    assert_eq!(Frontier::from_bytes(&[0; 7]), Err(FrontierError::Length(7)));
    assert_eq!(Frontier::from_bytes(&u64::MAX.to_be_bytes()), Err(FrontierError::Size(u64::MAX)));
    assert!(Hash::from_base64("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=").is_ok());
    for bad in
        ["", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=", "AAAA"]
    {
        assert!(Hash::from_base64(bad).is_err(), "{bad}");
    }
}
