//! What the agent's side reported about an action. Everything in it is of foreign hands.

use countersign_wire::{ReportedSpan, RuntimeContext};
use maud::{Markup, html};

use super::badge::badge;
use super::text::text;
use super::time::time;

/// The section; nothing where nothing was reported.
pub(crate) fn section(context: Option<&RuntimeContext>) -> Markup {
    let Some(context) = context else {
        return html! { p.quiet { "What the agent's side reported cannot be read now." } };
    };
    html! {
        @if !context.spans.is_empty() {
            section.card {
                h2 { "Runtime context" }
                p.quiet { "Reported by the agent's side over OpenTelemetry; not evidence. Each line is the word of the key that sent it." }
                div.scroll tabindex="0" role="region" aria-label="Reported spans and events" {
                    table.rows {
                        thead { tr {
                            th scope="col" { "Name" } th scope="col" { "Tied by" } th scope="col" { "Began" }
                            th scope="col" { "Took" } th scope="col" { "Status" } th scope="col" { "Model" }
                            th scope="col" { "Tokens" } th scope="col" { "Reported by" }
                        } }
                        tbody { @for span in &context.spans { (row(span)) } }
                    }
                }
                @if context.more { p.quiet { "There is more; these are the most closely tied ones." } }
            }
        }
    }
}

fn row(span: &ReportedSpan) -> Markup {
    html! {
        tr {
            td {
                (text(&span.name))
                @if !span.attributes.is_empty() {
                    details { summary { "Attributes" }
                        dl { @for (name, value) in &span.attributes { dt { (text(name)) } dd { (text(value)) } } }
                    }
                }
            }
            td { (text(&span.link)) }
            td { (time(span.started)) }
            td { @if let Some(took) = span.duration_us { (took / 1_000) "." (format!("{:03}", took % 1_000)) " ms" } }
            td { (status(&span.status)) }
            td { @if let Some(model) = &span.model { (text(model)) } }
            td {
                @if let Some(count) = span.input_tokens { (count) " in " }
                @if let Some(count) = span.output_tokens { (count) " out" }
            }
            td {
                @if let Some(service) = &span.service { (text(service)) ", " }
                @if span.by_proposer { "the proposer's key" } @else { "key " code { (span.reported_by) } }
            }
        }
    }
}

fn status(word: &str) -> Markup {
    match word {
        "error" => badge("error", "bad"),
        "ok" => badge("ok", "plain"),
        _ => html! {},
    }
}
