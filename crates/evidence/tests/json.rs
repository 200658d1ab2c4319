//! Strict JSON and its canonical form, judged by independent implementations.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod values;

use std::str::FromStr;

use bigdecimal::BigDecimal;
use countersign_evidence::json::{
    self, JsonError, Limits, Number, NumberError, Object, Value, from_value, parse, to_value,
};
use proptest::prelude::*;
use values::{number_text, ordinary_value, parsed, string, value};

const WIDE: Limits = Limits { bytes: 1 << 22, depth: 128 };

fn read(text: &str) -> Result<Value, JsonError> {
    parse(text.as_bytes(), Limits::default())
}

fn canonical(text: &str) -> String {
    read(text).unwrap().to_canonical()
}

/// How RFC 8785 writes a double, by another implementation.
fn jcs(number: f64) -> String {
    serde_json_canonicalizer::to_string(&number).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn canonical_text_parses_to_the_same_value_and_stays(value in value()) {
        let text = value.to_canonical();
        let again = parse(text.as_bytes(), WIDE).unwrap();
        prop_assert_eq!(&again, &value);
        prop_assert_eq!(again.to_canonical(), text);
    }

    #[test]
    fn what_jcs_writes_exactly_we_write_alike(value in ordinary_value()) {
        let text = value.to_canonical();
        let theirs: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(serde_json_canonicalizer::to_string(&theirs).unwrap(), text);
    }

    #[test]
    fn numbers_keep_their_value_and_take_the_one_form(text in number_text()) {
        let number = Number::parse(&text).unwrap();
        let exact = BigDecimal::from_str(&text).unwrap();
        prop_assert_eq!(BigDecimal::from_str(number.as_str()).unwrap(), exact.clone());
        prop_assert_eq!(number.as_str(), expected_form(&text, &exact));
    }

    #[test]
    fn one_value_has_one_text(digits in "[1-9][0-9]{0,30}", exponent in -300i64..300, zeros in 0usize..4, split in 0usize..31) {
        let plain = Number::parse(&format!("{digits}e{exponent}")).unwrap();
        let more = format!("{digits}{}e{}", "0".repeat(zeros), exponent - zeros as i64);
        prop_assert_eq!(&Number::parse(&more).unwrap(), &plain);
        let at = 1 + split % digits.len();
        let fraction = &digits[at..];
        let dotted = format!("{}.{fraction}0E{:+}", &digits[..at], exponent + fraction.len() as i64);
        prop_assert_eq!(&Number::parse(&dotted).unwrap(), &plain);
        let other = Number::parse(&format!("{digits}1e{}", exponent - 1)).unwrap();
        prop_assert_ne!(&other, &plain);
    }

    #[test]
    fn members_stand_in_the_order_of_their_utf16_units(names in prop::collection::btree_set(string(), 0..12)) {
        let object: Object = names.iter().map(|name| (name.as_str(), 1)).collect();
        let mut expected: Vec<&String> = names.iter().collect();
        expected.sort_by_key(|name| name.encode_utf16().collect::<Vec<u16>>());
        let found: Vec<&str> = object.iter().map(|(name, _)| name).collect();
        prop_assert_eq!(found, expected);
        for name in &names {
            prop_assert!(object.contains(name));
        }
    }

    #[test]
    fn a_value_passes_through_serde_unharmed(value in value()) {
        let passed: Value = from_value(to_value(&value).unwrap()).unwrap();
        prop_assert_eq!(passed, value);
    }

    #[test]
    fn what_is_written_at_once_is_what_a_value_writes(value in value(), flag: bool, small: i64, large: u64, names in prop::collection::vec(string(), 0..4)) {
        // Members in another order than the canonical one, and an object within each kind of container.
        #[derive(serde::Serialize)]
        struct Odd<'a> {
            z: &'a Value,
            a: Option<bool>,
            #[serde(rename = "\u{1f600}")]
            high: i64,
            #[serde(rename = "\u{fb33}")]
            private: u64,
            m: std::collections::HashMap<String, (usize, &'a Value)>,
            kind: Kind<'a>,
        }
        #[derive(serde::Serialize)]
        #[serde(rename_all = "snake_case")]
        enum Kind<'a> {
            Unit,
            Struct { y: &'a Value, b: Vec<i64> },
            New(&'a Value),
        }
        let kind = match large % 3 {
            0 => Kind::Unit,
            1 => Kind::Struct { y: &value, b: vec![small] },
            _ => Kind::New(&value),
        };
        let members = names.into_iter().enumerate().map(|(at, name)| (name, (at, &value))).collect();
        let odd = Odd { z: &value, a: flag.then_some(flag), high: small, private: large, m: members, kind };
        prop_assert_eq!(json::to_string(&odd).unwrap(), to_value(&odd).unwrap().to_canonical());
        prop_assert_eq!(json::to_string(&value).unwrap(), value.to_canonical());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes, Limits::default());
    }

    /// A text that is almost JSON: what we accept, serde_json accepts too, or it is a number beyond its range.
    #[test]
    fn nothing_is_accepted_that_is_not_json(value in value(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = value.to_canonical().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        let ours = parse(&text, WIDE);
        match (ours, serde_json::from_slice::<serde_json::Value>(&text)) {
            (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("number out of range"), "{error}"),
            (Err(error), Ok(_)) => {
                let stricter = matches!(error, JsonError::DuplicateKey { .. } | JsonError::Number { .. });
                prop_assert!(stricter, "{error}");
            }
            _ => {}
        }
    }
}

/// `docs/evidence-format.md` §2, written down a second time.
fn expected_form(text: &str, exact: &BigDecimal) -> String {
    let double: f64 = text.parse().unwrap();
    if double.is_finite() && BigDecimal::from_str(&jcs(double)).unwrap() == *exact {
        return jcs(double);
    }
    let (digits, scale) = exact.normalized().into_bigint_and_exponent();
    let digits = digits.to_string();
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits.to_owned()),
        None => ("", digits),
    };
    let exponent = digits.len() as i64 - 1 - scale;
    if scale <= 0 && exponent < 128 {
        return format!("{sign}{digits}{}", "0".repeat(usize::try_from(-scale).unwrap()));
    }
    let (first, rest) = digits.split_at(1);
    let dot = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{dot}{rest}e{exponent:+}")
}

