//! Names beside values, aligned, whole: nothing is cut off here.

use std::io;

use countersign_evidence::json::{self, Value};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::output::Output;
use crate::style::Paint;
use crate::table::{shorten, wrap};
use countersign_evidence::visible::{short_json, visible, visible_lines};

/// Widest name.
const MOST_NAME: usize = 40;

/// Names and values in order.
#[derive(Debug, Default)]
pub(crate) struct Facts(Vec<(String, String)>);

impl Facts {
    /// Adds a fact; the text may come from outside.
    pub(crate) fn add(&mut self, name: &str, text: impl AsRef<str>) {
        self.0.push((visible(name), visible_lines(text.as_ref())));
    }

    /// Adds a fact where there is one.
    pub(crate) fn add_some(&mut self, name: &str, text: Option<impl AsRef<str>>) {
        if let Some(text) = text {
            self.add(name, text);
        }
    }

    /// The members of an object as facts; another value as one fact without a name.
    pub(crate) fn of(value: &Value) -> Self {
        match value.as_object() {
            Some(members) => Facts(members.iter().map(|(name, value)| (visible(name), text_of(value))).collect()),
            None => Facts(vec![(String::new(), text_of(value))]),
        }
    }

    /// Leaves out values of more than `most` lines but for payloads, and says so.
    pub(crate) fn fold(mut self, most: usize) -> Self {
        for (name, value) in self.0.iter_mut().filter(|(name, _)| !name.starts_with("payload")) {
            let lines = value.lines().count();
            if lines > most {
                *value = format!("({lines} lines of {name}: --full shows them)");
            }
        }
        self
    }

    /// The lines, values beginning in one column; further lines of a value stand below its first, so that no text from
    /// outside begins where ours does.
    pub(crate) fn print(&self, out: &mut Output) -> io::Result<()> {
        let widest = self.0.iter().map(|(name, _)| name.width()).max().unwrap_or_default().min(MOST_NAME);
        let width = out.style.width.map(|width| width.saturating_sub(widest + 4));
        for (name, value) in &self.0 {
            let name = shorten(name, widest);
            let padding = " ".repeat(widest.saturating_sub(name.width()));
            let mut before = format!("  {}{padding}  ", out.style.paint(Paint::Dim, &name));
            for piece in value.split('\n').flat_map(|line| wrap(line, width)) {
                out.line(format!("{before}{piece}").trim_end())?;
                before = " ".repeat(widest + 4);
            }
        }
        Ok(())
    }
}

/// Texts as they are, lists of short things on one line, anything else as indented JSON.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => visible_lines(text),
        Value::Null => "none".to_owned(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => {
            let plain: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            plain.map_or_else(|| short_json(value), |texts| visible(&texts.join(", ")))
        }
        other => short_json(other),
    }
}

/// The name that a value has on the wire.
pub(crate) fn name_of(value: &impl Serialize) -> String {
    json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
