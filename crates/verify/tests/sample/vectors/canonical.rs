use countersign_evidence::json::{JsonError, Limits, NumberError, Value, parse};

use super::{case, encode, lines};

const ACCEPT: [&str; 62] = [
    "null",
    "true",
    "false",
    " [ ] ",
    "{}",
    "\t{\r\n}\n",
    r#""""#,
    // Numbers: JCS where JCS is exact.
    "0",
    "-0",
    "-0.0",
    "0e7",
    "0e99999999999999999999",
    "1",
    "-1",
    "1.0",
    "1e2",
    "1E-7",
    "0.1",
    "-12.50",
    "4.50",
    "2e-3",
    "1e21",
    "100000000000000000000",
    "1e23",
    "5e-324",
    "1.7976931348623157e308",
    "9007199254740991",
    "9007199254740992",
    "0.000001",
    "0.0000001",
    "333333333.3333333",
    "295147905179352830000",
    "9.999999999999997e22",
    // Where a double cannot hold them: integers as plain digits, up to 128 of them.
    "9007199254740993",
    "-9007199254740993",
    "9223372036854775807",
    "18446744073709551615",
    "12345678901234567890123",
    "1.2345678901234567890123e22",
    "295147905179352825856",
    "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567",
    "12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678",
    // Longer integers and fractions in scientific form with their own digits.
    "123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
    "0.1000000000000000055511151231257827",
    "333333333.33333329",
    "1e400",
    "-1.5e-400",
    "4e-324",
    "1e9999",
    "1e-9999",
    "3.141592653589793238462643383279",
    // Strings.
    r#""\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/""#,
    r#""\u007f\u0080\u2028\ud83d\ude00""#,
    r#""\b\t\n\f\r\u0000\u001f""#,
    r#""é\u0065\u0301""#,
    // Order of members: by UTF-16 code units.
    r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew","1":"One","\ud83d\ude00":"Emoji","\u0080":"Control","\u00f6":"Latin"}"#,
    r#"{"b":2,"a":1,"":0,"aa":3,"A":4}"#,
    r#"{"a":{"y":1,"x":[{"d":1,"c":2}]}}"#,
    r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"literals":[null,true,false]}"#,
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    r#"{"_sd":["x"],"...":1}"#,
    r#"["<script>&\/\u003c"]"#,
];

pub(super) fn file() -> Vec<u8> {
    let accept = ACCEPT.map(|text| {
        let value = parse(text.as_bytes(), Limits::default()).unwrap();
        case([("in", Value::from(text)), ("out", Value::from(value.to_canonical()))])
    });
    let reject: Vec<Value> = reject()
        .into_iter()
        .map(|bytes| {
            let error = parse(&bytes, Limits::default()).unwrap_err();
            case([("error", Value::from(name(&error))), ("in", Value::from(encode(&bytes)))])
        })
        .collect();
    lines(&case([("accept", Value::from(accept.to_vec())), ("reject", Value::from(reject))]))
}

fn reject() -> Vec<Vec<u8>> {
    let digits = "7".repeat(1025);
    let deep = "[".repeat(65) + &"]".repeat(65);
    let mut cases: Vec<Vec<u8>> = [
        "",
        " ",
        "nul",
        "tru",
        "[1,]",
        "[,1]",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\" 1}",
        "[1 2]",
        "1 2",
        "[",
        "{",
        "\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\u{1}\"",
        "\"\t\"",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "Infinity",
        "-Infinity",
        "// c\n1",
        "\u{feff}1",
        "1e10000",
        "1e-10000",
        "1e99999999999999999999",
        &digits,
        &deep,
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"\u0061":3}"#,
        r#"[{"x":{"":1,"":2}}]"#,
        r#""\ud83d""#,
        r#""\ude00""#,
        r#""\ud83d\u0041""#,
        r#""\ude00\ud83d""#,
        r#"{"\udc00":1}"#,
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    cases.extend([
        b"\"\xff\"".to_vec(),
        b"\"\xc0\x80\"".to_vec(),
        b"\"\xed\xa0\x80\"".to_vec(),
        b"\"\xf4\x90\x80\x80\"".to_vec(),
    ]);
    cases
}

fn name(error: &JsonError) -> &'static str {
    match error {
        JsonError::TooLarge { .. } => "too_large",
        JsonError::TooDeep { .. } => "too_deep",
        JsonError::DuplicateKey { .. } => "duplicate_key",
        JsonError::LoneSurrogate { .. } => "lone_surrogate",
        JsonError::InvalidUtf8 { .. } => "invalid_utf8",
        JsonError::Number { source: NumberError::TooManyDigits, .. } => "too_many_digits",
        JsonError::Number { source: NumberError::ExponentTooLarge, .. } => "exponent_too_large",
        JsonError::Number { source: NumberError::Syntax, .. } | JsonError::Syntax { .. } => "syntax",
    }
}