/// The example of RFC 8785 §3.2.2 and §3.2.3, with the one number that a double does not hold exactly written our way.
#[test]
fn the_examples_of_rfc_8785() {
    let text = "{\"numbers\":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],\
        \"string\":\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\"literals\":[null,true,false]}";
    let expected = "{\"literals\":[null,true,false],\
        \"numbers\":[3.3333333333333329e+8,1e+30,4.5,0.002,1e-27],\
        \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
    assert_eq!(canonical(text), expected);
    let sorted = canonical(
        r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
            "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#,
    );
    let places: Vec<usize> = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"]
        .map(|word| sorted.find(word).unwrap())
        .to_vec();
    assert!(places.is_sorted(), "{sorted}");
}

/// RFC 8785, appendix B: doubles by their bits.
#[test]
fn the_numbers_of_rfc_8785() {
    for (bits, expected) in [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ] {
        let number = to_value(&f64::from_bits(bits)).unwrap();
        assert_eq!(number.to_canonical(), expected, "{bits:x}");
        assert_eq!(json::to_string(&f64::from_bits(bits)).unwrap(), expected, "{bits:x}");
        assert_eq!(jcs(f64::from_bits(bits)), expected, "{bits:x}");
    }
}

#[test]
fn what_is_no_number_is_never_left_out() {
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(json::to_string(&[odd]).is_err() && to_value(&[odd]).is_err());
    }
}

