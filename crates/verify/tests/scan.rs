//! The scanner accepts every envelope that the parser accepts, and finds the same in it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod sample;

use countersign_evidence::record::Envelope;
use countersign_verify::scan;
use proptest::prelude::*;
use sample::courses::log;

#[test]
fn what_the_parser_accepts_the_scanner_reads_alike() {
    for (envelope, _) in log(11, 40).entries {
        let parsed = Envelope::parse(&envelope).unwrap();
        let scanned = scan(&envelope).unwrap();
        assert_eq!((scanned.kind, scanned.vault), (parsed.body.kind(), parsed.vault));
        for cut in 0..envelope.len() {
            assert!(scan(&envelope[..cut]).is_err());
        }
    }
}

#[test]
fn what_is_not_canonical_is_refused() {
    for text in [
        "",
        "{",
        "[]",
        "null",
        r#"{"a":1} "#,
        r#" {"a":1}"#,
        r#"{"a": 1}"#,
        r#"{"b":1,"a":1}"#,
        r#"{"a":1,"a":1}"#,
        r#"{"a":01}"#,
        r#"{"a":-0}"#,
        r#"{"a":1.5}"#,
        r#"{"a":1e3}"#,
        r#"{"a":9007199254740992}"#,
        r#"{"a":-9007199254740992}"#,
        r#"{"a":null}"#,
        r#"{"a":"x y"}"#,
        r#"{"a":"é"}"#,
        r#"{"a":"\u0041"}"#,
        r#"{"a":"\/"}"#,
        r#"{"a":""}"#,
        r#"{"A":1}"#,
        r#"{"":1}"#,
        r#"{"a":[1,]}"#,
        r#"{"a":1,}"#,
        r#"{"a":tru}"#,
        r#"{"type":1}"#,
        r#"{"vault":"AAAA"}"#,
        r#"{"a":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}"#,
    ] {
        assert!(scan(text.as_bytes()).is_err(), "{text}");
    }
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(129));
    assert!(scan(long.as_bytes()).is_err());
    for text in ["{}", r#"{"a":[],"b":{}}"#, r#"{"a":9007199254740991,"b":-1,"c":"\"\\"}"#, r#"{"a":[true,false,0]}"#] {
        assert!(scan(text.as_bytes()).is_ok(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// One byte replaced: whatever the parser still accepts, the scanner accepts, and never the other way round in form.
    #[test]
    fn a_changed_byte_never_splits_them(number in 0usize..60, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        thread_local!(static ENTRIES: Vec<Vec<u8>> = log(12, 18).entries.into_iter().map(|(text, _)| text).collect());
        ENTRIES.with(|entries| {
            let mut text = entries[number % entries.len()].clone();
            let at = at.index(text.len());
            text[at] = byte;
            if let Ok(parsed) = Envelope::parse(&text) {
                let scanned = scan(&text).unwrap();
                assert_eq!((scanned.kind, scanned.vault), (parsed.body.kind(), parsed.vault));
            }
        });
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = scan(&bytes);
        let _ = countersign_verify::decode_vault_bundle(&bytes, 3);
        let report = countersign_verify::verify_proof(&bytes, &bytes, None);
        prop_assert!(report.failed());
        prop_assert!(countersign_verify::verify_story(&bytes, &[], None).failed());
    }
}
