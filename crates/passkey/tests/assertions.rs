//! Assertions as an authenticator makes them, and every way in which they can be wrong.
#![allow(clippy::unwrap_used)]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_evidence::digest::Digest;
use countersign_evidence::record::{Assertion, Meaning, PublicKey, Statement, Verdict};
use countersign_passkey::{SignatureError, check, check_at, host_of};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use uuid::Uuid;

const ORIGIN: &str = "https://gate.example.org:8443";

fn text(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn statement() -> Statement {
    Statement {
        action: Uuid::from_u128(7),
        payload: Digest([1; 32]),
        presentation: Digest([2; 32]),
        verdict: Verdict::Approve,
        meaning: Meaning::Approval,
        policy: "0123456789abcdef".to_owned(),
    }
}

/// An authenticator with one key.
enum Authenticator {
    P256(Box<EcdsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

impl Authenticator {
    fn p256() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap();
        Authenticator::P256(Box::new(pair))
    }

    fn ed25519() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Authenticator::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
    }

    fn public_key(&self) -> PublicKey {
        match self {
            Authenticator::P256(pair) => {
                let point = pair.public_key().as_ref();
                PublicKey::P256 { crv: "P-256".to_owned(), x: text(&point[1..33]), y: text(&point[33..]) }
            }
            Authenticator::Ed25519(pair) => {
                PublicKey::Ed25519 { crv: "Ed25519".to_owned(), x: text(pair.public_key()) }
            }
        }
    }

    fn sign(&self, client_data: &str, rp: &str, flags: u8) -> Assertion {
        let data = [Digest::of(rp.as_bytes()).0.as_slice(), &[flags, 0, 0, 0, 9]].concat();
        let signed = [data.as_slice(), &Digest::of(client_data.as_bytes()).0].concat();
        let signature = match self {
            Authenticator::P256(pair) => text(pair.sign(&SystemRandom::new(), &signed).unwrap()),
            Authenticator::Ed25519(pair) => text(pair.sign(&signed)),
        };
        Assertion {
            credential: text([3; 16]),
            public_key: self.public_key(),
            authenticator_data: text(data),
            client_data: text(client_data),
            signature,
        }
    }

    fn answer(&self, statement: &Statement) -> Assertion {
        self.sign(&client_data(statement, "webauthn.get", ORIGIN, false), "gate.example.org", 0x05)
    }
}

fn client_data(statement: &Statement, kind: &str, origin: &str, cross: bool) -> String {
    let challenge = text(statement.challenge().0);
    format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}","crossOrigin":{cross}}}"#)
}

#[test]
fn the_statement_is_this_text() {
    let zeros = |byte: u8| Digest([byte; 32]).to_string();
    let expected = format!(
        r#"{{"action":"00000000-0000-0000-0000-000000000007","meaning":"approval","payload":"{}","policy":"0123456789abcdef","presentation":"{}","verdict":"approve"}}"#,
        zeros(1),
        zeros(2)
    );
    assert_eq!(statement().text(), expected);
    assert_eq!(statement().challenge(), Digest::of(expected.as_bytes()));
}

#[test]
fn an_answer_signs_its_statement_and_no_other() {
    for authenticator in [Authenticator::p256(), Authenticator::ed25519()] {
        let answer = authenticator.answer(&statement());
        assert_eq!(check(&statement(), &answer).as_deref(), Ok(ORIGIN));
        assert_eq!(check_at(ORIGIN, &statement(), &answer), Ok(()));
        let elsewhere = check_at("https://gate.example.org", &statement(), &answer);
        assert_eq!(elsewhere, Err(SignatureError::Origin(ORIGIN.to_owned())));
        let others = [
            Statement { action: Uuid::from_u128(8), ..statement() },
            Statement { payload: Digest([9; 32]), ..statement() },
            Statement { presentation: Digest([9; 32]), ..statement() },
            Statement { verdict: Verdict::Deny, ..statement() },
            Statement { meaning: Meaning::EditedApproval, ..statement() },
            Statement { policy: "0123456789abcdee".to_owned(), ..statement() },
        ];
        for other in others {
            assert_eq!(check(&other, &answer), Err(SignatureError::Challenge), "{other:?}");
        }
    }
}

/// A part of an assertion.
type Part = fn(&mut Assertion) -> &mut String;

#[test]
fn a_changed_byte_anywhere_is_found() {
    for authenticator in [Authenticator::p256(), Authenticator::ed25519()] {
        let answer = authenticator.answer(&statement());
        let parts: [(&str, Part); 3] = [
            ("authenticator_data", |answer| &mut answer.authenticator_data),
            ("client_data", |answer| &mut answer.client_data),
            ("signature", |answer| &mut answer.signature),
        ];
        for (name, part) in parts {
            let mut changed = answer.clone();
            let bytes = URL_SAFE_NO_PAD.decode(part(&mut changed).as_bytes()).unwrap();
            for at in 0..bytes.len() {
                let mut other = bytes.clone();
                other[at] ^= 1;
                *part(&mut changed) = text(&other);
                assert!(check(&statement(), &changed).is_err(), "{name} at {at}");
            }
        }
        let another = Assertion { public_key: Authenticator::p256().public_key(), ..answer };
        assert_eq!(check(&statement(), &another), Err(SignatureError::Signature));
    }
}

#[test]
fn what_was_not_a_verified_answer_here_is_refused() {
    let authenticator = Authenticator::p256();
    let sign = |data: &str, rp: &str, flags| check(&statement(), &authenticator.sign(data, rp, flags));
    let good = client_data(&statement(), "webauthn.get", ORIGIN, false);
    assert_eq!(sign(&good, "gate.example.org", 0x04), Err(SignatureError::UserNotVerified));
    assert_eq!(sign(&good, "gate.example.org", 0x01), Err(SignatureError::UserNotVerified));
    assert_eq!(sign(&good, "elsewhere.org", 0x05), Err(SignatureError::RelyingParty));
    assert_eq!(sign(&good, "example.org", 0x05).as_deref(), Ok(ORIGIN));
    let create = client_data(&statement(), "webauthn.create", ORIGIN, false);
    assert_eq!(sign(&create, "gate.example.org", 0x05), Err(SignatureError::ClientData));
    let cross = client_data(&statement(), "webauthn.get", ORIGIN, true);
    assert_eq!(sign(&cross, "gate.example.org", 0x05), Err(SignatureError::ClientData));
    let plain = client_data(&statement(), "webauthn.get", "http://gate.example.org", false);
    assert_eq!(sign(&plain, "gate.example.org", 0x05), Err(SignatureError::RelyingParty));
    let twice = good.replace("{\"type\"", "{\"type\":\"webauthn.create\",\"type\"");
    assert_eq!(sign(&twice, "gate.example.org", 0x05), Err(SignatureError::ClientData));
}

#[test]
fn hosts_are_read_from_origins_that_can_carry_passkeys() {
    assert_eq!(host_of("https://a.example.org"), Some("a.example.org"));
    assert_eq!(host_of("http://localhost:8640"), Some("localhost"));
    for bad in ["http://a.example.org", "https://", "ftp://localhost", "https://a/b", "https://a@b", "localhost"] {
        assert_eq!(host_of(bad), None, "{bad}");
    }
}
