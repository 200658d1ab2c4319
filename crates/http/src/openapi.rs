//! The API's description, generated from the handlers and the wire types.

use countersign_wire::Problem;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use crate::route::Access;
use crate::router::route_table;
use crate::routes::*;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Countersign gate",
        description = "Decides on AI agents' side effects, and records every step. Bodies are strict JSON and unknown \
                       members are refused; numbers arrive and leave exactly. Every error is an RFC 9457 problem whose \
                       `type` is stable. Times are RFC 3339 in UTC, ids are UUIDs, lists are paged by log position. \
                       No answer, a bad answer or a time-out means no."
    ),
    paths(
        propose::propose, list_actions::list_actions, show_action::show_action, start::start, finish::finish,
        cancel::cancel, resolve_outcome::resolve_outcome, story::story, show_context::show_context, records::records, prove::prove, resolve::resolve, list_reviews::list_reviews,
        present::present, decide::decide, statement::statement, ask::ask, hand_over::hand_over, answer_question::answer_question, list_standing::list_standing, grant_standing::grant_standing, revoke_standing::revoke_standing, show_oversight::show_oversight, list_policies::list_policies, activate_policy::activate_policy, try_policy::try_policy,
        show_policy::show_policy, test_policy::test_policy, list_tools::list_tools, define_tools::define_tools, server_tools::server_tools, list_keys::list_keys, create_key::create_key, revoke_key::revoke_key,
        list_people::list_people, put_person::put_person, erase_person::erase_person, erase_subject::erase_subject,
        invite_person::invite_person, end_person::end_person, list_sessions::list_sessions,
        end_session::end_session, list_delegations::list_delegations, delegate::delegate,
        end_delegation::end_delegation, events::events, show_log::show_log,
        take_reports::take_spans, take_reports::take_events, checkpoint::checkpoint, tile::tile, show_openapi::show_openapi, show_problem::show_problem, healthz::healthz,
        readyz::readyz, show_metrics::show_metrics, evaluate::evaluate, evaluate_all::evaluate_all,
        request_access::request_access, show_access_request::show_access_request,
        cancel_access_request::cancel_access_request, show_jwks::show_jwks,
        authzen_configuration::authzen_configuration,
    ),
    components(schemas(Problem)),
    modifiers(&Everywhere),
    tags(
        (name = "actions", description = "The life of an action"),
        (name = "reviews", description = "What people decide"),
        (name = "policies", description = "What decides first"),
        (name = "access", description = "Keys, people, erasure"),
        (name = "authzen", description = "For enforcement points that speak AuthZEN"),
        (name = "log", description = "The published log"),
        (name = "reports", description = "What the agents' side reports; no evidence"),
        (name = "service", description = "The service itself"),
    )
)]
struct Description;

/// What holds for every route and is said once: problems, and the bearer key.
struct Everywhere;

const SCHEME: &str = "bearer";

impl Modify for Everywhere {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let components = description.components.get_or_insert_with(Components::new);
        components.add_security_scheme(SCHEME, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        for route in route_table() {
            let path = route.path.replace("{*", "{");
            let Some(item) = description.paths.paths.get_mut(&path) else { continue };
            let operation = if route.method == "POST" { item.post.as_mut() } else { item.get.as_mut() };
            if let Some(operation) = operation {
                say(operation, route.access);
            }
        }
    }
}

fn say(operation: &mut Operation, access: Access) {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = ResponseBuilder::new()
        .description("A problem; nothing was executed")
        .content("application/problem+json", problem)
        .build();
    operation.responses.responses.insert("default".to_owned(), response.into());
    if access == Access::Key {
        operation.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>(SCHEME, [])]);
    }
}

/// The OpenAPI description as JSON text, the same for every build of the same sources.
pub fn openapi() -> String {
    // The description consists of strings, which always serialize.
    let mut text = Description::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}
