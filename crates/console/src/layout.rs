//! The frame around every page, and the headers that keep it safe.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign_http::Failure;
use maud::{DOCTYPE, Markup, html};

use crate::assets;
use crate::parts::text::text;

/// Nothing but our own files: no inline script or style, no frame around the page, no form to elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The places that everybody finds at the top.
const PLACES: [(&str, &str); 1] = [("/reviews", "Reviews")];

/// A page to be shown.
pub(crate) struct Page<'a> {
    /// What it is called.
    pub(crate) title: &'a str,
    /// Its place in the navigation, as a path.
    pub(crate) place: &'a str,
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
                        nav aria-label="Main" {
                            @for (path, name) in PLACES {
                                a href=(path) aria-current=[(path == self.place).then_some("page")] { (name) }
                            }
                        }
                    }
                    main #content { (self.content) }
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

fn shown(status: StatusCode, page: &Page<'_>) -> Response {
    let mut response = (status, page.markup().into_string()).into_response();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, "text/html; charset=utf-8");
    set(header::CACHE_CONTROL, "no-store");
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    response
}

/// The page that says what went wrong, in the words of the API.
pub(crate) fn failed(failure: &Failure) -> Response {
    let problem = failure.problem();
    let content = html! {
        h1 { (problem.title) }
        p { (text(&problem.detail)) }
        p { a href="/" { "Back to the start" } }
    };
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    shown(status, &Page { title: &problem.title, place: "", content })
}