#[test]
fn each_refusal_has_its_own_error() {
    use JsonError::*;
    let number = |error: &JsonError, cause| matches!(error, Number { source, .. } if *source == cause);
    type Expected = Box<dyn Fn(&JsonError) -> bool>;
    let cases: Vec<(Vec<u8>, &str, Expected)> = vec![
        (
            vec![b' '; (1 << 20) + 1],
            "too large",
            Box::new(|error| matches!(error, TooLarge { bytes: 1048577, limit: 1048576 })),
        ),
        ("[".repeat(65).into_bytes(), "too deep", Box::new(|error| matches!(error, TooDeep { at: 64, limit: 64 }))),
        (r#"{"a":"#.repeat(65).into_bytes(), "too deep", Box::new(|error| matches!(error, TooDeep { limit: 64, .. }))),
        (
            br#"{"a":1,"\u0061":2}"#.to_vec(),
            "repeated",
            Box::new(|error| matches!(error, DuplicateKey { name, .. } if name == "a")),
        ),
        (
            br#"[0,{"x":{"":1,"":2}}]"#.to_vec(),
            "repeated",
            Box::new(|error| matches!(error, DuplicateKey { name, at: 8 } if name.is_empty())),
        ),
        (br#""\ud83d""#.to_vec(), "lone", Box::new(|error| matches!(error, LoneSurrogate { at: 1 }))),
        (br#""x\ude00\ud83d""#.to_vec(), "lone", Box::new(|error| matches!(error, LoneSurrogate { at: 2 }))),
        (br#""\ud83dA""#.to_vec(), "lone", Box::new(|error| matches!(error, LoneSurrogate { .. }))),
        (br#""\ud83d\u0041""#.to_vec(), "lone", Box::new(|error| matches!(error, LoneSurrogate { .. }))),
        (b"\"a\xff\"".to_vec(), "UTF-8", Box::new(|error| matches!(error, InvalidUtf8 { at: 2 }))),
        (b"\"\xed\xa0\x80\"".to_vec(), "UTF-8", Box::new(|error| matches!(error, InvalidUtf8 { at: 1 }))),
        ("7".repeat(1025).into_bytes(), "digits", Box::new(move |error| number(error, NumberError::TooManyDigits))),
        (b"[1e10000]".to_vec(), "exponent", Box::new(move |error| number(error, NumberError::ExponentTooLarge))),
        (b"1e-10001".to_vec(), "exponent", Box::new(move |error| number(error, NumberError::ExponentTooLarge))),
        (b"01".to_vec(), "syntax", Box::new(move |error| number(error, NumberError::Syntax))),
        (b"[1]x".to_vec(), "syntax", Box::new(|error| matches!(error, Syntax { at: 3, .. }))),
        (b"".to_vec(), "syntax", Box::new(|error| matches!(error, Syntax { at: 0, .. }))),
    ];
    for (bytes, what, expected) in cases {
        let error = parse(&bytes, Limits::default()).unwrap_err();
        assert!(expected(&error), "{what}: {error:?}");
    }
}

#[test]
fn the_limits_themselves_are_accepted() {
    let deep = "[".repeat(64) + &"]".repeat(64);
    assert_eq!(canonical(&deep), deep);
    assert!(read(&"7".repeat(1024)).is_ok());
    let large = format!("\"{}\"", "x".repeat((1 << 20) - 2));
    assert!(read(&large).is_ok());
}

#[test]
fn integers_of_any_size_stay_integers() {
    for text in ["9007199254740993", "18446744073709551615", "-9223372036854775808", "12345678901234567890123"] {
        assert_eq!(canonical(text), text);
    }
    let most = format!("1{}1", "0".repeat(126));
    assert_eq!(canonical(&most), most);
    let more = format!("1{}1", "0".repeat(127));
    assert_eq!(canonical(&more), format!("1.{}1e+128", "0".repeat(127)));
    assert_eq!(parsed("1e2").to_canonical(), "100");
}
