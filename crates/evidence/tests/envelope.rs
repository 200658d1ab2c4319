//! Envelopes: one text each, judged by the frozen vectors and by changing them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::Path;

use countersign_evidence::digest::Digest;
use countersign_evidence::json::{Limits, Value, parse};
use countersign_evidence::record::{Body, Envelope, EnvelopeError, MOST_ENVELOPE};
use proptest::prelude::*;

fn vectors(list: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/vectors/envelopes.json");
    let file = parse(&std::fs::read(path).unwrap(), Limits::default()).unwrap();
    file.get(list).unwrap().as_array().unwrap().to_vec()
}

fn text(case: &Value, member: &str) -> String {
    case.get(member).unwrap().as_str().unwrap().to_owned()
}

/// Every type of record that the format names, so that a new one cannot come without a vector.
const TYPES: [&str; 38] = [
    "access.changed",
    "access.credential_added",
    "access.credential_removed",
    "access.delegated",
    "access.delegation_ended",
    "access.locked",
    "access.session_ended",
    "access.signed_in",
    "access.viewed",
    "action.authorized",
    "action.closed",
    "action.decided",
    "action.proposed",
    "clock.stepped",
    "config.changed",
    "execution.finished",
    "execution.refused",
    "execution.resolved",
    "execution.started",
    "key.created",
    "key.revoked",
    "log.closed",
    "log.opened",
    "policy.activated",
    "review.answered",
    "review.asked",
    "review.cancelled",
    "review.decided",
    "review.escalated",
    "review.expired",
    "review.handed_over",
    "review.presented",
    "review.standing_used",
    "standing.granted",
    "standing.revoked",
    "subject.erased",
    "subject.erasure_requested",
    "tool.defined",
];

#[test]
fn every_type_comes_back_to_the_same_bytes() {
    let mut seen = BTreeSet::new();
    for case in vectors("accept") {
        let text = text(&case, "envelope");
        let envelope = Envelope::parse(text.as_bytes()).unwrap();
        assert_eq!(Envelope::read_own(text.as_bytes()).unwrap(), envelope);
        assert_eq!(envelope.to_canonical().unwrap(), text);
        assert_eq!(Digest::leaf(text.as_bytes()).to_string(), self::text(&case, "leaf"));
        if !matches!(envelope.body, Body::Unknown { .. }) {
            seen.insert(envelope.body.kind().to_owned());
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), TYPES);
}

#[test]
fn what_must_be_refused_is_refused() {
    let cases = vectors("reject");
    assert!(cases.len() >= 50);
    for case in cases {
        let (why, text) = (text(&case, "why"), text(&case, "envelope"));
        let error = Envelope::parse(text.as_bytes()).expect_err(&why);
        let expected = match why.as_str() {
            "more than 16 KiB" => matches!(error, EnvelopeError::TooLarge(_)),
            "repeated member" | "more than 16 levels" | "empty" => matches!(error, EnvelopeError::Json(_)),
            "space" | "members out of order" | "needless escape" => matches!(error, EnvelopeError::NotCanonical),
            _ => matches!(error, EnvelopeError::Form(_) | EnvelopeError::NotCanonical),
        };
        assert!(expected, "{why}: {error:?}");
    }
}

#[test]
fn nothing_is_written_that_would_be_refused() {
    let case = &vectors("accept")[0];
    let envelope = Envelope::parse(text(case, "envelope").as_bytes()).unwrap();
    let mut spaced = envelope.clone();
    spaced.workspace = "ac me".to_owned();
    let mut large = envelope.clone();
    large.body = Body::Unknown {
        kind: "control.noted".to_owned(),
        content: parse(
            format!("{{\"a\":[{}]}}", vec!["\"xxxxxxxxxxxxxxxx\""; 1000].join(",")).as_bytes(),
            Limits::default(),
        )
        .unwrap(),
    };
    let mut named = envelope;
    named.sealed.insert("Not A Name".to_owned(), Digest([0; 32]));
    assert!(matches!(spaced.to_canonical(), Err(EnvelopeError::Form(_))));
    assert!(matches!(large.to_canonical(), Err(EnvelopeError::TooLarge(size)) if size > MOST_ENVELOPE));
    assert!(matches!(named.to_canonical(), Err(EnvelopeError::Form(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// One byte changed, removed or added: either refused, or another envelope that writes itself exactly so.
    #[test]
    fn no_two_texts_are_one_envelope(number in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>(), how in 0u8..3) {
        thread_local!(static TEXTS: Vec<String> = vectors("accept").iter().map(|case| text(case, "envelope")).collect());
        TEXTS.with(|texts| {
            let mut bytes = texts[number.index(texts.len())].clone().into_bytes();
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
            if let Ok(envelope) = Envelope::parse(&bytes) {
                assert_eq!(envelope.to_canonical().unwrap().into_bytes(), bytes);
            }
        });
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Envelope::parse(&bytes);
    }
}
