//! All pages on one screen.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use countersign_http::{App, Entry, RouteInfo, get, mount, post};

use crate::assets;
use crate::console::{Console, Surroundings};
use crate::layout;
use crate::pages::*;

#[rustfmt::skip]
fn entries() -> Vec<Entry> {
    vec![
        get ("/", home::home),
        get ("/sign-in", sign_in::sign_in).public().query(),
        post("/sign-in", sign_in::by_password).public(),
        post("/sign-in/passkey/begin", sign_in::begin_passkey).public(),
        post("/sign-in/passkey", sign_in::by_passkey).public(),
        get ("/sign-in/account", account_sign_in::begin).public().query(),
        get ("/sign-in/account/back", account_sign_in::back).public().query(),
        get ("/confirm", confirm::confirm).query(),
        post("/confirm", confirm::by_password),
        post("/confirm/passkey/begin", confirm::begin_passkey),
        post("/confirm/passkey", confirm::by_passkey),
        post("/sign-out", sign_in::sign_out),
        get ("/invitation/{token}", invitation::invitation).public(),
        post("/invitation/{token}", invitation::by_password).public(),
        post("/invitation/{token}/passkey/begin", invitation::begin_passkey).public(),
        post("/invitation/{token}/passkey", invitation::by_passkey).public(),
        get ("/account", account::account),
        post("/account/password", account::set_password),
        post("/account/passkey/begin", account::begin_passkey),
        post("/account/passkey", account::add_passkey),
        post("/account/credentials/remove", account::remove_credential),
        post("/account/sessions/end", account::end_session),
        post("/account/delegations", account::delegate),
        post("/account/delegations/end", account::end_delegation),
        get ("/reviews", queue::queue),
        get ("/reviews/next", next::next).query(),
        get ("/reviews/{action}", review::review),
        post("/reviews/{action}", review::decide),
        post("/reviews/{action}/edit", review::edit),
        get ("/reviews/{action}/identical", identical::identical),
        post("/reviews/{action}/identical", identical::approve),
        post("/reviews/{action}/ask", talk::ask),
        post("/reviews/{action}/hand-over", talk::hand_over),
        post("/reviews/{action}/standing", standing::grant),
        get ("/standing", standing::standing),
        post("/standing/revoke", standing::revoke),
        get ("/actions", actions::actions).query(),
        post("/actions/views", views::keep),
        post("/actions/views/remove", views::remove),
        get ("/actions/export", export::export).query(),
        get ("/actions/{action}", action::action),
        post("/actions/{action}/resolve", settle::settle),
        get ("/session", session::session).query(),
        get ("/resolve", actions::resolve).query(),
        get ("/oversight", oversight::oversight).query(),
        get ("/policies", policies::policies),
        get ("/policies/try", try_policy::look),
        post("/policies/try", try_policy::answer),
        get ("/policies/{version}", policies::policy).query(),
        get ("/policies/{version}/tests", policies::tests),
        get ("/log", log::log),
        get ("/settings", settings::settings),
        post("/settings/keys", settings::create_key),
        post("/settings/keys/revoke", settings::revoke_key),
        get ("/people", people::people),
        post("/people", people::put),
        post("/people/invite", people::invite),
        post("/people/end", people::end),
        get ("/assets/{edition}/{name}", assets::asset).public(),
    ]
}

/// The pages as a service, to be merged with the API's router.
pub fn router(app: &App, around: Surroundings) -> axum::Router {
    mount(axum::Router::new(), entries(), app).layer(Extension(Console::new(app, around))).with_state(app.clone())
}

/// API and pages as one service. Who asks for a page that is not there is answered with a page.
pub fn site(app: &App, around: Surroundings) -> axum::Router {
    let asked = app.clone();
    let nothing_there = move |uri, headers| nothing_there(asked.clone(), uri, headers);
    countersign_http::router(app).merge(router(app, around)).fallback(nothing_there)
}

async fn nothing_there(app: App, uri: Uri, headers: HeaderMap) -> Response {
    let failure = countersign_http::no_such_route(State(app), uri).await;
    let accepts = headers.get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok());
    match accepts.is_some_and(|accepts| accepts.contains("text/html")) {
        true => layout::failed(&failure),
        false => failure.into_response(),
    }
}

/// What the router knows, for whoever wants to walk it.
pub fn page_table() -> Vec<RouteInfo> {
    entries().iter().map(|entry| entry.info().clone()).collect()
}
