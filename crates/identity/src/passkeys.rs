//! Passkeys (W3C Web Authentication). The library brings its own randomness for challenges.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_evidence::record::PublicKey;
use url::Url;
use uuid::Uuid;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential,
    WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};
use webauthn_rs_core::proto::{COSEAlgorithm, COSEKey, COSEKeyType, ResidentKeyRequirement};

/// Why a ceremony did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum PasskeyError {
    /// The address under which people reach this deployment cannot carry passkeys.
    #[error("public_url {0:?} cannot carry passkeys: use https with a host name, or http://localhost")]
    Address(String),
    /// What the browser sent is not what a browser sends.
    #[error("the browser's answer does not read: {0}")]
    Answer(String),
    /// The ceremony failed.
    #[error("the passkey was not accepted: {0}")]
    Refused(#[from] WebauthnError),
    /// The authenticator made a key of a kind that cannot sign approvals.
    #[error("this passkey's kind of key is not supported: use one with ES256, EdDSA or RS256")]
    Algorithm,
    /// What is stored does not read.
    #[error("a stored passkey does not read")]
    Stored,
}

/// A passkey that was registered just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPasskey {
    /// Id of the credential.
    pub credential: Vec<u8>,
    /// The key that its signatures verify under.
    pub public_key: PublicKey,
    /// What the next ceremony needs, opaque.
    pub state: String,
}

/// Somebody who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// What to store instead of what was stored, where that has changed.
    pub state: Option<String>,
}

/// A registration that has begun.
pub struct Registration(PasskeyRegistration);

/// A sign-in that has begun.
pub struct SignIn(DiscoverableAuthentication);

/// The ceremonies of one deployment.
pub struct Passkeys {
    webauthn: Webauthn,
}

/// The answer to a sign-in, read and not checked.
pub struct Answer(PublicKeyCredential);

impl Passkeys {
    /// For a deployment that people reach at `public_url`. Passkeys are bound to its host.
    ///
    /// # Errors
    /// [`PasskeyError::Address`].
    pub fn new(public_url: &str) -> Result<Self, PasskeyError> {
        let bad = || PasskeyError::Address(public_url.to_owned());
        let url = Url::parse(public_url).map_err(|_| bad())?;
        let host = url.domain().ok_or_else(bad)?;
        let built = WebauthnBuilder::new(host, &url).and_then(|builder| builder.rp_name("Countersign").build());
        Ok(Passkeys { webauthn: built.map_err(|_| bad())? })
    }

    /// Begins a registration: what the browser is to do, as JSON, and what [`Passkeys::register`] needs.
    ///
    /// # Errors
    /// [`PasskeyError`].
    pub fn begin_registration(
        &self,
        person: Uuid,
        name: &str,
        known: &[Vec<u8>],
    ) -> Result<(String, Registration), PasskeyError> {
        let exclude = known.to_vec();
        let (mut challenge, state) = self.webauthn.start_passkey_registration(person, name, name, Some(exclude))?;
        // Signing in names nobody: the authenticator must be able to find the key by itself.
        if let Some(selection) = &mut challenge.public_key.authenticator_selection {
            selection.resident_key = Some(ResidentKeyRequirement::Required);
            selection.require_resident_key = true;
        }
        Ok((json(&challenge)?, Registration(state)))
    }

    /// Ends a registration.
    ///
    /// # Errors
    /// [`PasskeyError`].
    pub fn register(&self, answer: &str, begun: &Registration) -> Result<NewPasskey, PasskeyError> {
        let answer: RegisterPublicKeyCredential = read(answer)?;
        let passkey = self.webauthn.finish_passkey_registration(&answer, &begun.0)?;
        let public_key = jwk(passkey.get_public_key()).ok_or(PasskeyError::Algorithm)?;
        Ok(NewPasskey { credential: passkey.cred_id().to_vec(), public_key, state: json(&passkey)? })
    }

    /// Begins a sign-in by whatever passkey the browser has: what it is to do, as JSON, and what [`Passkeys::sign_in`] needs.
    ///
    /// # Errors
    /// [`PasskeyError`].
    pub fn begin_sign_in(&self) -> Result<(String, SignIn), PasskeyError> {
        let (mut challenge, state) = self.webauthn.start_discoverable_authentication()?;
        challenge.mediation = None;
        Ok((json(&challenge)?, SignIn(state)))
    }

