//! All routes on one screen.

use axum::extract::State;
use axum::http::{Method, Uri};

use crate::app::App;
use crate::kinds;
use crate::problem::Failure;
use crate::route::{Entry, RouteInfo, get, post};
use crate::routes::*;

#[rustfmt::skip]
fn entries() -> Vec<Entry> {
    vec![
        post("/v1/actions", propose::propose),
        get ("/v1/actions", list_actions::list_actions).query(),
        get ("/v1/actions/{action}", show_action::show_action).query(),
        post("/v1/actions/{action}/start", start::start),
        post("/v1/actions/{action}/finish", finish::finish),
        post("/v1/actions/{action}/cancel", cancel::cancel),
        post("/v1/actions/{action}/answer", answer_question::answer_question),
        post("/v1/actions/{action}/resolve", resolve_outcome::resolve_outcome),
        get ("/v1/actions/{action}/story", story::story),
        get ("/v1/actions/{action}/records", records::records),
        get ("/v1/actions/{action}/context", show_context::show_context),
        get ("/v1/records/{position}/proof", prove::prove),
        get ("/v1/resolve/{id}", resolve::resolve),
        get ("/v1/reviews", list_reviews::list_reviews),
        get ("/v1/reviews/{action}", present::present),
        post("/v1/reviews/{action}/decide", decide::decide),
        post("/v1/reviews/{action}/ask", ask::ask),
        post("/v1/reviews/{action}/hand-over", hand_over::hand_over),
        post("/v1/reviews/{action}/statement", statement::statement).asks(),
        get ("/v1/standing", list_standing::list_standing),
        post("/v1/standing", grant_standing::grant_standing),
        post("/v1/standing/{standing}/revoke", revoke_standing::revoke_standing),
        get ("/v1/oversight", show_oversight::show_oversight).query(),
        get ("/v1/policies", list_policies::list_policies),
        post("/v1/policies", activate_policy::activate_policy),
        post("/v1/policies/try", try_policy::try_policy).asks(),
        get ("/v1/policies/{version}", show_policy::show_policy),
        get ("/v1/policies/{version}/tests", test_policy::test_policy),
        post("/v1/tools", define_tools::define_tools),
        get ("/v1/tools", list_tools::list_tools),
        get ("/v1/tools/{server}", server_tools::server_tools),
        get ("/v1/keys", list_keys::list_keys),
        post("/v1/keys", create_key::create_key),
        post("/v1/keys/{key}/revoke", revoke_key::revoke_key),
        get ("/v1/people", list_people::list_people),
        post("/v1/people", put_person::put_person),
        post("/v1/people/erase", erase_person::erase_person),
        post("/v1/people/{person}/invite", invite_person::invite_person),
        post("/v1/people/{person}/end", end_person::end_person),
        get ("/v1/sessions", list_sessions::list_sessions),
        post("/v1/sessions/{session}/end", end_session::end_session),
        get ("/v1/delegations", list_delegations::list_delegations),
        post("/v1/delegations", delegate::delegate),
        post("/v1/delegations/{delegation}/end", end_delegation::end_delegation),
        post("/v1/subjects/erase", erase_subject::erase_subject),
        get ("/v1/events", events::events).query(),
        get ("/v1/log", show_log::show_log),
        post("/access/v1/evaluation", evaluate::evaluate),
        post("/access/v1/evaluations", evaluate_all::evaluate_all),
        post("/access/v1/requests", request_access::request_access),
        get ("/access/v1/requests/{task}", show_access_request::show_access_request),
        post("/access/v1/requests/{task}/cancel", cancel_access_request::cancel_access_request),
        get ("/access/v1/jwks", show_jwks::show_jwks).public(),
        get ("/.well-known/authzen-configuration", authzen_configuration::authzen_configuration).public(),
        post("/otlp/v1/traces", take_reports::take_spans).unrecorded(),
        post("/otlp/v1/logs", take_reports::take_events).unrecorded(),
        get ("/log/checkpoint", checkpoint::checkpoint).public(),
        get ("/log/tile/{*path}", tile::tile).public(),
        get ("/openapi.json", show_openapi::show_openapi).public(),
        get ("/problems/{name}", show_problem::show_problem).public(),
        get ("/healthz", healthz::healthz).public(),
        get ("/readyz", readyz::readyz).public(),
        get ("/metrics", show_metrics::show_metrics).host(),
    ]
}

/// The API as a service. Each request should carry a [`crate::Peer`] extension; without one it counts as remote.
pub fn router(app: &App) -> axum::Router {
    mount(axum::Router::new(), entries(), app)
        .fallback(no_such_route)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app.clone())
}

/// Adds rows of a table to a router, each with the step around it.
pub fn mount(mut router: axum::Router<App>, entries: Vec<Entry>, app: &App) -> axum::Router<App> {
    for entry in entries {
        let (path, handler) = entry.measured(app);
        router = router.route(path, handler);
    }
    router
}

/// What the router knows, for whoever wants to walk it.
pub fn route_table() -> Vec<RouteInfo> {
    entries().into_iter().map(|entry| entry.info).collect()
}

/// What is answered where no route has the path.
pub async fn no_such_route(State(app): State<App>, uri: Uri) -> Failure {
    app.metrics().route(&Method::GET, "none").answered(kinds::NO_SUCH_ROUTE.status, 0);
    Failure::new(kinds::NO_SUCH_ROUTE, format!("there is no route {}: see /openapi.json", uri.path()))
}

async fn method_not_allowed(State(app): State<App>, method: Method, uri: Uri) -> Failure {
    app.metrics().route(&Method::GET, "none").answered(kinds::METHOD_NOT_ALLOWED.status, 0);
    Failure::new(kinds::METHOD_NOT_ALLOWED, format!("{} has no method {method}", uri.path()))
}
