//! Envelopes, disclosures and vault entries.

use std::str::from_utf8;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_evidence::action::Action;
use countersign_evidence::digest::Digest;
use countersign_evidence::json::{self, Limits, Object, Value};
use countersign_evidence::key::{Key, Random};
use countersign_evidence::record::{Envelope, Link};
use countersign_evidence::seal::{Disclosures, Sealer, read_disclosure};
use countersign_evidence::vault::{self, Section};
use uuid::Uuid;

use crate::json::has_one_form;

const ORIGIN: &str = "countersign.example/fuzz";
const RECORD: Uuid = Uuid::from_u128(0x0190_b3c1_7b4e_7c3a_9d2e_5f6a_7b8c_9d0e);

/// Fills with what the bytes under test say: a failure replays.
struct Bytes<'a>(&'a [u8]);

impl Random for Bytes<'_> {
    fn fill(&self, out: &mut [u8]) {
        out.iter_mut().zip(self.0.iter().cycle()).for_each(|(out, byte)| *out = *byte);
    }
}

fn key() -> Key {
    Key::from_bytes([5; 32])
}

/// Lines of envelopes. What is read is written again byte for byte; an action takes a record or stays as it was.
pub fn envelope(data: &[u8]) {
    let mut action: Option<Action> = None;
    for line in data.split(|byte| *byte == b'\n') {
        let Some(envelope) = read_envelope(line) else { continue };
        match action.as_mut() {
            None => {
                let leaf = Digest::leaf(envelope.to_canonical().expect("a read envelope is written").as_bytes());
                action = Action::open(&envelope, leaf).ok();
            }
            Some(action) => follow(action, envelope),
        }
    }
}

/// The envelope, if the line or its canonical form is one: a mutation seldom keeps the order of members.
fn read_envelope(line: &[u8]) -> Option<Envelope> {
    if let Ok(envelope) = Envelope::parse(line) {
        let text = envelope.to_canonical().expect("a read envelope is written");
        assert_eq!(text.as_bytes(), line, "written as read");
        let value = json::parse(line, Limits::default()).expect("an envelope is JSON");
        has_one_form(line, &value);
        return Some(envelope);
    }
    let value = json::parse(line, Limits::default()).ok()?;
    let text = value.to_canonical();
    let envelope = Envelope::parse(text.as_bytes()).ok()?;
    assert_eq!(envelope.to_canonical().as_ref(), Ok(&text), "written as read");
    Some(envelope)
}

/// Puts the record where the action's next one belongs, so that the rules are reached and not only the chain.
fn follow(action: &mut Action, mut envelope: Envelope) {
    envelope.link = Some(Link { action: action.id, step: action.steps, prev: Some(action.last) });
    envelope.workspace.clone_from(&action.workspace);
    envelope.environment.clone_from(&action.environment);
    envelope.time = envelope.time.max(action.last_time);
    // With its new place it may be too large.
    let Ok(text) = envelope.to_canonical() else { return };
    assert_eq!(Envelope::parse(text.as_bytes()).as_ref(), Ok(&envelope), "read as written");
    let leaf = Digest::leaf(text.as_bytes());
    let before = action.clone();
    match action.apply(&envelope, leaf) {
        Ok(()) => {
            assert_eq!((action.steps, action.last), (before.steps + 1, leaf));
            let again = action.clone();
            assert!(action.apply(&envelope, leaf).is_err() && *action == again, "one record twice");
        }
        Err(_) => assert_eq!(*action, before, "a refused record changed the action"),
    }
}

/// Lines of disclosures, or a JSON value to be sealed. What opens is what was sealed, and no more than was disclosed.
pub fn disclosure(data: &[u8]) {
    if let Ok(value) = json::parse(data, Limits::default()) {
        opens_as_sealed(&value, data.len());
    }
    let Ok(text) = from_utf8(data) else { return };
    let lines: Vec<&str> = text.lines().collect();
    let all: Disclosures = lines.iter().copied().collect();
    for line in &lines {
        let Ok((name, value)) = read_disclosure(line) else { continue };
        let bytes = URL_SAFE_NO_PAD.decode(line).expect("a disclosure is base64url");
        let array = json::parse(&bytes, Limits { depth: 128, ..Limits::default() }).expect("of JSON");
        let items = array.as_array().expect("of an array");
        assert_eq!(items[1..], [Value::from(name.as_str()), value.clone()], "read as it says");
        let digest = Digest::of(line.as_bytes());
        assert!(all.open(&format!("{name}x"), digest).is_err(), "opens under another name");
        let Ok(opened) = all.open(&name, digest) else { continue };
        let opened = opened.expect("its disclosure is here");
        let nodes = count(&opened.value);
        assert!(nodes + opened.withheld <= data.len(), "{nodes} values out of {} bytes", data.len());
        let alone = [*line].into_iter().collect::<Disclosures>().open(&name, digest);
        let alone = alone.expect("less opens too").expect("its disclosure is here");
        assert!(count(&alone.value) <= nodes, "less shows more");
    }
}

