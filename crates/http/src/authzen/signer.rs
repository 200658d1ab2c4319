//! JSON Web Signatures in compact form (RFC 7515) with Ed25519 (RFC 8037): ours alone, made and read here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_evidence::digest::Digest;
use countersign_evidence::json::{self, Limits, Object, Value};
use ed25519_dalek::{Signature, Signer as _, SigningKey};

/// Longest token that is looked at, in bytes.
const MOST_TOKEN: usize = 64 << 10;

/// What a token is for: one kind is never taken for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A denial that people can be asked about.
    Binding,
    /// What people approved.
    Approval,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Kind::Binding => "access-request-binding+jwt",
            Kind::Approval => "access-request-approval+jwt",
        }
    }
}

/// The key that signs, and verifies what it signed.
pub(crate) struct Signer {
    key: SigningKey,
    kid: String,
}

impl Signer {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        // RFC 7638: the required members in canonical order.
        let thumbprint = Value::Object(public(&key)).to_canonical();
        Signer { kid: Digest::of(thumbprint.as_bytes()).to_string(), key }
    }

    /// The public key as a JWK (RFC 8037 §2).
    pub(crate) fn jwk(&self) -> Object {
        let mut jwk = public(&self.key);
        jwk.insert("alg", "EdDSA");
        jwk.insert("kid", self.kid.as_str());
        jwk.insert("use", "sig");
        jwk
    }

    pub(crate) fn sign(&self, kind: Kind, claims: Object) -> String {
        let payload = URL_SAFE_NO_PAD.encode(Value::Object(claims).to_canonical());
        let signed = format!("{}.{payload}", self.header(kind));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()).to_bytes());
        format!("{signed}.{signature}")
    }

    /// The claims, where this key signed them for this purpose. Times and audience are still to be checked.
    pub(crate) fn verify(&self, kind: Kind, token: &str) -> Option<Object> {
        let (signed, signature) = token.rsplit_once('.').filter(|_| token.len() <= MOST_TOKEN)?;
        let (header, payload) = signed.split_once('.')?;
        // Exactly the header that is written here: no algorithm and no key is the token's own choice.
        if header != self.header(kind) {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let signature = Signature::from_slice(&signature).ok()?;
        self.key.verifying_key().verify_strict(signed.as_bytes(), &signature).ok()?;
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        match json::parse(&payload, Limits::default()).ok()? {
            Value::Object(claims) => Some(claims),
            _ => None,
        }
    }

    fn header(&self, kind: Kind) -> String {
        let header = Object::from_iter([("alg", "EdDSA"), ("kid", self.kid.as_str()), ("typ", kind.name())]);
        URL_SAFE_NO_PAD.encode(Value::Object(header).to_canonical())
    }
}

fn public(key: &SigningKey) -> Object {
    let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    Object::from_iter([("crv", "Ed25519".to_owned()), ("kty", "OKP".to_owned()), ("x", x)])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037() {
        // RFC 8037 appendix A: key, thumbprint.
        let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let signer = Signer::new(&seed.try_into().unwrap());
        assert_eq!(signer.jwk().get("x").unwrap().as_str(), Some("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
        assert_eq!(signer.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn only_what_this_key_signed_for_this_purpose_is_read() {
        let signer = Signer::new(&[7; 32]);
        let claims = || Object::from_iter([("aud", "https://gate.example")]);
        let token = signer.sign(Kind::Binding, claims());
        assert_eq!(signer.verify(Kind::Binding, &token), Some(claims()));
        assert_eq!(signer.verify(Kind::Approval, &token), None, "another purpose");
        assert_eq!(Signer::new(&[8; 32]).verify(Kind::Binding, &token), None, "another key");
        let parts: Vec<&str> = token.split('.').collect();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        let other = URL_SAFE_NO_PAD.encode(r#"{"aud":"https://other.example"}"#);
        for wrong in [
            format!("{}.{other}.{}", parts[0], parts[2]),
            format!("{none}.{}.", parts[1]),
            format!("{none}.{}.{}", parts[1], parts[2]),
            format!("{}.{}", parts[0], parts[1]),
            format!("{token}."),
            format!("{token}A"),
            format!(".{token}"),
            String::new(),
            "..".to_owned(),
            "x".repeat(MOST_TOKEN + 1),
        ] {
            assert_eq!(signer.verify(Kind::Binding, &wrong), None, "{}", &wrong[..wrong.len().min(200)]);
        }
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(changed == token || signer.verify(Kind::Binding, &changed).is_none(), "{at}");
        }
    }
}
