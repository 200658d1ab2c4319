//! All pages on one screen.

use countersign_http::{App, Entry, RouteInfo, get, mount};

use crate::assets;
use crate::pages::*;

#[rustfmt::skip]
fn entries() -> Vec<Entry> {
    vec![
        get ("/", home::home),
        get ("/reviews", queue::queue),
        get ("/assets/{name}", assets::asset).public(),
    ]
}

/// The pages as a service, to be merged with the API's router.
pub fn router(app: &App) -> axum::Router {
    mount(axum::Router::new(), entries(), app).with_state(app.clone())
}

/// What the router knows, for whoever wants to walk it.
pub fn page_table() -> Vec<RouteInfo> {
    entries().iter().map(|entry| entry.info().clone()).collect()
}
