use maud::{Markup, html};

use crate::viewer::Viewer;

/// What every form holds, so that no other site can post it.
pub(crate) fn csrf(viewer: &Viewer) -> Markup {
    html! { input type="hidden" name="csrf" value=(viewer.csrf.as_deref().unwrap_or_default()); }
}
