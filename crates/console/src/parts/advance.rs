//! The form by which a reviewer approves in advance what is like the action at hand.

use countersign_gate::HIGH_RISK;
use countersign_wire::Presentation;
use maud::{Markup, html};

use super::form::csrf;
use super::text::text;
use crate::viewer::Viewer;

const HOUR_S: u64 = 3_600;

/// Nothing where no rule takes it of this reviewer.
pub(crate) fn form(viewer: &Viewer, presentation: &Presentation) -> Markup {
    let review = &presentation.review;
    let groups = viewer.caller.person.as_ref().map(|person| person.groups.as_slice()).unwrap_or_default();
    let asks_me = review.requirements.iter().filter(|one| one.groups.iter().any(|group| groups.contains(group)));
    let most_hours = asks_me.filter_map(|one| one.standing_s).max().unwrap_or_default() / HOUR_S;
    if most_hours == 0 || review.risk >= HIGH_RISK {
        return html! {};
    }
    html! {
        details {
            summary { "Approve the like of it in advance" }
            form method="post" action={ "/reviews/" (review.action) "/standing" } {
                (csrf(viewer))
                input type="hidden" name="payload_digest" value=(review.payload_digest.to_string());
                p { "What " (text(&review.agent)) " does with " (text(&review.tool)) " in " (text(&review.environment))
                    " from now on gets your approval without a look, so often and so long. This one is still yours to decide. "
                    a href="/standing" { "What is approved in advance" } }
                label { "How often" input name="uses" type="number" min="1" max="1000" value="5" required; }
                label { "For how many hours, at most " (most_hours)
                    input name="hours" type="number" min="1" max=(most_hours) value=(most_hours.min(8)) required; }
                fieldset.chips {
                    legend { "With which payload" }
                    label { input type="radio" name="any_payload" value="" checked; "exactly this one" }
                    label { input type="radio" name="any_payload" value="1"; "any" }
                }
                label { "Why" input name="reason" maxlength="4096" required; }
                button { "Approve in advance" }
            }
        }
    }
}
