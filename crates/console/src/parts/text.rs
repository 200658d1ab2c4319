//! Text from outside: escaped, with hidden characters made visible.

use countersign_evidence::visible::visible;
use maud::{Markup, html};

/// Untrusted text on one line. Direction is isolated, so that it cannot reorder what stands around it.
pub(crate) fn text(untrusted: &str) -> Markup {
    html! { bdi { (visible(untrusted)) } }
}