fn opens_as_sealed(value: &Value, seed: usize) {
    let sealer = Sealer::new(&key());
    let sealed = sealer.seal("payload/0", "payload", value);
    assert_eq!(sealer.digest("payload/0", "payload", value), sealed.digest);
    let open = |texts: &[String]| texts.iter().cloned().collect::<Disclosures>().open("payload", sealed.digest);
    let opened = open(&sealed.disclosures).expect("what was sealed opens").expect("its disclosure is here");
    assert_eq!((&opened.value, opened.withheld), (value, 0), "opens as sealed");
    let mut some = sealed.disclosures.clone();
    let taken = some.remove(seed % some.len());
    match open(&some).expect("fewer disclosures open less") {
        None => assert_eq!(Digest::of(taken.as_bytes()), sealed.digest),
        Some(opened) => {
            assert_eq!(opened.withheld, 1, "one digest stays closed");
            assert!(is_part(&opened.value, value), "shows what was not sealed");
        }
    }
}

/// Whether `part` is `whole` less some members of its objects.
fn is_part(part: &Value, whole: &Value) -> bool {
    match (part.as_object(), whole.as_object()) {
        (Some(part), Some(whole)) => {
            part.iter().all(|(name, value)| whole.get(name).is_some_and(|whole| is_part(value, whole)))
        }
        _ => part == whole,
    }
}

/// How many values there are.
fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(members) => 1 + members.iter().map(|(_, value)| count(value)).sum::<usize>(),
        _ => 1,
    }
}

/// A vault entry, the content of one, or the fields in one.
pub fn vault(data: &[u8]) {
    if let Ok(sections) = vault::sections(data) {
        assert_eq!(data.get(1).copied().map(usize::from), Some(sections.len()), "as many as it says");
        for section in sections {
            assert!(section.open(&key(), ORIGIN, RECORD).is_err(), "opens without having been sealed");
            if let Some((_, wrapped)) = section.wrapped {
                assert_eq!(wrapped.len(), 72);
                assert!(section.unwrap_key(&key(), ORIGIN, RECORD).is_err(), "unwraps without having been wrapped");
            }
        }
    }
    holds(data);
    if let Ok(Value::Object(fields)) = json::parse(data, Limits::default()) {
        opens_unchanged(&fields, data);
    }
}

/// Whoever has the key can put any content into an entry; it opens as exactly that or not at all.
fn holds(content: &[u8]) {
    let associated = [ORIGIN.as_bytes(), &[0], RECORD.as_bytes(), &[0]].concat();
    let sealed = key().derive("vault/v1").seal(content, &associated, &Bytes(&[1]));
    let length = u32::try_from(sealed.len()).expect("the input is short").to_be_bytes();
    let entry = [&[1, 1, 0], length.as_slice(), &sealed].concat();
    let sections = vault::sections(&entry).expect("an entry by the format");
    let opened = sections[0].open(&key(), ORIGIN, RECORD).ok();
    let json = match content.split_first() {
        Some((0, json)) => Some(json.to_vec()),
        Some((1, packed)) => zstd::bulk::decompress(packed, 16 << 20).ok(),
        _ => None,
    };
    let limits = Limits { bytes: 16 << 20, depth: 128 };
    let held = json.and_then(|json| json::parse(&json, limits).ok()).filter(|value| value.as_object().is_some());
    // A frame that does not say how large its content is may be refused.
    if opened.is_some() || content.first() == Some(&0) {
        assert_eq!(opened.map(Value::Object), held, "opens as what it holds");
    }
}

/// Fields open as sealed; an entry with one bit changed does not open.
fn opens_unchanged(fields: &Object, data: &[u8]) {
    let sections = [Section { key: &key(), wrapped_by: None, fields: fields.clone() }];
    let mut entry = vault::seal(ORIGIN, RECORD, &sections, &Bytes(data));
    let open_as = |entry: &[u8], origin: &str, record: Uuid| -> Option<Vec<Object>> {
        let sections = vault::sections(entry).ok()?;
        sections.iter().map(|section| section.open(&key(), origin, record).ok()).collect()
    };
    assert_eq!(open_as(&entry, ORIGIN, RECORD).as_deref(), Some([fields.clone()].as_slice()), "opens as sealed");
    assert_eq!(open_as(&entry, "countersign.example/other", RECORD), None, "opens in another log");
    assert_eq!(open_as(&entry, ORIGIN, Uuid::nil()), None, "opens at another record");
    let at = data.iter().map(|byte| usize::from(*byte)).sum::<usize>() % entry.len();
    entry[at] ^= 1 << (data.len() % 8);
    assert_eq!(open_as(&entry, ORIGIN, RECORD), None, "opens with byte {at} changed");
}
