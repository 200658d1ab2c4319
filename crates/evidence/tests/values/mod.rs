//! Arbitrary JSON.
#![allow(dead_code, unreachable_pub)]

use countersign_evidence::json::{Limits, Number, Object, Value, parse, to_value};
use proptest::prelude::*;

/// Texts of numbers as RFC 8259 allows them.
pub fn number_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| format!("{number:e}")),
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?",
        "-?[1-9][0-9]{100,160}(\\.0{0,3})?([eE][+-]?[0-9]{1,2})?"
            .prop_filter("a dot has digits", |text| !text.contains(".e")
                && !text.contains(".E")
                && !text.ends_with('.')),
    ]
}

pub fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_]{0,6}",
        any::<String>(),
        "[\u{0}-\u{20}\"\\\\/\u{7f}-\u{a0}\u{2028}\u{d7ff}\u{e000}-\u{ffff}\u{10000}-\u{10ffff}]{0,6}",
    ]
}

pub fn parsed(text: &str) -> Value {
    parse(text.as_bytes(), Limits { bytes: 1 << 22, depth: 128 }).unwrap()
}

fn tree(leaf: BoxedStrategy<Value>, name: BoxedStrategy<String>) -> impl Strategy<Value = Value> {
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|members| Value::from(members.into_iter().collect::<Object>())),
        ]
    })
}

/// Any value.
pub fn value() -> impl Strategy<Value = Value> {
    let number = number_text().prop_map(|text| Value::Number(Number::parse(&text).unwrap()));
    let leaf =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number, string().prop_map(Value::from)];
    tree(leaf.boxed(), string().boxed())
}

/// A value that other implementations can hold: doubles only, and no member name that RFC 9901 reserves.
pub fn ordinary_value() -> impl Strategy<Value = Value> {
    let number =
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| to_value(&number).unwrap());
    let leaf =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number, string().prop_map(Value::from)];
    let name = string().prop_filter("not reserved", |name| !["_sd", "...", "_sd_alg"].contains(&name.as_str()));
    tree(leaf.boxed(), name.boxed())
}
