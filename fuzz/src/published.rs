//! What the log of `docs/vectors` published, to tell truth from what a mutation claims.

use std::sync::LazyLock;

use countersign_tlog::TrustFile;

/// Its signed checkpoint.
pub(crate) const CHECKPOINT: &[u8] = include_bytes!("../../docs/vectors/log/checkpoint");

/// Records of that log with their positions.
pub(crate) const RECORDS: [(u64, &[u8]); 6] = [
    (0, include_bytes!("../../docs/vectors/proofs/0.json")),
    (7, include_bytes!("../../docs/vectors/proofs/7.json")),
    (99, include_bytes!("../../docs/vectors/proofs/99.json")),
    (255, include_bytes!("../../docs/vectors/proofs/255.json")),
    (256, include_bytes!("../../docs/vectors/proofs/256.json")),
    (325, include_bytes!("../../docs/vectors/proofs/325.json")),
];

/// The trust file that believes it.
pub(crate) static TRUST: LazyLock<TrustFile> = LazyLock::new(|| {
    TrustFile::parse(include_bytes!("../../docs/vectors/trust")).expect("the vectors' trust file can be read")
});
