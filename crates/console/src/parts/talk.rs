//! Forms beside the answer: a question to the agent's side, and handing a review over.

use countersign_wire::{PersonView, Presentation};
use maud::{Markup, html};

use super::form::csrf;
use super::text::text;
use crate::viewer::Viewer;

/// Ask, or hand over to one of `others`.
pub(crate) fn forms(viewer: &Viewer, presentation: &Presentation, others: &[PersonView]) -> Markup {
    let action = presentation.review.action;
    html! {
        details {
            summary data-key="q" { "Ask the agent's side first" }
            form method="post" action={ "/reviews/" (action) "/ask" } {
                (csrf(viewer))
                label { "Your question. The time of the review goes on."
                    input name="question" required maxlength="4096"; }
                button { "Ask" }
            }
        }
        @if !others.is_empty() {
            details {
                summary data-key="h" { "Hand it over" }
                form method="post" action={ "/reviews/" (action) "/hand-over" } {
                    (csrf(viewer))
                    label { "To somebody who may decide it too"
                        select name="to" {
                            @for person in others { option value=(person.person) { (text(&person.name)) } }
                        } }
                    label { "Note (optional)" input name="note" maxlength="4096"; }
                    button { "Hand over" }
                }
            }
        }
    }
}
