use countersign_evidence::digest::Digest;
use countersign_evidence::json::Value;
use countersign_evidence::record::*;

use super::envelopes::of_every_type;
use super::{case, lines};

/// Records whose form is right and whose content breaks a rule.
pub(super) fn file() -> Vec<u8> {
    lines(&case([("seals_wrongly", Value::from(seals_wrongly()))]))
}

/// Of every type: without each field that it always seals, and with one that it does not know.
fn seals_wrongly() -> Vec<Value> {
    let mut cases = Vec::new();
    let mut kinds = Vec::new();
    for text in of_every_type() {
        let envelope = Envelope::parse(text.as_bytes()).unwrap();
        let Some(sealable) = envelope.body.sealable() else { continue };
        if kinds.contains(&envelope.body.kind().to_owned()) {
            continue;
        }
        kinds.push(envelope.body.kind().to_owned());
        envelope.check_sealed().unwrap();
        for field in sealable.always {
            let mut without = envelope.clone();
            without.sealed.remove(*field).unwrap();
            cases.push(refused(&without));
        }
        let mut with = envelope.clone();
        with.sealed.insert("aside".to_owned(), Digest::of(b"aside"));
        cases.push(refused(&with));
    }
    cases
}

fn refused(envelope: &Envelope) -> Value {
    let why = envelope.check_sealed().unwrap_err().to_string();
    let text = envelope.to_canonical().unwrap();
    let leaf = Digest::leaf(text.as_bytes()).to_string();
    case([("envelope", Value::from(text)), ("leaf", Value::from(leaf)), ("why", Value::from(why))])
}
