//! Untrusted text before people: what would be invisible, or would move other characters about, is made visible.
//!
//! An agent writes payloads, intents and names; a reviewer decides by what is shown. Control characters could
//! rewrite a terminal, bidirectional overrides reorder what is read, zero-width characters hide text within text.

use crate::json::Value;

/// Ranges of characters that show nothing, or change how others show: default-ignorable code points, bidirectional
/// controls, line and paragraph separators, annotation marks (Unicode UAX #44, UTR #36).
const HIDDEN: [(u32, u32); 22] = [
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D159, 0x1D159),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
    (0xFFFE, 0xFFFF),
    (0x10FFFE, 0x10FFFF),
];

/// Longest JSON that is put on one line, in bytes.
const SHORT: usize = 72;

/// More bytes or lines than these are not shown at once.
const AT_ONCE: (usize, usize) = (8 << 10, 60);

/// Whether a value is longer than what is shown at once: who decides on it has to have all of it shown.
pub fn is_long(value: &Value) -> bool {
    is_long_text(&pretty_json(value))
}

/// As [`is_long`], of a value that [`pretty_json`] has written.
pub fn is_long_text(written: &str) -> bool {
    written.len() > AT_ONCE.0 || written.lines().count() > AT_ONCE.1
}

/// Whether a reader would not see `character`, or not where it is.
pub fn is_hidden(character: char) -> bool {
    let code = u32::from(character);
    character.is_control() || HIDDEN.iter().any(|(first, last)| (*first..=*last).contains(&code))
}

/// The text on one line: hidden characters, line ends and tabs among them, become `‹U+202E›`.
pub fn visible(text: &str) -> String {
    show(text, |_| false)
}

/// The text with its line ends; everything else that is hidden becomes `‹U+202E›`.
pub fn visible_lines(text: &str) -> String {
    show(text, |character| character == '\n')
}

fn show(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) && !keep(character) {
            out.push_str(&format!("‹U+{:04X}›", u32::from(character)));
        } else {
            out.push(character);
        }
    }
    out
}

/// The whole value as JSON, one line per member; what is nested and short stays on one line. Hidden characters are written
/// as JSON's own `\u` escapes, so the text still reads back as exactly this value.
pub fn pretty_json(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, 0, &mut out);
    out
}

/// The whole value as JSON, on one line if it is short.
pub fn short_json(value: &Value) -> String {
    inline(value).unwrap_or_else(|| pretty_json(value))
}

fn write_value(value: &Value, depth: usize, out: &mut String) {
    if let Some(short) = inline(value).filter(|_| depth > 0) {
        return out.push_str(&short);
    }
    match value {
        Value::Array(items) if !items.is_empty() => {
            let items = items.iter().map(|item| (None, item));
            write_nested(('[', ']'), items, depth, out);
        }
        Value::Object(members) if !members.is_empty() => {
            let members = members.iter().map(|(name, value)| (Some(name), value));
            write_nested(('{', '}'), members, depth, out);
        }
        Value::String(text) => write_string(text, out),
        other => other.write_canonical(out),
    }
}

/// On one line, where that has at most [`SHORT`] characters.
fn inline(value: &Value) -> Option<String> {
    let mut out = String::new();
    write_inline(value, &mut out).then_some(out)
}

/// Stops, and says false, once the line is too long: a large value is not written out for every level above it.
fn write_inline(value: &Value, out: &mut String) -> bool {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                if !write_inline(item, out) {
                    return false;
                }
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (at, (name, value)) in members.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                write_string(name, out);
                out.push_str(": ");
                if !write_inline(value, out) {
                    return false;
                }
            }
            out.push('}');
        }
        Value::String(text) if text.len() > SHORT => return false,
        Value::String(text) => write_string(text, out),
        other => other.write_canonical(out),
    }
    out.len() <= SHORT
}

fn write_nested<'a>(
    (open, close): (char, char),
    items: impl Iterator<Item = (Option<&'a str>, &'a Value)>,
    depth: usize,
    out: &mut String,
) {
    out.push(open);
    for (at, (name, value)) in items.enumerate() {
        out.push_str(if at == 0 { "\n" } else { ",\n" });
        out.push_str(&"  ".repeat(depth + 1));
        if let Some(name) = name {
            write_string(name, out);
            out.push_str(": ");
        }
        write_value(value, depth + 1, out);
    }
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
    out.push(close);
}

fn write_string(text: &str, out: &mut String) {
    let mut units = [0; 2];
    // The canonical text escapes what JSON demands; the rest of what is hidden is escaped here.
    for character in Value::from(text).to_canonical().chars() {
        if is_hidden(character) {
            for unit in character.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::json::{self, Limits};
    use icu_properties::props::{BidiControl, DefaultIgnorableCodePoint, GeneralCategory};
    use icu_properties::{CodePointMapData, CodePointSetData};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_character_that_unicode_calls_invisible_is_hidden() {
        let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
        let bidi = CodePointSetData::new::<BidiControl>();
        let category = CodePointMapData::<GeneralCategory>::new();
        for character in (0..=0x10_FFFF).filter_map(char::from_u32) {
            let separates = matches!(
                category.get(character),
                GeneralCategory::Control | GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator
            );
            if separates || ignorable.contains(character) || bidi.contains(character) {
                assert!(is_hidden(character), "U+{:04X}", u32::from(character));
            }
        }
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        let text = "Zwölf Boxkämpfer — 价格 12,50 € «ok» 🙂 שלום";
        assert_eq!(visible(text), text);
    }

    #[test]
    fn tricks_are_shown() {
        assert_eq!(visible("pay\u{202e}001\u{202c} now"), "pay‹U+202E›001‹U+202C› now");
        assert_eq!(visible("a\u{200b}b\r\n\u{1b}[2J"), "a‹U+200B›b‹U+000D›‹U+000A›‹U+001B›[2J");
        assert_eq!(visible("\u{e0041}"), "‹U+E0041›");
        assert_eq!(visible_lines("a\nb\tc"), "a\nb‹U+0009›c");
    }

    #[test]
    fn json_is_indented_and_whole() {
        let value = json::parse(br#"{"b":[],"a":[1,{"k":"x\u202ey"}],"n":123456789012345678901}"#, Limits::default());
        let expected = "{\n  \"a\": [1, {\"k\": \"x\\u202ey\"}],\n  \"b\": [],\n  \
                        \"n\": 123456789012345678901\n}";
        assert_eq!(pretty_json(&value.unwrap()), expected);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[\u{202a}-\u{202e}\u{200b}-\u{200f}\u{e0000}-\u{e007f}\u{0}-\u{1f}]*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left(text in any::<String>(), tricks in "[\u{0}-\u{9f}\u{2000}-\u{2070}\u{fe00}-\u{feff}]*") {
            for text in [text, tricks] {
                prop_assert!(!visible(&text).chars().any(is_hidden));
                prop_assert!(!visible_lines(&text).chars().any(|c| c != '\n' && is_hidden(c)));
            }
        }

        #[test]
        fn pretty_json_reads_back_and_hides_nothing(value in value()) {
            let text = pretty_json(&value);
            prop_assert!(!text.chars().any(|c| c != '\n' && is_hidden(c)));
            prop_assert_eq!(&json::parse(text.as_bytes(), Limits::default()).unwrap(), &value);
            let text = short_json(&value);
            prop_assert!(!text.chars().any(|c| c != '\n' && is_hidden(c)));
            prop_assert_eq!(json::parse(text.as_bytes(), Limits::default()).unwrap(), value);
        }
    }
}
