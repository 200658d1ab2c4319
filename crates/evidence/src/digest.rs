//! SHA-256 digests, written as unpadded base64url.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest; its text is base64url without padding (43 characters).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

/// The text is not the base64url of 32 bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 43 characters of unpadded base64url")]
pub struct DigestError;

impl Digest {
    /// SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Digest(Sha256::digest(bytes).into())
    }

    /// The RFC 6962 leaf hash of an envelope: SHA-256(0x00 ‖ bytes) (§2.1).
    pub fn leaf(envelope: &[u8]) -> Self {
        Digest(Sha256::new().chain_update([0]).chain_update(envelope).finalize().into())
    }
}

/// A digest's text. Orders as its characters do, which is not the order of the bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DigestText([u8; 43]);

impl DigestText {
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Digest {
    pub(crate) fn to_text(self) -> DigestText {
        let mut text = [0; 43];
        // 32 bytes have 43 characters of base64url.
        let _ = URL_SAFE_NO_PAD.encode_slice(self.0, &mut text);
        DigestText(text)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_text().as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| DigestError)?;
        Ok(Digest(bytes.try_into().map_err(|_| DigestError)?))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.to_text().as_str())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::read(deserializer, "a digest")
    }
}
