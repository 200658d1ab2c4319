use countersign_evidence::digest::Digest;
use countersign_evidence::json::Value;
use countersign_evidence::record::*;

use super::super::Writer;
use super::super::courses::{given_up, redeemed};
use super::envelopes::of_every_type;
use super::{case, lines, texts};

/// Records whose form is right and whose content breaks a rule.
pub(super) fn file() -> Vec<u8> {
    lines(&case([
        ("redeemed", Value::from(REDEEMED.map(redeeming).to_vec())),
        ("redeemed_wrongly", Value::from(REDEEMED_WRONGLY.map(redeeming).to_vec())),
        ("seals_wrongly", Value::from(seals_wrongly())),
        ("unknown", Value::from(vec![unknown(ActorKind::System, 0), unknown(ActorKind::Gateway, -1)])),
        ("unknown_too_soon", Value::from(vec![unknown(ActorKind::System, -1)])),
    ]))
}

/// Which request began an execution, and the fields that its record seals beside the payload.
type Redeeming = (Option<&'static str>, Option<&'static str>);
const CONTEXT: Option<&str> = Some(r#"{"context":{"progressToken":7,"traceparent":"00-4bf9-00f0-01"}}"#);
const REDEEMED: [Redeeming; 3] = [(None, None), (Some("again"), None), (Some("again"), CONTEXT)];
/// By the request that proposed the action, and with a context of nobody's.
const REDEEMED_WRONGLY: [Redeeming; 3] = [(Some("req-0"), None), (Some("req-0"), CONTEXT), (None, CONTEXT)];

/// The records of an action that a request has started.
fn redeeming((redeemed_by, context): Redeeming) -> Value {
    records(42, |log| drop(redeemed(log, redeemed_by, context)))
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

/// The records of an action whose outcome was given up so many microseconds after its deadline.
fn unknown(by: ActorKind, after_us: i64) -> Value {
    records(41, |log| drop(given_up(log, by, after_us)))
}

/// The records of one action in a log of its own.
fn records(seed: u64, course: impl FnOnce(&mut Writer)) -> Value {
    let mut log = Writer::new(seed);
    log.open();
    log.activate("2026-01-01.1");
    course(&mut log);
    let entries = log.entries.into_iter().skip(2).map(|(text, _)| text);
    let records: Vec<String> = entries.map(|text| String::from_utf8(text).unwrap()).collect();
    let last = Digest::leaf(records.last().unwrap().as_bytes()).to_string();
    case([("last_leaf", Value::from(last)), ("records", texts(&records))])
}

fn refused(envelope: &Envelope) -> Value {
    let why = envelope.check_sealed().unwrap_err().to_string();
    let text = envelope.to_canonical().unwrap();
    let leaf = Digest::leaf(text.as_bytes()).to_string();
    case([("envelope", Value::from(text)), ("leaf", Value::from(leaf)), ("why", Value::from(why))])
}
