//! JSON as people read it: whole, never cut off.

use countersign_evidence::json::Value;
use countersign_evidence::visible::{is_long_text, pretty_json};
use countersign_wire::Change;
use maud::{Markup, html};

use super::text::text;

/// A whole value. Hidden characters stand as JSON's own escapes.
pub(crate) fn json(value: &Value, label: &str) -> Markup {
    let written = pretty_json(value);
    let whole = html! { pre.json tabindex="0" aria-label=(label) { (written) } };
    match is_long_text(&written) {
        false => whole,
        true => html! {
            details.whole data-whole {
                summary { "Show all of it: " (written.lines().count()) " lines, " (written.len()) " bytes" }
                (whole)
            }
        },
    }
}

/// Differences, one element a line.
pub(crate) fn changes(changes: &[Change], none: &str) -> Markup {
    html! {
        @if changes.is_empty() {
            p.quiet { (none) }
        } @else {
            table.changes {
                thead { tr { th scope="col" { "Where" } th scope="col" { "Before" } th scope="col" { "Now" } } }
                tbody {
                    @for change in changes {
                        tr {
                            th scope="row" { code { (text(if change.path.is_empty() { "(all)" } else { &change.path })) } }
                            td { (side(change.before.as_ref(), "del")) }
                            td { (side(change.after.as_ref(), "ins")) }
                        }
                    }
                }
            }
        }
    }
}

fn side(value: Option<&Value>, kind: &str) -> Markup {
    match value {
        None => html! { span.quiet { "(nothing)" } },
        Some(value) if kind == "del" => html! { del { (pretty_json(value)) } },
        Some(value) => html! { ins { (pretty_json(value)) } },
    }
}
