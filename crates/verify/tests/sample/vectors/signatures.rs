use countersign_evidence::digest::Digest;
use countersign_evidence::json::{self, Value};
use countersign_evidence::record::*;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::envelopes::of_every_type;
use super::{case, encode, lines};

const ORIGIN: &str = "https://gate.example.org";
/// A key that was thrown away, and what it signed once: this kind of signature is not the same twice.
const P256_X: &str = "qmJZEfu-sZb7N1SsWXjVpEjvTlpXE_Us95XJ1qBa94A";
const P256_Y: &str = "xj-HirPhq6oZeSuSj0031HTn73J8Hj-8Hse8uF83gmw";
const P256_SIGNATURE: &str =
    "MEQCIHwMXsOr8uTmEAqDcL36NQv50PX81Kjoci7h82QYk94kAiAYIEisdNmiNbLDys4Nr0wsS-QzP560820Kb3Ahvv4mjA";

/// Signed answers, and assertions that do not sign theirs.
pub(super) fn file() -> Vec<u8> {
    lines(&case([("accept", Value::from(vec![good(ed25519), good(p256)])), ("reject", Value::from(bad()))]))
}

/// An approval with everything that a signed one states.
fn answer() -> Envelope {
    let decided = of_every_type().into_iter().find_map(|text| {
        let envelope = Envelope::parse(text.as_bytes()).unwrap();
        matches!(&envelope.body, Body::ReviewDecided(decided) if decided.verdict == Verdict::Approve)
            .then_some(envelope)
    });
    let mut envelope = decided.unwrap();
    let Body::ReviewDecided(decided) = &mut envelope.body else { panic!("it is an answer") };
    decided.presentation = Some(Digest::of(b"presentation"));
    decided.meaning = Some(Meaning::of(Verdict::Approve, envelope.sealed.contains_key("payload")));
    decided.policy = Some("2026-01-01.1".to_owned());
    decided.signature = Some(Signing::Passkey);
    decided.authentication.strength = Some(Strength::MultiFactor);
    envelope.sealed.insert("signature".to_owned(), Digest::of(b"signature"));
    envelope
}

fn statement(envelope: &Envelope) -> Statement {
    let Body::ReviewDecided(decided) = &envelope.body else { panic!("it is an answer") };
    Statement::of(envelope.link.unwrap().action, decided).unwrap()
}

/// What a browser says, and what an authenticator says.
struct Said {
    client_data: String,
    authenticator_data: Vec<u8>,
}

impl Said {
    fn of(statement: &Statement) -> Self {
        let challenge = encode(&statement.challenge().0);
        Said {
            client_data: format!(
                r#"{{"type":"webauthn.get","challenge":"{challenge}","origin":"{ORIGIN}","crossOrigin":false}}"#
            ),
            authenticator_data: [Digest::of(b"gate.example.org").0.as_slice(), &[5, 0, 0, 0, 9]].concat(),
        }
    }

    fn signed(&self) -> Vec<u8> {
        [self.authenticator_data.as_slice(), &Digest::of(self.client_data.as_bytes()).0].concat()
    }

    fn assertion(self, public_key: PublicKey, signature: String) -> Assertion {
        Assertion {
            credential: encode(&[3; 16]),
            public_key,
            authenticator_data: encode(&self.authenticator_data),
            client_data: encode(self.client_data.as_bytes()),
            signature,
        }
    }
}

fn ed25519(said: Said) -> Assertion {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public_key = PublicKey::Ed25519 { crv: "Ed25519".to_owned(), x: encode(pair.public_key().as_ref()) };
    let signature = encode(pair.sign(&said.signed()).as_ref());
    said.assertion(public_key, signature)
}

fn p256(said: Said) -> Assertion {
    let (x, y) = (P256_X.to_owned(), P256_Y.to_owned());
    said.assertion(PublicKey::P256 { crv: "P-256".to_owned(), x, y }, P256_SIGNATURE.to_owned())
}

fn good(sign: fn(Said) -> Assertion) -> Value {
    let envelope = answer();
    let statement = statement(&envelope);
    let assertion = sign(Said::of(&statement));
    assert_eq!(countersign_passkey::check(&statement, &assertion).as_deref(), Ok(ORIGIN));
    case([
        ("assertion", json::to_value(&assertion).unwrap()),
        ("envelope", Value::from(envelope.to_canonical().unwrap())),
        ("origin", Value::from(ORIGIN)),
        ("statement", Value::from(statement.text())),
    ])
}

fn bad() -> Vec<Value> {
    let envelope = answer();
    let said = || Said::of(&statement(&envelope));
    let client = |from: &str, to: &str| {
        let said = said();
        assert!(said.client_data.contains(from));
        ed25519(Said { client_data: said.client_data.replace(from, to), ..said })
    };
    let flags = |flags: u8| {
        let mut said = said();
        said.authenticator_data[32] = flags;
        ed25519(said)
    };
    let mut other = envelope.clone();
    let Body::ReviewDecided(decided) = &mut other.body else { panic!("it is an answer") };
    decided.payload = Digest::of(b"another payload");
    let mut elsewhere = said();
    elsewhere.authenticator_data[..32].copy_from_slice(&Digest::of(b"elsewhere.org").0);
    let mut cases = vec![
        refused("another payload than the one that was signed", &other, ed25519(said())),
        refused("made to register, not to sign", &envelope, client("webauthn.get", "webauthn.create")),
        refused("asked for by another site", &envelope, client("\"crossOrigin\":false", "\"crossOrigin\":true")),
        refused("without encryption", &envelope, client("https://", "http://")),
        refused("type twice", &envelope, client("{\"type\"", "{\"type\":\"webauthn.get\",\"type\"")),
        refused("nobody was there", &envelope, flags(4)),
        refused("nobody was verified", &envelope, flags(1)),
        refused("of another relying party", &envelope, ed25519(elsewhere)),
    ];
    let swapped = Assertion { public_key: p256(said()).public_key, ..ed25519(said()) };
    cases.push(refused("under another key", &envelope, swapped));
    cases
}

fn refused(why: &str, envelope: &Envelope, assertion: Assertion) -> Value {
    assert!(countersign_passkey::check(&statement(envelope), &assertion).is_err(), "{why} is accepted");
    case([
        ("assertion", json::to_value(&assertion).unwrap()),
        ("envelope", Value::from(envelope.to_canonical().unwrap())),
        ("why", Value::from(why)),
    ])
}
