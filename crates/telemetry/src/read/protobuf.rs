//! OTLP as protobuf (opentelemetry-proto: collector/trace/v1, collector/logs/v1). The numbers are those of its fields.

use std::collections::BTreeMap;

use countersign_evidence::trace::{SpanId, TraceId};
use countersign_index::runtime::ReportKind;

use super::draft::{Draft, Kept, OF_RESOURCE, cut, push};
use super::wire::{Fields, Malformed, Raw};
use super::{Batch, Signal};

/// Deepest nesting of an attribute's value.
const DEPTH: usize = 16;

pub(super) fn read(signal: Signal, bytes: &[u8], kept: Kept) -> Result<Batch, Malformed> {
    let mut batch = Batch::default();
    for of_resource in parts(bytes, 1) {
        let of_resource = of_resource?;
        // A resource may stand behind what it is about.
        let resource = resource(of_resource, kept)?;
        for of_scope in parts(of_resource, 2) {
            for one in parts(of_scope?, 2) {
                let read = match signal {
                    Signal::Traces => span(one?, &resource, kept)?,
                    Signal::Logs => event(one?, &resource, kept)?,
                };
                batch.add(read);
            }
        }
    }
    Ok(batch)
}

/// The messages in a field that is repeated.
fn parts(message: &[u8], wanted: u64) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    Fields(message).filter_map(move |field| match field {
        Ok((number, raw)) => (number == wanted).then(|| raw.bytes()),
        Err(error) => Some(Err(error)),
    })
}

fn resource(of_resource: &[u8], kept: Kept) -> Result<BTreeMap<String, String>, Malformed> {
    let mut found = BTreeMap::new();
    for resource in parts(of_resource, 1) {
        for pair in parts(resource?, 1) {
            attribute(pair?, kept, |name, text| {
                if OF_RESOURCE.contains(&name) {
                    found.insert(name.to_owned(), text);
                }
            })?;
        }
    }
    Ok(found)
}

fn span(message: &[u8], resource: &BTreeMap<String, String>, kept: Kept) -> Result<Draft, Malformed> {
    let mut draft = Draft::new(ReportKind::Span, resource);
    let (mut start, mut end) = (0, 0);
    for field in Fields(message) {
        match field? {
            (1, raw) => draft.trace(trace_id(raw)?),
            (2, raw) => draft.span(span_id(raw)?),
            (4, raw) => draft.parent(span_id(raw)?),
            (5, raw) => draft.name(raw.text()?),
            (7, raw) => start = raw.fixed64()?,
            (8, raw) => end = raw.fixed64()?,
            (9, raw) => attribute(raw.bytes()?, kept, |name, text| draft.attribute(name, text))?,
            (15, raw) => {
                for field in Fields(raw.bytes()?) {
                    if let (3, code) = field? {
                        draft.status(code.varint()?);
                    }
                }
            }
            _ => {}
        }
    }
    draft.times(start, end);
    Ok(draft)
}

fn event(message: &[u8], resource: &BTreeMap<String, String>, kept: Kept) -> Result<Draft, Malformed> {
    let mut draft = Draft::new(ReportKind::Event, resource);
    let (mut time, mut observed) = (0, 0);
    for field in Fields(message) {
        match field? {
            (1, raw) => time = raw.fixed64()?,
            (5, raw) => draft.said = Some(text_of(raw.bytes()?, 65)?),
            (6, raw) => attribute(raw.bytes()?, kept, |name, text| draft.attribute(name, text))?,
            (9, raw) => draft.trace(trace_id(raw)?),
            (10, raw) => draft.span(span_id(raw)?),
            (11, raw) => observed = raw.fixed64()?,
            (12, raw) => draft.name(raw.text()?),
            _ => {}
        }
    }
    draft.times(if time == 0 { observed } else { time }, 0);
    Ok(draft)
}

/// Ids of another length are none.
fn trace_id(raw: Raw<'_>) -> Result<Option<TraceId>, Malformed> {
    Ok(raw.bytes()?.try_into().ok().and_then(TraceId::from_bytes))
}

fn span_id(raw: Raw<'_>) -> Result<Option<SpanId>, Malformed> {
    Ok(raw.bytes()?.try_into().ok().and_then(SpanId::from_bytes))
}

/// Hands on an attribute that is kept.
fn attribute(pair: &[u8], kept: Kept, mut keep: impl FnMut(&str, String)) -> Result<(), Malformed> {
    let (mut name, mut value) = ("", None);
    for field in Fields(pair) {
        match field? {
            (1, raw) => name = raw.text()?,
            (2, raw) => value = Some(raw.bytes()?),
            _ => {}
        }
    }
    let room = kept.room(name);
    if let Some(value) = value.filter(|_| room > 0) {
        keep(name, text_of(value, room)?);
    }
    Ok(())
}

fn text_of(value: &[u8], room: usize) -> Result<String, Malformed> {
    let mut text = String::new();
    write(value, DEPTH, room, &mut text)?;
    cut(&mut text, room);
    Ok(text)
}

/// Writes an `AnyValue`: lists with commas, and nothing beyond the room.
fn write(value: &[u8], depth: usize, room: usize, out: &mut String) -> Result<(), Malformed> {
    let deeper = depth.checked_sub(1).ok_or(Malformed("an attribute is nested too deep"))?;
    for field in Fields(value) {
        if out.len() > room {
            break;
        }
        match field? {
            (1, raw) => push(raw.text()?, room, out),
            (2, raw) => out.push_str(if raw.varint()? == 0 { "false" } else { "true" }),
            (3, raw) => out.push_str(&raw.varint()?.cast_signed().to_string()),
            (4, raw) => out.push_str(&f64::from_bits(raw.fixed64()?).to_string()),
            (5, raw) => {
                for (at, item) in parts(raw.bytes()?, 1).enumerate() {
                    if out.len() > room {
                        break;
                    }
                    out.push_str(if at == 0 { "" } else { ", " });
                    write(item?, deeper, room, out)?;
                }
            }
            (6, raw) => {
                for (at, pair) in parts(raw.bytes()?, 1).enumerate() {
                    if out.len() > room {
                        break;
                    }
                    out.push_str(if at == 0 { "" } else { ", " });
                    for field in Fields(pair?) {
                        match field? {
                            (1, raw) => {
                                push(raw.text()?, room, out);
                                out.push_str(": ");
                            }
                            (2, raw) => write(raw.bytes()?, deeper, room, out)?,
                            _ => {}
                        }
                    }
                }
            }
            (7, raw) => out.push_str(&format!("({} bytes)", raw.bytes()?.len())),
            _ => {}
        }
    }
    Ok(())
}