    /// Reads the browser's answer to a sign-in: id of the credential, and whose it says that it is.
    ///
    /// # Errors
    /// [`PasskeyError`].
    pub fn read_answer(&self, answer: &str) -> Result<(Answer, Vec<u8>, Uuid), PasskeyError> {
        let answer: PublicKeyCredential = read(answer)?;
        let (person, credential) = self.webauthn.identify_discoverable_authentication(&answer)?;
        let credential = credential.to_vec();
        Ok((Answer(answer), credential, person))
    }

    /// Ends a sign-in with the passkey that is stored under the answer's credential. The user was verified.
    ///
    /// # Errors
    /// [`PasskeyError`].
    pub fn sign_in(&self, answer: &Answer, begun: SignIn, stored: &str) -> Result<SignedIn, PasskeyError> {
        let mut passkey: Passkey = serde_json::from_str(stored).map_err(|_| PasskeyError::Stored)?;
        let result = self.webauthn.finish_discoverable_authentication_v2(&answer.0, begun.0, &passkey)?;
        let changed = passkey.update_credential(&result) == Some(true);
        Ok(SignedIn { state: changed.then(|| json(&passkey)).transpose()? })
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, PasskeyError> {
    serde_json::to_string(value).map_err(|error| PasskeyError::Answer(error.to_string()))
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, PasskeyError> {
    serde_json::from_str(text).map_err(|error| PasskeyError::Answer(error.to_string()))
}

fn jwk(key: &COSEKey) -> Option<PublicKey> {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match (&key.type_, &key.key) {
        (COSEAlgorithm::ES256, COSEKeyType::EC_EC2(key)) => {
            Some(PublicKey::P256 { crv: "P-256".to_owned(), x: text(&key.x), y: text(&key.y) })
        }
        (COSEAlgorithm::EDDSA, COSEKeyType::EC_OKP(key)) => {
            Some(PublicKey::Ed25519 { crv: "Ed25519".to_owned(), x: text(&key.x) })
        }
        (COSEAlgorithm::RS256, COSEKeyType::RSA(key)) => Some(PublicKey::Rsa { n: text(&key.n), e: text(&key.e) }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn passkeys_need_a_host_name() {
        assert!(Passkeys::new("http://localhost:8640").is_ok());
        assert!(Passkeys::new("https://gate.example.org").is_ok());
        for bad in ["", "nonsense", "http://127.0.0.1:8640", "https://[::1]/"] {
            assert!(matches!(Passkeys::new(bad), Err(PasskeyError::Address(_))), "{bad}");
        }
    }

    #[test]
    fn a_registration_asks_for_a_verified_user_and_a_key_that_is_found_by_itself() {
        let passkeys = Passkeys::new("http://localhost:8640").unwrap();
        let (text, _) = passkeys.begin_registration(Uuid::from_u128(1), "A reviewer", &[vec![1, 2, 3]]).unwrap();
        let asked: serde_json::Value = serde_json::from_str(&text).unwrap();
        let asked = &asked["publicKey"];
        assert_eq!(asked["authenticatorSelection"]["userVerification"], "required");
        assert_eq!(asked["authenticatorSelection"]["residentKey"], "required");
        assert_eq!(asked["excludeCredentials"][0]["id"], "AQID");
        assert_eq!(asked["rp"]["id"], "localhost");
        let (text, _) = passkeys.begin_sign_in().unwrap();
        let asked: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(asked["publicKey"]["userVerification"], "required");
        assert!(asked.get("mediation").is_none_or(serde_json::Value::is_null));
    }

    #[test]
    fn answers_that_no_browser_sends_are_refused() {
        let passkeys = Passkeys::new("http://localhost:8640").unwrap();
        let (_, begun) = passkeys.begin_registration(Uuid::from_u128(1), "A reviewer", &[]).unwrap();
        for bad in ["", "{}", "[]", r#"{"id":"x"}"#] {
            assert!(matches!(passkeys.register(bad, &begun), Err(PasskeyError::Answer(_))), "{bad}");
            assert!(matches!(passkeys.read_answer(bad), Err(PasskeyError::Answer(_))), "{bad}");
        }
    }
}
