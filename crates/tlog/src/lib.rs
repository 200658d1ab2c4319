//! RFC 6962 trees, tiles, signed notes, checkpoints and proofs: bytes in, bytes out.
//!
//! Everything here is a pure function of its arguments. Nothing opens a file or a socket, reads a clock or asks for
//! randomness: the caller passes stored bytes in and stores the bytes that come out.
//!
//! The wire formats are those of the C2SP specifications [signed-note], [tlog-checkpoint], [tlog-cosignature],
//! [tlog-tiles], [tlog-proof] and [tlog-policy], over the SHA-256 Merkle tree of RFC 6962, section 2.1. Of the
//! signature types, Ed25519 (0x01, 0x04) is supported; ML-DSA-44 (0x06) lines are kept and ignored like those of any
//! unknown key.
//!
//! | to do this | start at |
//! |---|---|
//! | append and know the root | [`Frontier`] |
//! | append and write tiles | [`RightEdge`], [`tiles_for`], [`bundles_for`] |
//! | sign or open a checkpoint | [`Checkpoint`], [`Signer`], [`Verifier`] |
//! | keep full bundles small | [`pack`], [`unpack`] |
//! | prove from stored tiles | [`TileReader`] |
//! | hand one proof to somebody | [`TlogProof`] |
//! | decide what to believe | [`TrustFile`] |
//!
//! [signed-note]: https://c2sp.org/signed-note
//! [tlog-checkpoint]: https://c2sp.org/tlog-checkpoint
//! [tlog-cosignature]: https://c2sp.org/tlog-cosignature
//! [tlog-tiles]: https://c2sp.org/tlog-tiles
//! [tlog-proof]: https://c2sp.org/tlog-proof
//! [tlog-policy]: https://c2sp.org/tlog-policy

mod bundle;
mod checkpoint;
mod cosignature;
mod decimal;
mod edge;
mod frontier;
mod hash;
mod key;
mod note;
mod packed;
mod proof;
mod reader;
mod signer;
mod tile;
mod tlog_proof;
mod trust;
mod trust_file;

pub use bundle::{BundleError, Entries, MAX_ENTRY_BYTES, append_entry, decode_bundle, encode_bundle};
pub use checkpoint::{Checkpoint, CheckpointError, MAX_ORIGIN_BYTES};
pub use cosignature::{CosignatureError, Cosigner};
pub use edge::{RightEdge, RightEdgeError};
pub use frontier::{Frontier, FrontierError};
pub use hash::{EMPTY_ROOT, HASH_BYTES, Hash, HashError, leaf_hash, node_hash};
pub use key::{KeyError, MAX_KEY_NAME_BYTES, SignatureType, Verifier};
pub use note::{MAX_NOTE_BYTES, MAX_NOTE_SIGNATURES, Note, NoteError, Signature, Verified};
pub use packed::{MAX_BUNDLE_BYTES, PackedError, check_packed, pack, unpack};
pub use proof::{
    MAX_TREE_SIZE, ProofError, prove_consistency, prove_inclusion, root_from_inclusion, tree_root, verify_consistency,
    verify_inclusion,
};
pub use reader::{ReadError, TileReader};
pub use signer::Signer;
pub use tile::{
    Level, MAX_TILE_PATH_BYTES, TILE_WIDTH, Tile, TileError, bundles_for, decode_hashes, encode_hashes, tiles_for,
};
pub use tlog_proof::{MAX_TLOG_PROOF_BYTES, TlogProof, TlogProofError};
pub use trust::{Evaluation, Quorum, TrustError, WitnessSeen};
pub use trust_file::{MAX_TRUST_FILE_BYTES, TrustFile, TrustFileError, TrustFileProblem};
