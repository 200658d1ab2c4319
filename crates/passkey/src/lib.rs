//! Signed approvals: whether a WebAuthn assertion signs a statement (W3C Web Authentication, Level 2, §7.2).
//!
//! The same check runs before an approval is recorded and, offline, when the evidence is verified: bytes in, verdict out.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_evidence::digest::Digest;
use countersign_evidence::json::{self, Limits, Value};
use countersign_evidence::record::{Assertion, PublicKey, Statement};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};

/// Longest part of an assertion, in bytes.
const MOST: usize = 4_096;
/// Where the flags stand in the authenticator's data, after the hash of the relying party's id.
const FLAGS: usize = 32;
/// Somebody was there (UP).
const PRESENT: u8 = 0x01;
/// The authenticator verified who it is (UV).
const VERIFIED: u8 = 0x04;

/// Why an assertion does not sign a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A part is no base64url without padding, or too long.
    #[error("{0} is not base64url without padding, or too long")]
    Encoding(&'static str),
    /// `clientDataJSON` is not what a browser writes.
    #[error("the client data does not read, or is not of a signature")]
    ClientData,
    /// It signs something else.
    #[error("it signs another statement")]
    Challenge,
    /// It was made for another site.
    #[error("it was made at {0:?}, which is not where approvals are asked for")]
    Origin(String),
    /// The authenticator's data is of another site, or too short.
    #[error("the authenticator's data is not of this site")]
    RelyingParty,
    /// Nobody was there, or nobody was verified.
    #[error("the authenticator did not verify that its user was there")]
    UserNotVerified,
    /// The key does not read.
    #[error("the public key does not read")]
    Key,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
}

/// Checks that an assertion signs this statement, and says where it was made: scheme, host and port. Who knows where it must
/// have been made compares that.
///
/// # Errors
/// [`SignatureError`].
pub fn check(statement: &Statement, assertion: &Assertion) -> Result<String, SignatureError> {
    let client_data = decoded(&assertion.client_data, "client_data")?;
    let authenticator_data = decoded(&assertion.authenticator_data, "authenticator_data")?;
    let signature = decoded(&assertion.signature, "signature")?;
    let origin = check_client_data(&client_data, statement)?;
    check_authenticator_data(&authenticator_data, &origin)?;
    let signed = [authenticator_data.as_slice(), &Digest::of(&client_data).0].concat();
    verify(&assertion.public_key, &signed, &signature)?;
    Ok(origin)
}

/// As [`check`], for somebody who knows where it must have been made.
///
/// # Errors
/// [`SignatureError`].
pub fn check_at(origin: &str, statement: &Statement, assertion: &Assertion) -> Result<(), SignatureError> {
    let made_at = check(statement, assertion)?;
    if made_at == origin { Ok(()) } else { Err(SignatureError::Origin(made_at)) }
}

fn decoded(text: &str, what: &'static str) -> Result<Vec<u8>, SignatureError> {
    let bytes = Some(text).filter(|text| text.len() <= MOST).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    bytes.ok_or(SignatureError::Encoding(what))
}

/// Returns the origin.
fn check_client_data(bytes: &[u8], statement: &Statement) -> Result<String, SignatureError> {
    let value = json::parse(bytes, Limits { bytes: MOST, depth: 8 }).map_err(|_| SignatureError::ClientData)?;
    let members = value.as_object().ok_or(SignatureError::ClientData)?;
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    if text("type") != Some("webauthn.get") || members.get("crossOrigin") == Some(&Value::Bool(true)) {
        return Err(SignatureError::ClientData);
    }
    if text("challenge") != Some(URL_SAFE_NO_PAD.encode(statement.challenge().0).as_str()) {
        return Err(SignatureError::Challenge);
    }
    text("origin").map(str::to_owned).ok_or(SignatureError::ClientData)
}

/// The relying party's id is the origin's host, or a registrable part at its end.
fn check_authenticator_data(bytes: &[u8], origin: &str) -> Result<(), SignatureError> {
    let (Some(rp), Some(flags)) = (bytes.get(..FLAGS), bytes.get(FLAGS).filter(|_| bytes.len() >= FLAGS + 5)) else {
        return Err(SignatureError::RelyingParty);
    };
    let host = host_of(origin).ok_or(SignatureError::RelyingParty)?;
    let parents = std::iter::successors(Some(host), |host| host.split_once('.').map(|(_, parent)| parent));
    let known = parents.into_iter().any(|id| Digest::of(id.as_bytes()).0 == rp);
    if !known {
        return Err(SignatureError::RelyingParty);
    }
    match flags & PRESENT != 0 && flags & VERIFIED != 0 {
        true => Ok(()),
        false => Err(SignatureError::UserNotVerified),
    }
}

/// The host of an origin: `https://host:port`, or `http://localhost:port`.
pub fn host_of(origin: &str) -> Option<&str> {
    let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))?;
    let host = rest.split_once(':').map_or(rest, |(host, _)| host);
    let plain = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    (plain && (origin.starts_with("https://") || host == "localhost")).then_some(host)
}

fn verify(key: &PublicKey, signed: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
    let part = |text: &str| decoded(text, "public_key").map_err(|_| SignatureError::Key);
    let verified = match key {
        PublicKey::P256 { crv, x, y } if crv == "P-256" => {
            let (x, y) = (part(x)?, part(y)?);
            if x.len() != 32 || y.len() != 32 {
                return Err(SignatureError::Key);
            }
            let point = [&[4], x.as_slice(), &y].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(signed, signature)
        }
        PublicKey::Ed25519 { crv, x } if crv == "Ed25519" => {
            UnparsedPublicKey::new(&ED25519, part(x)?).verify(signed, signature)
        }
        PublicKey::Rsa { n, e } => {
            let (n, e) = (part(n)?, part(e)?);
            RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature)
        }
        _ => return Err(SignatureError::Key),
    };
    verified.map_err(|_| SignatureError::Signature)
}
