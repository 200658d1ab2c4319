//! SHA-256 for sigstore-merkle, which brings the tree logic and leaves hashing to a provider.

use std::sync::Once;

use sha2::{Digest, Sha256};
use sigstore_crypto::{CryptoProvider, HashContext, SigningScheme, install_default_provider};
use sigstore_types::HashAlgorithm;

#[derive(Debug)]
struct Provider;

struct Context(Sha256);

impl HashContext for Context {
    fn update(&mut self, data: &[u8]) {
        Digest::update(&mut self.0, data);
    }

    fn finalize(self: Box<Self>) -> Vec<u8> {
        self.0.finalize().to_vec()
    }
}

fn unsupported<T>() -> sigstore_crypto::Result<T> {
    Err(sigstore_crypto::Error::UnsupportedAlgorithm("only SHA-256 here".to_owned()))
}

impl CryptoProvider for Provider {
    fn hash(&self, algorithm: HashAlgorithm) -> sigstore_crypto::Result<Box<dyn HashContext>> {
        if algorithm == HashAlgorithm::Sha2256 { Ok(Box::new(Context(Sha256::new()))) } else { unsupported() }
    }

    fn verify_raw(&self, _: SigningScheme, _: &[u8], _: &[u8], _: &[u8]) -> sigstore_crypto::Result<()> {
        unsupported()
    }

    fn verify_prehashed(&self, _: SigningScheme, _: &[u8], _: &[u8], _: &[u8]) -> sigstore_crypto::Result<()> {
        unsupported()
    }
}

/// Call before any sigstore-merkle function.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| assert!(install_default_provider(&Provider).is_ok()));
}
