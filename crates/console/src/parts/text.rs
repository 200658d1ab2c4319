//! Text from outside: escaped, with hidden characters made visible.

use countersign_evidence::visible::{visible, visible_lines};
use maud::{Markup, html};

/// Untrusted text on one line. Direction is isolated, so that it cannot reorder what stands around it.
pub(crate) fn text(untrusted: &str) -> Markup {
    html! { bdi { (visible(untrusted)) } }
}

/// Untrusted text for an attribute that is read out, such as `aria-label`.
pub(crate) fn plain(untrusted: &str) -> String {
    visible(untrusted)
}

/// Untrusted text with its lines.
pub(crate) fn lines(untrusted: &str) -> Markup {
    html! { bdi.lines { (visible_lines(untrusted)) } }
}

/// Letters of another script that look like Latin ones, in a text that is Latin otherwise: a warning beside it.
pub(crate) fn lookalikes(untrusted: &str) -> Markup {
    let latin = untrusted.chars().any(|one| one.is_ascii_alphabetic());
    let other: String = untrusted.chars().filter(|one| is_lookalike(*one)).take(5).collect();
    html! {
        @if latin && !other.is_empty() {
            span.badge.warn title="Letters of another alphabet that look like Latin ones" {
                "mixed alphabets: "
                @for one in other.chars() { "U+" (format!("{:04X}", u32::from(one))) " " }
            }
        }
    }
}

/// Greek, Cyrillic, Armenian, Cherokee and full-width letters: the alphabets that Unicode's list of confusables takes most
/// of its Latin lookalikes from (UTS #39).
fn is_lookalike(one: char) -> bool {
    matches!(u32::from(one), 0x0370..=0x03FF | 0x0400..=0x052F | 0x0531..=0x0587 | 0x13A0..=0x13FF | 0xFF21..=0xFF5A)
        && one.is_alphabetic()
}
