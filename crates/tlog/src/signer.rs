//! Secret keys, in the text form that Go's `sumdb/note` introduced.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::Zeroizing;

use crate::key::{KeyError, SignatureType, Verifier, split_key_text};
use crate::note::Signature;

const PREFIX: &str = "PRIVATE+KEY+";

/// Type byte and seed.
const MATERIAL_BYTES: usize = 33;

/// A secret key with its public half. Wiped from memory when dropped; never shown.
pub(crate) struct SecretKey {
    verifier: Verifier,
    key: SigningKey,
}

impl SecretKey {
    pub(crate) fn from_seed(name: &str, kind: SignatureType, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let key = SigningKey::from_bytes(seed);
        let verifier = Verifier::new(name, kind, key.verifying_key().as_bytes())?;
        Ok(Self { verifier, key })
    }

    /// Reads `PRIVATE+KEY+name+id+base64(type || seed)`.
    pub(crate) fn from_text(text: &str, kind: SignatureType) -> Result<Self, KeyError> {
        let (name, id, material) = split_key_text(text.strip_prefix(PREFIX).ok_or(KeyError::Format)?)?;
        // Decoding into a buffer of fixed size keeps no stray copy of the seed behind on the heap.
        let mut bytes = Zeroizing::new([0; MATERIAL_BYTES + 3]);
        let length = STANDARD.decode_slice(material, bytes.as_mut_slice()).map_err(|_| KeyError::Format)?;
        let (found, seed) = bytes.get(..length).and_then(<[u8]>::split_first).ok_or(KeyError::Format)?;
        if SignatureType::from_byte(*found)? != kind {
            return Err(KeyError::WrongType { expected: kind.byte(), found: *found });
        }
        let secret = Self::from_seed(name, kind, seed.try_into().map_err(|_| KeyError::Format)?)?;
        if secret.verifier.key_id() == id { Ok(secret) } else { Err(KeyError::Id) }
    }

    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        let mut material = Zeroizing::new([0; MATERIAL_BYTES]);
        let (kind, seed) = material.split_at_mut(1);
        kind.fill(self.verifier.signature_type().byte());
        seed.copy_from_slice(self.key.as_bytes());
        let encoded = Zeroizing::new(STANDARD.encode(material.as_slice()));
        let (name, id) = (self.verifier.name(), self.verifier.key_id());
        Zeroizing::new(format!("{PREFIX}{name}+{id:08x}+{}", encoded.as_str()))
    }

    pub(crate) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The 64-byte Ed25519 signature (RFC 8032).
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

/// A log's secret key: Ed25519 over the text of a note (type 0x01).
pub struct Signer(SecretKey);

impl Signer {
    /// A key from its 32-byte seed (RFC 8032), which must come from a good random source.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        SecretKey::from_seed(name, SignatureType::Ed25519, seed).map(Self)
    }

    /// Reads `PRIVATE+KEY+<name>+<id>+<base64>`, as Go's `sumdb/note` writes it.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_private_text(text: &str) -> Result<Self, KeyError> {
        SecretKey::from_text(text, SignatureType::Ed25519).map(Self)
    }

    /// The form that [`Signer::from_private_text`] reads. Secret: store it readable by its owner only.
    #[must_use]
    pub fn to_private_text(&self) -> Zeroizing<String> {
        self.0.to_text()
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        self.0.verifier()
    }

    /// The name in the signature lines.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.verifier().name()
    }

    /// Signs the text of a note.
    #[must_use]
    pub fn sign(&self, text: &str) -> Signature {
        Signature::by(self.verifier(), self.0.sign(text.as_bytes()).to_vec())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, secret key not shown)", self.verifier())
    }
}
