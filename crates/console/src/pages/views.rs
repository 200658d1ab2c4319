//! Views of the explorer that people keep.

use axum::extract::State;
use axum::response::Response;
use countersign_gate::SavedView;
use countersign_http::App;
use maud::{Markup, html};
use serde::Deserialize;
use uuid::Uuid;

use crate::layout::refused;
use crate::parts::form::csrf;
use crate::parts::text::{plain, text};
use crate::viewer::{Posted, Viewer, see_other};

/// The viewer's own, and how to keep this one.
pub(super) fn bar(viewer: &Viewer, views: &[SavedView], place: &str) -> Markup {
    html! {
        details.views open[!views.is_empty()] {
            summary { "Your views" }
            ul.plain.badges {
                @for view in views {
                    li {
                        a href={ "/actions?" (view.place) } aria-current=[(view.place == place).then_some("true")] { (text(&view.name)) }
                        form.inline method="post" action="/actions/views/remove" {
                            (csrf(viewer))
                            input type="hidden" name="view" value=(view.id);
                            button.link aria-label={ "Remove the view " (plain(&view.name)) } { "×" }
                        }
                    }
                }
            }
            form.inline method="post" action="/actions/views" {
                (csrf(viewer))
                input type="hidden" name="place" value=(place);
                label { "Keep this question and its columns as" input name="name" maxlength="80" required; }
                button.quiet { "Keep" }
            }
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Keeping {
    name: String,
    place: String,
}

/// Keeps a view.
pub(crate) async fn keep(State(app): State<App>, Posted { viewer, form }: Posted<Keeping>) -> Response {
    match app.gate().save_view(&viewer.caller, &form.name, &form.place).await {
        Ok(()) => see_other(&format!("/actions?{}", form.place)),
        Err(error) => refused(error),
    }
}

#[derive(Deserialize)]
pub(crate) struct Removing {
    view: Uuid,
}

/// Keeps it no longer.
pub(crate) async fn remove(State(app): State<App>, Posted { viewer, form }: Posted<Removing>) -> Response {
    match app.gate().remove_view(&viewer.caller, form.view) {
        Ok(()) => see_other("/actions"),
        Err(error) => refused(error),
    }
}
