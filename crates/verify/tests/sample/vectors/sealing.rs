use countersign_evidence::digest::Digest;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::key::Key;
use countersign_evidence::seal::{Disclosures, Sealer, read_disclosure};
use countersign_evidence::vault::{self, Section};
use uuid::Uuid;

use super::super::{ORIGIN, Seeded, object, value};
use super::{case, encode, encode_key, lines, texts};

const VALUES: [(&str, &str, &str); 10] = [
    ("payload/0", "payload", r#"{"amount":1250,"to":{"iban":"DE02","name":"Jörg"},"tags":["a",{"b":1}]}"#),
    ("payload/1", "payload", r#"{"amount":1250,"to":{"iban":"DE02","name":"Jörg"},"tags":["a",{"b":1}]}"#),
    ("payload/0", "payload", "{}"),
    ("payload/0", "payload", "[]"),
    ("payload/0", "payload", "null"),
    ("payload/0", "payload", r#"{"":{"":""},"/":1,"~":2,"a/b":3,"~1":4}"#),
    ("payload/0", "payload", r#"{"_sd":["x"],"...":true}"#),
    ("0190b3c1-7b4e-7c3a-9d2e-5f6a7b8c9d0e/intent", "intent", r#""pay invoice 7""#),
    ("0190b3c1-7b4e-7c3a-9d2e-5f6a7b8c9d0e/facts", "facts", r#"{"n":12345678901234567890123,"x":1e-7,"y":1e400}"#),
    ("0190b3c1-7b4e-7c3a-9d2e-5f6a7b8c9d0e/response", "response", r#"{"é":"\u20ac","😀":"\n"}"#),
];

pub(super) fn disclosures() -> Vec<u8> {
    let key = Key::from_bytes([7; 32]);
    let sealer = Sealer::new(&key);
    let seal = VALUES.map(|(label, name, text)| {
        let sealed = sealer.seal(label, name, &value(text));
        case([
            ("digest", Value::from(sealed.digest.to_string())),
            ("disclosures", texts(&sealed.disclosures)),
            ("key", Value::from(encode_key(&key))),
            ("label", Value::from(label)),
            ("name", Value::from(name)),
            ("value", Value::from(value(text).to_canonical())),
        ])
    });
    let file = case([
        ("open", Value::from(partial(&sealer))),
        ("reject", Value::from(rejected())),
        ("seal", Value::from(seal.to_vec())),
    ]);
    lines(&file)
}

/// Every subset of the disclosures of one value.
fn partial(sealer: &Sealer) -> Vec<Value> {
    let (label, name, text) = VALUES[0];
    let sealed = sealer.seal(label, name, &value(text));
    let all = sealed.disclosures;
    let subsets = 1u32..1 << all.len();
    subsets
        .map(|subset| {
            let shown: Vec<String> =
                all.iter().enumerate().filter(|(at, _)| subset >> at & 1 == 1).map(|(_, text)| text.clone()).collect();
            let opened = shown.iter().cloned().collect::<Disclosures>().open(name, sealed.digest).unwrap();
            let (value, withheld) = match opened {
                Some(opened) => (Value::from(opened.value.to_canonical()), opened.withheld as u64),
                None => (Value::Null, 1),
            };
            case([
                ("digest", Value::from(sealed.digest.to_string())),
                ("disclosures", texts(&shown)),
                ("name", Value::from(name)),
                ("value", value),
                ("withheld", Value::from(withheld)),
            ])
        })
        .collect()
}

fn rejected() -> Vec<Value> {
    let salt = "AAAAAAAAAAAAAAAAAAAAAA";
    let mut texts: Vec<(&str, String)> = [
        ("not an array", "{}".to_owned()),
        ("two elements", format!(r#"["{salt}","n"]"#)),
        ("four elements", format!(r#"["{salt}","n",1,2]"#)),
        ("salt of 24 bits", r#"["AAAA","n",1]"#.to_owned()),
        ("salt that is no base64url", format!(r#"["{salt}=","n",1]"#)),
        ("salt that is no string", r#"[1,"n",1]"#.to_owned()),
        ("name that is no string", format!(r#"["{salt}",1,1]"#)),
        ("space", format!(r#"["{salt}", "n",1]"#)),
        ("number that is not canonical", format!(r#"["{salt}","n",1.0]"#)),
        ("members out of order", format!(r#"["{salt}","n",[{{"b":1,"a":2}}]]"#)),
        ("repeated member", format!(r#"["{salt}","n",[{{"a":1,"a":2}}]]"#)),
        ("lone surrogate", format!(r#"["{salt}","n","\ud800"]"#)),
        ("bytes after it", format!(r#"["{salt}","n",1]x"#)),
    ]
    .map(|(why, json)| (why, encode(json.as_bytes())))
    .to_vec();
    texts.push(("not base64url", "****".to_owned()));
    texts.push(("padding", format!("{}==", encode(format!(r#"["{salt}","n",1]"#).as_bytes()))));
    let reject = |(why, text): (&str, String)| {
        assert!(read_disclosure(&text).is_err(), "{why} is accepted");
        case([("disclosure", Value::from(text)), ("why", Value::from(why))])
    };
    texts.into_iter().map(reject).collect()
}

pub(super) fn vault() -> Vec<u8> {
    let random = Seeded::new(77);
    let (action, person) = (Key::from_bytes([1; 32]), Key::from_bytes([2; 32]));
    let (subject_id, person_id) = (Uuid::from_u128(0x11), Uuid::from_u128(0x22));
    let (subject, wrapping) = (Key::from_bytes([3; 32]), Key::from_bytes([4; 32]));
    let record = Uuid::from_u128(0x0190_b3c1_7b4e_7c3a_9d2e_5f6a_7b8c_9d0e);
    let long = format!(r#"{{"response":"{}"}}"#, "all the same ".repeat(40));
    let sections = [
        vec![(&action, Some((subject_id, &subject)), r#"{"intent":"pay","payload":{"amount":5}}"#)],
        vec![(&action, None, r#"{"facts":{"n":12345678901234567890123}}"#)],
        vec![
            (&action, None, r#"{"payload":{"amount":4}}"#),
            (&person, Some((person_id, &wrapping)), r#"{"name":"A","reason":"less"}"#),
        ],
        vec![(&action, None, long.as_str())],
    ];
    let open = sections.map(|sections| {
        let fields = sections.iter().map(|(_, _, text)| Value::from(*text)).collect::<Vec<_>>();
        let sealed: Vec<Section<'_>> = sections
            .into_iter()
            .map(|(key, wrapped_by, text)| Section { key, wrapped_by, fields: object(text) })
            .collect();
        let entry = vault::seal(ORIGIN, record, &sealed, &random);
        let keys = [(subject_id, &subject), (person_id, &wrapping)].map(|(id, key)| (id.to_string(), encode_key(key)));
        case([
            ("action_key", Value::from(encode_key(&action))),
            ("digest", Value::from(Digest::of(&entry).to_string())),
            ("entry", Value::from(encode(&entry))),
            ("fields", Value::from(fields)),
            ("keys", Value::from(Object::from_iter(keys))),
            ("origin", Value::from(ORIGIN)),
            ("record", Value::from(record.to_string())),
        ])
    });
    let reject = [
        ("empty", vec![]),
        ("another version", vec![2, 0]),
        ("no number of sections", vec![1]),
        ("a section is missing", vec![1, 1]),
        ("unknown kind of key", vec![1, 1, 2, 0, 0, 0, 0]),
        ("length beyond the end", vec![1, 1, 0, 0, 0, 0, 1]),
        ("bytes after the last section", vec![1, 0, 0]),
        ("cut within the wrapped key", [&[1, 1, 1][..], &[0; 40]].concat()),
    ];
    let reject = reject.map(|(why, entry)| {
        assert!(vault::sections(&entry).is_err(), "{why} is accepted");
        case([("entry", Value::from(encode(&entry))), ("why", Value::from(why))])
    });
    lines(&case([("open", Value::from(open.to_vec())), ("reject", Value::from(reject.to_vec()))]))
}
