//! OTLP as JSON (the protobuf's JSON form, with ids in hex and enumerations as numbers).

use std::collections::BTreeMap;

use countersign_evidence::json::{Object, Value};
use countersign_evidence::trace::{SpanId, TraceId};
use countersign_index::runtime::ReportKind;

use super::draft::{Draft, Kept, OF_RESOURCE, cut, push};
use super::{Batch, Signal};

/// What has another form than it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Misshapen(pub(super) &'static str);

pub(super) fn read(signal: Signal, message: &Value, kept: Kept) -> Result<Batch, Misshapen> {
    let (of_resources, of_scopes, ones) = match signal {
        Signal::Traces => ("resourceSpans", "scopeSpans", "spans"),
        Signal::Logs => ("resourceLogs", "scopeLogs", "logRecords"),
    };
    let mut batch = Batch::default();
    for of_resource in list(object(message)?, of_resources)? {
        let of_resource = object(of_resource)?;
        let mut resource = BTreeMap::new();
        if let Some(described) = member(of_resource, "resource") {
            attributes(object(described)?, kept, |name, text| {
                if OF_RESOURCE.contains(&name) {
                    resource.insert(name.to_owned(), text);
                }
            })?;
        }
        for of_scope in list(of_resource, of_scopes)? {
            for one in list(object(of_scope)?, ones)? {
                let one = object(one)?;
                let read = match signal {
                    Signal::Traces => span(one, &resource, kept)?,
                    Signal::Logs => event(one, &resource, kept)?,
                };
                batch.add(read);
            }
        }
    }
    Ok(batch)
}

fn span(one: &Object, resource: &BTreeMap<String, String>, kept: Kept) -> Result<Draft, Misshapen> {
    let mut draft = Draft::new(ReportKind::Span, resource);
    draft.trace(trace_id(one)?);
    draft.span(span_id(one, "spanId")?);
    draft.parent(span_id(one, "parentSpanId")?);
    draft.name(text(one, "name")?.unwrap_or_default());
    draft.times(number(one, "startTimeUnixNano")?, number(one, "endTimeUnixNano")?);
    if let Some(status) = member(one, "status") {
        draft.status(number(object(status)?, "code")?);
    }
    attributes(one, kept, |name, text| draft.attribute(name, text))?;
    Ok(draft)
}

fn event(one: &Object, resource: &BTreeMap<String, String>, kept: Kept) -> Result<Draft, Misshapen> {
    let mut draft = Draft::new(ReportKind::Event, resource);
    draft.trace(trace_id(one)?);
    draft.span(span_id(one, "spanId")?);
    draft.name(text(one, "eventName")?.unwrap_or_default());
    draft.said = member(one, "body").map(|body| text_of(body, 65));
    let time = number(one, "timeUnixNano")?;
    draft.times(if time == 0 { number(one, "observedTimeUnixNano")? } else { time }, 0);
    attributes(one, kept, |name, text| draft.attribute(name, text))?;
    Ok(draft)
}

/// A member that is there and not null.
fn member<'v>(object: &'v Object, name: &str) -> Option<&'v Value> {
    object.get(name).filter(|value| !value.is_null())
}

fn object(value: &Value) -> Result<&Object, Misshapen> {
    value.as_object().ok_or(Misshapen("an object is due where something else stands"))
}

fn list<'v>(object: &'v Object, name: &'static str) -> Result<&'v [Value], Misshapen> {
    let found = member(object, name)
        .map(|value| value.as_array().ok_or(Misshapen("a list is due where something else stands")));
    found.unwrap_or(Ok(&[]))
}

fn text<'v>(object: &'v Object, name: &str) -> Result<Option<&'v str>, Misshapen> {
    member(object, name).map(|value| value.as_str().ok_or(Misshapen("a name or id is no text"))).transpose()
}

/// 64-bit numbers come as numbers or as texts.
fn number(object: &Object, name: &str) -> Result<u64, Misshapen> {
    let Some(value) = member(object, name) else { return Ok(0) };
    let read = match value.as_str() {
        Some(text) => text.parse().ok(),
        None => value.as_number().and_then(|number| number.as_u64()),
    };
    read.ok_or(Misshapen("a time or code is no whole number"))
}

fn trace_id(object: &Object) -> Result<Option<TraceId>, Misshapen> {
    Ok(text(object, "traceId")?.and_then(|id| TraceId::read(&id.to_ascii_lowercase())))
}

fn span_id(object: &Object, name: &str) -> Result<Option<SpanId>, Misshapen> {
    Ok(text(object, name)?.and_then(|id| SpanId::read(&id.to_ascii_lowercase())))
}

fn attributes(of: &Object, kept: Kept, mut keep: impl FnMut(&str, String)) -> Result<(), Misshapen> {
    for pair in list(of, "attributes")? {
        let pair = object(pair)?;
        let name = text(pair, "key")?.unwrap_or_default();
        let room = kept.room(name);
        if let Some(value) = member(pair, "value").filter(|_| room > 0) {
            keep(name, text_of(value, room));
        }
    }
    Ok(())
}

fn text_of(value: &Value, room: usize) -> String {
    let mut text = String::new();
    write(value, room, &mut text);
    cut(&mut text, room);
    text
}

/// Writes an `AnyValue` as the protobuf reader does. The parser has limited its depth.
fn write(value: &Value, room: usize, out: &mut String) {
    let Some((kind, value)) = value.as_object().and_then(|object| object.iter().next()) else { return };
    match (kind, value) {
        ("stringValue" | "intValue" | "doubleValue", Value::String(text)) => push(text, room, out),
        ("boolValue", Value::Bool(flag)) => out.push_str(if *flag { "true" } else { "false" }),
        ("intValue" | "doubleValue", Value::Number(number)) => out.push_str(number.as_str()),
        ("bytesValue", Value::String(text)) => out.push_str(&format!("({} bytes)", text.len() / 4 * 3)),
        ("arrayValue" | "kvlistValue", value) => {
            let items = value.get("values").and_then(Value::as_array).unwrap_or_default();
            for (at, item) in items.iter().enumerate() {
                if out.len() > room {
                    break;
                }
                out.push_str(if at == 0 { "" } else { ", " });
                match (kind, item.get("key").and_then(Value::as_str), item.get("value")) {
                    ("kvlistValue", Some(name), Some(inner)) => {
                        push(name, room, out);
                        out.push_str(": ");
                        write(inner, room, out);
                    }
                    _ => write(item, room, out),
                }
            }
        }
        _ => {}
    }
}
