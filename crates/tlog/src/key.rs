//! Names and public keys (C2SP signed-note, "Verifier keys").

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{SIGNATURE_LENGTH, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::cosignature;

/// Longest key name in bytes. The limit that ML-DSA-44 cosignatures set, taken over for all keys.
pub const MAX_KEY_NAME_BYTES: usize = 255;

/// How a key signs; the byte that stands before the public key in a vkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignatureType {
    /// 0x01: Ed25519 over the text of the note. Logs sign with it.
    Ed25519,
    /// 0x04: timestamped Ed25519 over a checkpoint (C2SP tlog-cosignature). Witnesses sign with it.
    CosignatureV1,
}

impl SignatureType {
    /// The assigned byte.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Result<Self, KeyError> {
        match byte {
            0x01 => Ok(Self::Ed25519),
            0x04 => Ok(Self::CosignatureV1),
            other => Err(KeyError::Type(other)),
        }
    }
}

/// Why text or bytes are not a usable key. Never holds key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Empty, above [`MAX_KEY_NAME_BYTES`], or with a space, a plus or a control character.
    #[error("a key name must have 1 to 255 bytes without spaces, plus signs and control characters")]
    Name,
    /// Not of the form `name+id+base64`.
    #[error("a key is not of the form <name>+<8 hex digits>+<base64>; copy it again, whole and on one line")]
    Format,
    /// The id does not belong to this name and key.
    #[error("a key's id does not fit its name and key; copy it again, whole and unchanged")]
    Id,
    /// Type byte other than 0x01 and 0x04.
    #[error("key type 0x{0:02x} is not supported; use Ed25519 (0x01 for logs, 0x04 for witnesses)")]
    Type(u8),
    /// A key of one type where another is needed.
    #[error("a key of type 0x{found:02x} stands where type 0x{expected:02x} is needed")]
    WrongType {
        /// Type byte that is needed.
        expected: u8,
        /// Type byte found.
        found: u8,
    },
    /// Not a point on the curve, or one of the few under which a signature proves nothing.
    #[error("a public key is not a valid Ed25519 key; ask its owner for it again")]
    Point,
}

/// A public key under a name, which verifies signatures on notes.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key_id: u32,
    kind: SignatureType,
    key: VerifyingKey,
}

impl Verifier {
    /// A verifier for a 32-byte Ed25519 public key (RFC 8032).
    ///
    /// # Errors
    /// [`KeyError::Name`] or [`KeyError::Point`].
    pub fn new(name: &str, kind: SignatureType, public_key: &[u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        let key = VerifyingKey::from_bytes(public_key).map_err(|_| KeyError::Point)?;
        if key.is_weak() {
            return Err(KeyError::Point);
        }
        Ok(Self { key_id: key_id(name, kind, public_key), name: name.to_owned(), kind, key })
    }

    /// Reads the text form `name+id+base64(type || public key)`.
    ///
    /// # Errors
    /// [`KeyError`]; in particular [`KeyError::Id`] if the id was not computed from name and key.
    pub fn from_vkey(vkey: &str) -> Result<Self, KeyError> {
        let (name, id, material) = split_key_text(vkey)?;
        let bytes = STANDARD.decode(material).map_err(|_| KeyError::Format)?;
        let (kind, public_key) = bytes.split_first().ok_or(KeyError::Format)?;
        let kind = SignatureType::from_byte(*kind)?;
        let verifier = Self::new(name, kind, public_key.try_into().map_err(|_| KeyError::Format)?)?;
        if verifier.key_id == id { Ok(verifier) } else { Err(KeyError::Id) }
    }

    /// The text form, to be given to whoever verifies.
    #[must_use]
    pub fn vkey(&self) -> String {
        let material = [&[self.kind.byte()], self.key.as_bytes().as_slice()].concat();
        format!("{}+{:08x}+{}", self.name, self.key_id, STANDARD.encode(material))
    }

    /// The name in the signature lines.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id in the signature lines: an abbreviation, not a fingerprint.
    #[must_use]
    pub fn key_id(&self) -> u32 {
        self.key_id
    }

    /// How the key signs.
    #[must_use]
    pub fn signature_type(&self) -> SignatureType {
        self.kind
    }

    /// The Ed25519 public key (RFC 8032).
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether `signature` signs `text`; then the time it claims, if its type has one, in POSIX seconds.
    pub(crate) fn verify(&self, text: &str, signature: &[u8]) -> Option<Option<u64>> {
        match self.kind {
            SignatureType::Ed25519 => self.verify_ed25519(text.as_bytes(), signature).then_some(None),
            SignatureType::CosignatureV1 => {
                let (timestamp, signature) = cosignature::split(signature)?;
                let message = cosignature::message(text, timestamp);
                self.verify_ed25519(message.as_bytes(), signature).then_some(Some(timestamp))
            }
        }
    }

    /// Strict verification: no low-order points, so that a signature stands for one message under one key.
    fn verify_ed25519(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = <&[u8; SIGNATURE_LENGTH]>::try_from(signature) else { return false };
        self.key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.vkey())
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({})", self.vkey())
    }
}

/// First four bytes of SHA-256 over name, newline, type and public key (C2SP signed-note, "Signatures").
fn key_id(name: &str, kind: SignatureType, public_key: &[u8; 32]) -> u32 {
    let digest =
        Sha256::new().chain_update(name).chain_update([b'\n', kind.byte()]).chain_update(public_key).finalize();
    let [a, b, c, d, ..]: [u8; 32] = digest.into();
    u32::from_be_bytes([a, b, c, d])
}

/// Whether a name may stand in a signature line (C2SP signed-note, "Format").
pub(crate) fn is_line_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c == '+' || c < ' ')
}

fn check_name(name: &str) -> Result<(), KeyError> {
    if name.len() <= MAX_KEY_NAME_BYTES && is_line_name(name) { Ok(()) } else { Err(KeyError::Name) }
}

/// Splits `name+hex id+base64`; the base64 part may contain further plus signs.
pub(crate) fn split_key_text(text: &str) -> Result<(&str, u32, &str), KeyError> {
    let (name, rest) = text.split_once('+').ok_or(KeyError::Format)?;
    let (id, material) = rest.split_once('+').ok_or(KeyError::Format)?;
    if id.len() != 8 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(KeyError::Format);
    }
    let id = u32::from_str_radix(id, 16).map_err(|_| KeyError::Format)?;
    Ok((name, id, material))
}
