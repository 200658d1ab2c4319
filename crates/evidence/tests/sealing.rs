//! Sealing and opening, judged by an independent reading of RFC 9901.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod values;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_evidence::digest::Digest;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::key::Key;
use countersign_evidence::open::fingerprint;
use countersign_evidence::seal::{DisclosureError, Disclosures, Sealer, read_disclosure};
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use sd_jwt_payload::SdObjectDecoder;
use sha2::{Digest as _, Sha256};
use values::{ordinary_value, value};

fn sealer() -> Sealer {
    Sealer::new(&Key::from_bytes([9; 32]))
}

fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

/// What should be open: the value with the members removed whose disclosure is not shown, and how many those are.
/// Finds each member's disclosure by its digest, with another JSON parser.
fn expected(value: &Value, digest: &str, all: &[String], shown: &[String]) -> Option<(Value, usize)> {
    if !shown.iter().any(|text| hash(text) == digest) {
        return None;
    }
    let Value::Object(members) = value else { return Some((value.clone(), 0)) };
    let text = all.iter().find(|text| hash(text) == digest).unwrap();
    let parts: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    let (mut open, mut withheld) = (Object::new(), 0);
    let digests: Vec<&str> =
        parts[2]["_sd"].as_array().unwrap().iter().map(|digest| digest.as_str().unwrap()).collect();
    assert!(digests.is_sorted() && digests.len() == members.len());
    for digest in digests {
        let text = all.iter().find(|text| hash(text) == digest).unwrap();
        let parts: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
        let name = parts[1].as_str().unwrap();
        match expected(members.get(name).unwrap(), digest, all, shown) {
            Some((value, below)) => {
                open.insert(name, value);
                withheld += below;
            }
            None => withheld += 1,
        }
    }
    Some((Value::from(open), withheld))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_subset_opens_to_the_part_that_it_shows(value in ordinary_value(), choice in any::<u64>()) {
        let sealed = sealer().seal("payload/0", "payload", &value);
        let count = sealed.disclosures.len();
        // All subsets of few, one of many.
        let subsets: Vec<u64> = if count <= 6 { (0..1 << count).collect() } else { vec![choice, choice | 1, u64::MAX] };
        for subset in subsets {
            let kept = |at: &usize| subset >> (at % 64) & 1 == 1;
            let shown: Vec<String> =
                (0..count).filter(kept).map(|at| sealed.disclosures[at].clone()).collect();
            let opened = shown.iter().cloned().collect::<Disclosures>().open("payload", sealed.digest).unwrap();
            let opened = opened.map(|opened| (opened.value, opened.withheld));
            prop_assert_eq!(opened, expected(&value, &sealed.digest.to_string(), &sealed.disclosures, &shown));
        }
    }

    #[test]
    fn every_value_opens_to_itself(value in value()) {
        let sealed = sealer().seal("payload/0", "payload", &value);
        let opened = sealed.disclosures.iter().cloned().collect::<Disclosures>().open("payload", sealed.digest);
        let opened = opened.unwrap().unwrap();
        prop_assert_eq!((opened.value, opened.withheld), (value.clone(), 0));
        prop_assert_eq!(sealer().digest("payload/0", "payload", &value), sealed.digest);
    }

    /// Another implementation of selective disclosure opens what we seal. (It drops empty objects from arrays, so there
    /// are none.)
    #[test]
    fn a_foreign_decoder_opens_it_alike(value in ordinary_value()) {
        prop_assume!(!lists_empty_object(&value, false));
        let sealed = sealer().seal("payload/0", "payload", &value);
        let object = serde_json::json!({"_sd": [sealed.digest.to_string()]});
        let decoder = SdObjectDecoder::new_with_sha256();
        let decoded = decoder.decode(object.as_object().unwrap(), &sealed.disclosures).unwrap();
        let ours: serde_json::Value = serde_json::from_str(&value.to_canonical()).unwrap();
        prop_assert_eq!(&decoded["payload"], &ours);
    }

    #[test]
    fn different_values_have_different_digests(one in value(), other in value()) {
        let digest = |value: &Value| sealer().digest("payload/0", "payload", value);
        prop_assert_eq!(digest(&one) == digest(&other), one == other);
    }

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_disclosure(&text);
        let _ = read_disclosure(&URL_SAFE_NO_PAD.encode(bytes));
    }
}

