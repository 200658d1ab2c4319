//! The frame around every page, and the headers that keep it safe.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign_evidence::record::Role;
use countersign_http::Failure;
use maud::{DOCTYPE, Markup, html};

use crate::assets;
use crate::parts::form::csrf;
use crate::parts::text::text;
use crate::viewer::Viewer;

/// Nothing but our own files: no inline script or style, no frame around the page, no form to elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The places at the top: path, name, and the role that it takes.
const PLACES: [(&str, &str, Option<Role>); 7] = [
    ("/reviews", "Reviews", None),
    ("/actions", "Actions", None),
    ("/oversight", "Oversight", None),
    ("/policies", "Policies", None),
    ("/log", "Log", None),
    ("/people", "People", Some(Role::Admin)),
    ("/settings", "Settings", Some(Role::Admin)),
];

/// A page to be shown.
pub(crate) struct Page<'a> {
    /// What it is called.
    pub(crate) title: &'a str,
    /// Its place in the navigation, as a path.
    pub(crate) place: &'a str,
    /// Who looks; nobody who is known on the pages before signing in.
    pub(crate) viewer: Option<&'a Viewer>,
    /// Its content.
    pub(crate) content: Markup,
}

impl Page<'_> {
    fn markup(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Countersign" }
                    link rel="stylesheet" href=(assets::STYLE.path());
                    link rel="icon" href="data:,";
                    script type="module" src=(assets::CONSOLE.path()) {}
                }
                body {
                    a.skip href="#content" { "Skip to the content" }
                    header.top {
                        a.brand href="/" { "Countersign" }
                        @if let Some(viewer) = self.viewer { (self.places(viewer)) }
                    }
                    main #content tabindex="-1" { (self.content) }
                }
            }
        }
    }

    fn places(&self, viewer: &Viewer) -> Markup {
        let shown = PLACES.iter().filter(|(_, _, role)| role.is_none_or(|role| viewer.caller.has(role)));
        html! {
            nav aria-label="Main" {
                @for (path, name, _) in shown {
                    a href=(path) aria-current=[(*path == self.place).then_some("page")] { (name) }
                }
            }
            div.who {
                button.link type="button" data-times hidden { "UTC" }
                @if viewer.csrf.is_some() {
                    a href="/account" aria-current=[("/account" == self.place).then_some("page")] { (text(viewer.name())) }
                    form method="post" action="/sign-out" { (csrf(viewer)) button.link { "Sign out" } }
                }
            }
        }
    }
}

impl IntoResponse for Page<'_> {
    fn into_response(self) -> Response {
        shown(StatusCode::OK, &self)
    }
}

/// A page with another status than 200.
pub(crate) fn shown(status: StatusCode, page: &Page<'_>) -> Response {
    let mut response = (status, page.markup().into_string()).into_response();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, "text/html; charset=utf-8");
    set(header::CACHE_CONTROL, "no-store");
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    response
}

/// The page that says what went wrong, in the words of the API.
pub(crate) fn failed(failure: &Failure) -> Response {
    let problem = failure.problem();
    let mut title = problem.title.clone();
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let content = html! {
        h1 { (title) }
        p.notice role="alert" { (text(&problem.detail)) }
        p { a href="/" { "Back to the start" } }
    };
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    shown(status, &Page { title: &title, place: "", viewer: None, content })
}

/// As [`failed`], for what the gate says.
pub(crate) fn refused(error: impl Into<Failure>) -> Response {
    failed(&error.into())
}
