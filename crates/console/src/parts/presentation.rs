//! What a reviewer sees: the document whose digest is bound into the answer, rendered.

use countersign_evidence::json::Value;
use countersign_wire::{Comparison, DecidingField, NoteView, Presentation, RequirementView};
use maud::{Markup, html};

use super::badge::{badge, risk};
use super::json::{changes, json};
use super::schema;
use super::text::{lines, lookalikes, text};
use super::time::{time, until};

/// All of it.
pub(crate) fn document(presentation: &Presentation, decides: bool) -> Markup {
    let review = &presentation.review;
    html! {
        h1 { (text(&presentation.sentence)) }
        p.badges {
            (badge(&review.category, "plain")) " " (risk(review.risk)) " " (until(review.expires_at)) " "
            (lookalikes(&presentation.payload.to_canonical()))
            @if decides { a.jump href="#answer" { "Go to your answer" } }
        }
        (deciding(&presentation.deciding))
        section {
            h2 { "The whole payload" }
            (json(&presentation.payload, "The whole payload"))
            p.quiet { (presentation.payload_bytes) " bytes in canonical form, version " (review.payload_version)
                ", digest " code { (review.payload_digest.to_string()) } }
        }
        @if !presentation.edited.is_empty() {
            section { h2 { "What a reviewer has changed" } (changes(&presentation.edited, "")) }
        }
        (notes(&presentation.notes))
        (comparison(presentation.comparison.as_ref()))
        (why(presentation))
        (context(presentation))
        (tool(presentation))
    }
}

/// Another party's words: they explain the payload and prove nothing.
fn tool(presentation: &Presentation) -> Markup {
    let Some(definition) = &presentation.definition else { return html! {} };
    let description = definition.get("description").and_then(Value::as_str);
    html! {
        section {
            h2 { "What the tool says of itself" }
            p.quiet { "Its server's words." }
            @if let Some(description) = description { div.claim { (lines(description)) } }
            (misfits(presentation.definition.as_ref(), &presentation.payload))
            details {
                summary { "Its definition" }
                (json(definition, "The tool's definition"))
            }
        }
    }
}

/// Where a payload is not of the form that the tool says it takes.
pub(crate) fn misfits(definition: Option<&Value>, payload: &Value) -> Markup {
    let misfits = schema::misfits(definition, payload);
    html! {
        @if !misfits.is_empty() {
            div.notice {
                p { "The payload is not of the form that the tool says it takes:" }
                ul { @for misfit in &misfits { li { (text(misfit)) } } }
            }
        }
    }
}

fn notes(notes: &[NoteView]) -> Markup {
    html! {
        @if !notes.is_empty() {
            section {
                h2 { "What was said about it" }
                dl.facts {
                    @for note in notes {
                        div {
                            dt { @match note.kind.as_str() {
                                "question" => "A reviewer asked",
                                "answer" => "The agent's side answered: its own claim",
                                _ => "Handed over to another reviewer",
                            } " " (time(note.at)) }
                            dd.claim[note.kind == "answer"] { (lines(&note.text)) }
                        }
                    }
                }
            }
        }
    }
}

fn deciding(fields: &[DecidingField]) -> Markup {
    html! {
        @if !fields.is_empty() {
            section {
                h2 { "What the rules looked at" }
                dl.deciding {
                    @for field in fields {
                        div {
                            dt { code { (text(&field.path)) } }
                            dd { (value(&field.value)) " " (lookalikes(&field.value.to_canonical())) }
                        }
                    }
                }
            }
        }
    }
}

fn value(value: &Value) -> Markup {
    match value {
        Value::String(untrusted) => lines(untrusted),
        Value::Number(_) | Value::Bool(_) | Value::Null => html! { (value.to_canonical()) },
        other => json(other, "A part of the payload"),
    }
}

fn comparison(comparison: Option<&Comparison>) -> Markup {
    html! {
        section {
            h2 { "Beside the last one that was approved" }
            @match comparison {
                None => p.quiet { "No earlier approved action of this agent with this tool is known." },
                Some(last) => {
                    p { a href={ "/actions/" (last.action) } { "The last one" } ", approved " (time(last.approved_at)) ":" }
                    (changes(&last.changes, "Exactly the same payload."))
                }
            }
        }
    }
}

fn why(presentation: &Presentation) -> Markup {
    html! {
        section {
            h2 { "Why you are asked" }
            @for one in &presentation.review.requirements { (requirement(one)) }
            @for rule in &presentation.rules {
                @if !rule.text.is_empty() {
                    details { summary { "Rule " code { (text(&rule.rule)) } } pre tabindex="0" { (lines(&rule.text)) } }
                }
            }
            @if !presentation.risk_factors.is_empty() {
                p { "Risk: " (text(&presentation.risk_factors.join(", "))) }
            }
            p.quiet { "Policy " code { (text(&presentation.policy)) } }
        }
    }
}

fn requirement(one: &RequirementView) -> Markup {
    html! {
        p {
            strong { (text(if one.message.is_empty() { &one.rule } else { &one.message })) } " "
            (one.approvals.len()) " of " (one.quorum) " of " (text(&one.groups.join(", ")))
            @let in_advance = one.approvals.iter().filter(|seat| seat.standing.is_some()).count();
            @if in_advance > 0 { " (" (in_advance) " in advance)" }
            @if one.signature.is_some() { " " (badge("signed by passkey", "warn")) }
            @if let Some(at) = one.escalates_at { ", escalates " (time(at)) }
        }
    }
}

fn context(presentation: &Presentation) -> Markup {
    html! {
        section {
            h2 { "Around it" }
            dl.facts {
                @if let Some(intent) = &presentation.intent {
                    div { dt { "The agent's own claim about why" } dd.claim { (lines(intent)) } }
                }
                @if let Some(user) = &presentation.user { div { dt { "On behalf of" } dd { (text(user)) } } }
                @if let Some(resource) = &presentation.resource { div { dt { "Resource" } dd { (text(resource)) } } }
                div { dt { "Agent" } dd { (text(&presentation.review.agent)) } }
                div { dt { "Environment" } dd { (text(&presentation.review.environment)) } }
                div { dt { "Proposed" } dd { (time(presentation.review.proposed_at)) } }
            }
            details { summary { "Facts that the decision read" } (json(&presentation.facts, "Facts")) }
        }
    }
}
