//! Symmetric keys, and how one key wraps another.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Length of a wrapped key: a 24-byte nonce, the 32 encrypted bytes, a 16-byte tag.
pub const WRAPPED_LEN: usize = 24 + 32 + 16;

/// Fills a buffer with random bytes: randomness is a parameter. Gates use the operating system's generator, tests a seeded one.
pub trait Random: Send + Sync {
    /// Fills all of `out`.
    fn fill(&self, out: &mut [u8]);
}

/// A 32-byte secret: `K_action`, a subject's, person's or workspace's key, or the master key.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; 32]);

/// Why something sealed does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ciphertext does not open under this key: it was changed, or another key sealed it")]
pub struct OpenError;

impl Key {
    /// Takes 32 secret bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Key(bytes)
    }

    /// A fresh random key.
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        Key(bytes)
    }

    /// The secret bytes, for a key file or a derivation.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// HKDF-SHA256 (RFC 5869) without salt, with `info` as the purpose.
    pub fn derive(&self, info: &str) -> Key {
        let mut out = [0; 32];
        // 32 bytes is within HKDF's limit of 255 blocks, so expansion cannot fail.
        let _ = Hkdf::<Sha256>::new(None, &self.0).expand(info.as_bytes(), &mut out);
        Key(out)
    }

    /// XChaCha20-Poly1305 under this key: `nonce (24) ‖ ciphertext ‖ tag (16)`.
    pub fn seal(&self, plaintext: &[u8], associated: &[u8], random: &dyn Random) -> Vec<u8> {
        let mut nonce = [0; 24];
        random.fill(&mut nonce);
        let cipher = XChaCha20Poly1305::new((&self.0).into());
        let payload = Payload { msg: plaintext, aad: associated };
        let mut out = Vec::with_capacity(24 + plaintext.len() + 16);
        out.extend_from_slice(&nonce);
        // Encryption fails only past 256 GiB.
        out.extend(cipher.encrypt(&XNonce::from(nonce), payload).unwrap_or_default());
        out
    }

    /// Opens what [`Key::seal`] made.
    ///
    /// # Errors
    /// [`OpenError`] where the bytes, the associated data or the key differ.
    pub fn open(&self, sealed: &[u8], associated: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (nonce, ciphertext) = sealed.split_at_checked(24).ok_or(OpenError)?;
        let nonce: [u8; 24] = nonce.try_into().map_err(|_| OpenError)?;
        let payload = Payload { msg: ciphertext, aad: associated };
        XChaCha20Poly1305::new((&self.0).into()).decrypt(&XNonce::from(nonce), payload).map_err(|_| OpenError)
    }

    /// Wraps another key under this one, bound to `associated` (what the inner key is for). [`WRAPPED_LEN`] bytes.
    pub fn wrap(&self, inner: &Key, associated: &[u8], random: &dyn Random) -> Vec<u8> {
        self.seal(&inner.0, associated, random)
    }

    /// Unwraps what [`Key::wrap`] made.
    ///
    /// # Errors
    /// As [`Key::open`].
    pub fn unwrap_key(&self, wrapped: &[u8], associated: &[u8]) -> Result<Key, OpenError> {
        let mut bytes = self.open(wrapped, associated)?;
        let key = <[u8; 32]>::try_from(bytes.as_slice()).map(Key).map_err(|_| OpenError);
        bytes.zeroize();
        key
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(secret)")
    }
}
