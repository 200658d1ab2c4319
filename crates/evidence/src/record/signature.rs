//! Signed approvals: what is signed, and what a passkey's answer holds (W3C Web Authentication, Level 2, §6.3.3).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ReviewDecided, Verdict};
use crate::digest::Digest;
use crate::json::{self, Object};

/// What a reviewer meant (21 CFR 11.50 asks for the meaning of a signature).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// "I have seen this payload and approve that exactly it is executed once."
    Approval,
    /// "I have changed this payload and approve that exactly the changed one is executed once."
    EditedApproval,
    /// "This must not be executed."
    Rejection,
}

impl Meaning {
    /// What follows from an answer.
    pub fn of(verdict: Verdict, edited: bool) -> Self {
        match (verdict, edited) {
            (Verdict::Deny, _) => Meaning::Rejection,
            (Verdict::Approve, true) => Meaning::EditedApproval,
            (Verdict::Approve, false) => Meaning::Approval,
        }
    }
}

/// How an answer is signed, or must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signing {
    /// By a passkey: a WebAuthn assertion whose challenge is the SHA-256 of the statement.
    Passkey,
}

/// A WebAuthn assertion, and the public key that it verifies under. All strings but the key are base64url without padding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// Id of the credential.
    pub credential: String,
    /// The credential's public key.
    pub public_key: PublicKey,
    /// `authenticatorData` as the authenticator gave it.
    pub authenticator_data: String,
    /// `clientDataJSON` as the browser gave it.
    pub client_data: String,
    /// The signature over `authenticator_data ‖ SHA-256(client_data)`.
    pub signature: String,
}

/// A public key as a JSON Web Key (RFC 7517, RFC 8037), with the members that matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum PublicKey {
    /// ECDSA on P-256 with SHA-256 (COSE -7).
    #[serde(rename = "EC")]
    P256 {
        /// `P-256`.
        crv: String,
        /// Big-endian, 32 bytes.
        x: String,
        /// Big-endian, 32 bytes.
        y: String,
    },
    /// Ed25519 (COSE -8).
    #[serde(rename = "OKP")]
    Ed25519 {
        /// `Ed25519`.
        crv: String,
        /// 32 bytes.
        x: String,
    },
    /// RSASSA-PKCS1-v1_5 with SHA-256 (COSE -257).
    #[serde(rename = "RSA")]
    Rsa {
        /// Modulus, big-endian.
        n: String,
        /// Exponent, big-endian.
        e: String,
    },
}

/// What a signed answer states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The action.
    pub action: Uuid,
    /// Digest of the payload judged.
    pub payload: Digest,
    /// Digest of the presentation seen.
    pub presentation: Digest,
    /// The answer.
    pub verdict: Verdict,
    /// What the reviewer meant.
    pub meaning: Meaning,
    /// Version of the policy that asked.
    pub policy: String,
}

impl Statement {
    /// What a record states; `None` where it lacks what a signed one must have.
    pub fn of(action: Uuid, decided: &ReviewDecided) -> Option<Self> {
        Some(Statement {
            action,
            payload: decided.payload,
            presentation: decided.presentation?,
            verdict: decided.verdict,
            meaning: decided.meaning?,
            policy: decided.policy.clone()?,
        })
    }

    /// The canonical text that is signed: `{action, meaning, payload, policy, presentation, verdict}`.
    pub fn text(&self) -> String {
        let mut members = Object::new();
        members.insert("action", self.action.to_string());
        members.insert("meaning", json::to_value(&self.meaning).unwrap_or_default());
        members.insert("payload", self.payload.to_string());
        members.insert("policy", self.policy.as_str());
        members.insert("presentation", self.presentation.to_string());
        members.insert("verdict", json::to_value(&self.verdict).unwrap_or_default());
        json::Value::Object(members).to_canonical()
    }

    /// The challenge: SHA-256 of the text.
    pub fn challenge(&self) -> Digest {
        Digest::of(self.text().as_bytes())
    }
}