fn lists_empty_object(value: &Value, in_list: bool) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| lists_empty_object(item, true)),
        Value::Object(members) => {
            (in_list && members.is_empty()) || members.iter().any(|(_, value)| lists_empty_object(value, in_list))
        }
        _ => false,
    }
}

const SALT: &str = "AAAAAAAAAAAAAAAAAAAAAA";

fn disclosure(name: &str, value: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!(r#"["{SALT}","{name}",{value}]"#))
}

fn sd(texts: &[&String]) -> String {
    let digests: Vec<String> = texts.iter().map(|text| format!("\"{}\"", hash(text))).collect();
    format!("{{\"_sd\":[{}]}}", digests.join(","))
}

fn open(texts: &[&String], outer: &str) -> Result<(), DisclosureError> {
    let set: Disclosures = texts.iter().map(|text| text.as_str()).collect();
    set.open("payload", Digest::of(outer.as_bytes())).map(|_| ())
}

#[test]
fn two_members_of_one_name_are_refused() {
    let (one, two) = (disclosure("a", "1"), disclosure("a", "2"));
    let outer = disclosure("payload", &sd(&[&one, &two]));
    assert_eq!(open(&[&one, &two, &outer], &outer), Err(DisclosureError::DuplicateMember("a".to_owned())));
}

#[test]
fn a_digest_that_is_named_twice_is_refused() {
    let one = disclosure("a", "1");
    let outer = disclosure("payload", &sd(&[&one, &one]));
    assert!(matches!(open(&[&one, &outer], &outer), Err(DisclosureError::Malformed(_))));
}

#[test]
fn an_object_that_is_not_sealed_member_by_member_is_refused() {
    for value in [r#"{"a":1}"#, r#"{"_sd":[],"a":1}"#, r#"{"_sd":1}"#, r#"{"_sd":["x"]}"#, r#"{"_sd":[1]}"#, "{}"] {
        let outer = disclosure("payload", value);
        assert!(matches!(open(&[&outer], &outer), Err(DisclosureError::Malformed(_))), "{value}");
    }
}

/// A hundred thousand levels, and two to the sixtieth members: neither a stack nor a life is long enough.
#[test]
fn disclosures_that_unfold_without_end_are_refused() {
    let mut chain = vec![disclosure("a", "1")];
    for _ in 0..100_000 {
        let next = disclosure("a", &sd(&[chain.last().unwrap()]));
        chain.push(next);
    }
    let outer = disclosure("payload", &sd(&[chain.last().unwrap()]));
    chain.push(outer.clone());
    assert!(matches!(open(&chain.iter().collect::<Vec<_>>(), &outer), Err(DisclosureError::Malformed(_))));
    let mut bomb = vec![disclosure("a", "1")];
    let mut last = sd(&[&bomb[0]]);
    for _ in 0..60 {
        let (left, right) = (disclosure("a", &last), disclosure("b", &last));
        last = sd(&[&left, &right]);
        bomb.extend([left, right]);
    }
    let outer = disclosure("payload", &last);
    bomb.push(outer.clone());
    assert!(matches!(open(&bomb.iter().collect::<Vec<_>>(), &outer), Err(DisclosureError::Malformed(_))));
}

#[test]
fn salts_hang_on_the_key_and_the_label() {
    let value = Value::from("x");
    let text =
        |key: u8, label: &str| Sealer::new(&Key::from_bytes([key; 32])).seal(label, "payload", &value).disclosures;
    assert_eq!(text(1, "payload/0"), text(1, "payload/0"));
    assert_ne!(text(1, "payload/0"), text(2, "payload/0"));
    assert_ne!(text(1, "payload/0"), text(1, "payload/1"));
}

/// The purpose is part of the index's format: whoever changes it raises that.
#[test]
fn a_fingerprint_is_keyed_for_its_purpose() {
    let (key, plain) = (Key::from_bytes([7; 32]), Digest::of(b"{}"));
    let mut mac = Hmac::<Sha256>::new_from_slice(key.derive("fingerprint/v2").as_bytes()).unwrap();
    mac.update(&plain.0);
    assert_eq!(fingerprint(&key, plain), mac.finalize().into_bytes()[..16]);
    assert_ne!(fingerprint(&Key::from_bytes([8; 32]), plain), fingerprint(&key, plain));
}
