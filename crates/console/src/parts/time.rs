use countersign_evidence::time::Timestamp;
use maud::{Markup, html};

/// A point in time: UTC as rendered, which a script may show as local time; hovering shows both.
pub(crate) fn time(at: Timestamp) -> Markup {
    let exact = at.to_string();
    let shown = exact.get(..19).map_or_else(|| exact.clone(), |short| short.replace('T', " "));
    html! { time datetime=(exact) title=(exact) { (shown) " UTC" } }
}

/// A point in time that is waited for: a script counts down.
pub(crate) fn until(at: Timestamp) -> Markup {
    html! { span.until data-until=(at) { "until " (time(at)) } }
}
