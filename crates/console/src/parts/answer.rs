//! The forms by which a review is answered. Approving and denying look alike, and neither is chosen beforehand.

use countersign_evidence::json::Value;
use countersign_evidence::visible::{pretty_json, visible};
use countersign_gate::Person;
use countersign_wire::Presentation;
use maud::{Markup, html};

use super::form::csrf;
use super::json::json;
use super::text::text;
use crate::assets;
use crate::viewer::Viewer;

/// Reasons to deny that are at hand; each needs nothing more.
const CHIPS: [&str; 5] =
    ["Wrong recipient", "Amount too high", "Not needed", "Looks like a manipulated agent", "Ask me first"];

/// What is to be answered.
pub(crate) struct Asked<'a> {
    pub(crate) presentation: &'a Presentation,
    /// The payload is longer than what is shown at once.
    pub(crate) long: bool,
    /// The value that is to be repeated.
    pub(crate) confirm: Option<Confirmation>,
    /// The payload as edited, canonical.
    pub(crate) edited: Option<&'a str>,
}

/// A value that is to be typed.
pub(crate) struct Confirmation {
    /// Where it stands in the payload.
    pub(crate) what: String,
    /// The text to be typed.
    pub(crate) expected: String,
}

/// Longest text that anybody is asked to repeat, in characters.
const MOST_TYPED: usize = 64;

/// A value as one types it, where a line of input can hold it.
pub(crate) fn typed(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => visible(text).trim().to_owned(),
        Value::Number(_) | Value::Bool(_) => value.to_canonical(),
        _ => return None,
    };
    let fits = !text.is_empty() && text.chars().count() <= MOST_TYPED && !text.contains(char::is_control);
    fits.then_some(text)
}

/// Approve, deny, edit.
pub(crate) fn forms(viewer: &Viewer, asked: &Asked<'_>) -> Markup {
    let action = asked.presentation.review.action;
    html! {
        div #answer.answers role="group" aria-label="Your answer" {
            form #approve method="post" action={ "/reviews/" (action) } data-answer {
                h2 { "Approve" }
                (hidden(viewer, asked))
                (confirmations(asked))
                label { "Note (optional)" input name="reason" maxlength="4096"; }
                (approve_buttons(viewer, asked, "Approve exactly this"))
            }
            form #deny method="post" action={ "/reviews/" (action) } data-answer {
                h2 { "Deny" }
                (hidden(viewer, asked))
                fieldset.chips {
                    legend { "Why? The agent's side is told." }
                    @for chip in CHIPS { label { input type="radio" name="chip" value=(chip); (chip) } }
                }
                label { "In your words" input name="reason" maxlength="4096"; }
                button.deny name="verdict" value="deny" data-key="d" { "Deny" }
            }
        }
        details #edit {
            summary data-key="e" { "Change the payload, then approve" }
            form method="post" action={ "/reviews/" (action) "/edit" } {
                (csrf(viewer))
                (shown(asked))
                label for="edited" { "The payload as it should be" }
                div.numbered {
                    pre.numbers aria-hidden="true" data-numbers {}
                    textarea.json #edited name="payload" rows="16" wrap="off" spellcheck="false" autocomplete="off" data-json {
                        (pretty_json(&asked.presentation.payload))
                    }
                }
                @if let Some(schema) = asked.presentation.definition.as_ref().and_then(|tool| tool.get("inputSchema")) {
                    details { summary { "What the tool says it takes" } (json(schema, "The tool's schema")) }
                }
                p.quiet role="status" data-json-state {}
                button { "Look at the change" }
            }
        }
        script type="module" src=(assets::REVIEW.path()) {}
    }
}

/// Approve what was edited.
pub(crate) fn edit_form(viewer: &Viewer, asked: &Asked<'_>) -> Markup {
    let action = asked.presentation.review.action;
    html! {
        form #approve method="post" action={ "/reviews/" (action) } data-answer {
            (hidden(viewer, asked))
            (confirmations(asked))
            label { "Note (optional)" input name="reason" maxlength="4096"; }
            (approve_buttons(viewer, asked, "Approve the changed payload"))
        }
        script type="module" src=(assets::REVIEW.path()) {}
    }
}

fn approve_buttons(viewer: &Viewer, asked: &Asked<'_>, label: &str) -> Markup {
    let signed = asked.presentation.review.requirements.iter().any(|one| one.signature.is_some());
    let can_sign = viewer.caller.person.as_ref().is_some_and(|person| !person.passkeys.is_empty());
    html! {
        @if !signed { button.approve name="verdict" value="approve" data-key="a" { (label) } }
        @if can_sign {
            button.approve type="button" data-sign data-key=[signed.then_some("a")] { (label) " and sign with your passkey" }
        }
        @if signed && !can_sign {
            p.notice { "A rule asks for a signed approval. " a href="/account" { "Add a passkey to your account" } " first." }
        }
        p.notice role="alert" data-sign-problem hidden {}
    }
}

fn hidden(viewer: &Viewer, asked: &Asked<'_>) -> Markup {
    let review = &asked.presentation.review;
    html! {
        (csrf(viewer))
        input type="hidden" name="payload_digest" value=(review.payload_digest.to_string());
        (shown(asked))
        input type="hidden" name="active_ms" value="";
        @if let Some(edited) = asked.edited { input type="hidden" name="payload" value=(edited); }
        @for name in ["credential", "authenticator_data", "client_data", "signature"] {
            input type="hidden" name=(name) value="";
        }
        @if let Some(person) = &viewer.caller.person { (stand_ins(person)) }
    }
}

fn shown(asked: &Asked<'_>) -> Markup {
    let digest = asked.presentation.presentation_digest.map(|digest| digest.to_string()).unwrap_or_default();
    html! { input type="hidden" name="presentation_digest" value=(digest); }
}

fn stand_ins(person: &Person) -> Markup {
    html! {
        @if !person.stands_in_for.is_empty() {
            label { "With whose groups"
                select name="on_behalf_of" {
                    option value="" { "your own" }
                    @for absent in &person.stands_in_for { option value=(absent.person) { "those of " (absent.person) } }
                }
            }
        }
    }
}

fn confirmations(asked: &Asked<'_>) -> Markup {
    html! {
        @if asked.long && asked.edited.is_none() {
            label.check {
                input type="checkbox" name="expanded_all" value="1" required data-expanded;
                "I have unfolded the whole payload and looked at it"
            }
        } @else {
            input type="hidden" name="expanded_all" value="1";
        }
        @if let Some(confirmation) = &asked.confirm {
            label { "The risk is high. To approve, type the value of " (text(&confirmation.what)) ": "
                code { (text(&confirmation.expected)) }
                input name="confirm" required autocomplete="off" spellcheck="false"; }
        }
    }
}
