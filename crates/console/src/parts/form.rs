use countersign_evidence::time::Timestamp;
use countersign_gate::GateError;
use maud::{Markup, html};

use crate::viewer::Viewer;

/// What every form holds, so that no other site can post it.
pub(crate) fn csrf(viewer: &Viewer) -> Markup {
    html! { input type="hidden" name="csrf" value=(viewer.csrf.as_deref().unwrap_or_default()); }
}

/// The end of a day, as a date field hands it in.
pub(crate) fn end_of(day: &str) -> Result<Timestamp, GateError> {
    let end = format!("{day}T23:59:59.000000Z").parse();
    end.map_err(|_| GateError::Invalid("until: give a day as YYYY-MM-DD".to_owned()))
}
