//! Who looks at a page, and who posts a form.

use axum::RequestPartsExt;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign_gate::{Caller, GateError};
use countersign_http::{App, Asker, Failure, SignedIn};
use http_body_util::{BodyExt, Limited};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::layout;

/// Most bytes of a form. Percent-encoding makes three bytes of one.
const MOST_FORM: usize = 4 << 20;

/// Somebody who may look at pages; who has not signed in is sent to where one does.
pub(crate) struct Viewer {
    pub(crate) caller: Caller,
    /// What forms of this session hold; absent for bearer keys and the owner's socket, which use the API.
    pub(crate) csrf: Option<String>,
}

impl Viewer {
    /// The name at the top of the page.
    pub(crate) fn name(&self) -> &str {
        self.caller.person.as_ref().map_or("(no person)", |person| &person.name)
    }
}

impl FromRequestParts<App> for Viewer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        if let Ok(signed_in) = SignedIn::of(parts, app) {
            let csrf = Some(signed_in.csrf());
            let noted = countersign_http::note_view(&signed_in.caller, parts, app).await;
            noted.map_err(|failure| layout::failed(&failure))?;
            return Ok(Viewer { caller: signed_in.caller, csrf });
        }
        match parts.extract_with_state::<Asker, App>(app).await {
            Ok(Asker(caller)) => Ok(Viewer { caller, csrf: None }),
            Err(failure) if failure.problem().status == 401 => Err(to_sign_in(parts)),
            Err(failure) => Err(layout::failed(&failure)),
        }
    }
}

/// What stands in the URL of a page, read as the API reads it. What does not read is answered with a page.
pub(crate) struct InUrl<E>(pub(crate) E);

impl<E: FromRequestParts<App, Rejection = Failure>> FromRequestParts<App> for InUrl<E> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        E::from_request_parts(parts, app).await.map(InUrl).map_err(|failure| layout::failed(&failure))
    }
}

/// A form of ours that somebody who is signed in has posted.
pub(crate) struct Posted<T> {
    pub(crate) viewer: Viewer,
    pub(crate) form: T,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    csrf: String,
}

impl<T: DeserializeOwned> FromRequest<App> for Posted<T> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let signed_in = SignedIn::of(&parts, app).map_err(|_| to_sign_in(&parts))?;
        posted(&mut parts, app, signed_in, body).await.map_err(|failure| layout::failed(&failure))
    }
}

async fn posted<T: DeserializeOwned>(
    parts: &mut Parts,
    app: &App,
    signed_in: SignedIn,
    body: Body,
) -> Result<Posted<T>, Failure> {
    let bytes = read(body).await?;
    let token: Token = form(&bytes)?;
    signed_in.check_token(parts, app, &token.csrf)?;
    countersign_http::note_view(&signed_in.caller, parts, app).await?;
    let csrf = Some(signed_in.csrf());
    Ok(Posted { viewer: Viewer { caller: signed_in.caller, csrf }, form: form(&bytes)? })
}

/// A form of ours that somebody posted who is not signed in: from this site's own pages at least.
pub(crate) struct Anonymous<T> {
    pub(crate) form: T,
    /// Where it comes from.
    pub(crate) address: String,
}

impl<T: DeserializeOwned> FromRequest<App> for Anonymous<T> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        countersign_http::same_origin(&parts, app).map_err(|failure| layout::failed(&failure))?;
        let address = parts.extensions.get::<countersign_http::Address>();
        let address = address.map_or_else(|| "here".to_owned(), |address| address.0.to_string());
        let read = async { form(&read(body).await?) };
        let form = read.await.map_err(|failure| layout::failed(&failure))?;
        Ok(Anonymous { form, address })
    }
}

async fn read(body: Body) -> Result<Vec<u8>, Failure> {
    let too_large = |_| GateError::PayloadTooLarge { bytes: MOST_FORM + 1, limit: MOST_FORM };
    let read = Limited::new(body, MOST_FORM).collect().await.map_err(too_large);
    read.map(|collected| collected.to_bytes().to_vec()).map_err(Failure::from)
}

fn form<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let refused = |error: serde_urlencoded::de::Error| GateError::Invalid(format!("the form does not read: {error}"));
    serde_urlencoded::from_bytes(bytes).map_err(|error| refused(error).into())
}

fn to_sign_in(parts: &Parts) -> Response {
    let wanted = match parts.method.is_safe() {
        true => parts.uri.path_and_query().map_or("/", |wanted| wanted.as_str()),
        false => "/",
    };
    see_other(&format!("/sign-in?next={}", utf8_percent_encode(wanted, NON_ALPHANUMERIC)))
}

/// On to another page.
pub(crate) fn see_other(place: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// A place of ours to go on to; the start where the wish leads elsewhere. Browsers leave tabs and line ends out of a URL
/// before they read it (WHATWG URL, basic URL parser), so nothing of that kind is let through.
pub(crate) fn own_place(wish: &str) -> &str {
    let ours = wish.starts_with('/') && !wish.starts_with("//");
    let plain = !wish.contains(|one: char| one == '\\' || one.is_control() || one.is_whitespace());
    if ours && plain { wish } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::own_place;

    #[test]
    fn only_places_of_this_site() {
        for own in ["/", "/reviews?x=//a", "/actions?q=agent%3Ax"] {
            assert_eq!(own_place(own), own);
        }
        for other in [
            "",
            "x",
            "//evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/\\evil.example",
            "https://evil.example",
        ] {
            assert_eq!(own_place(other), "/", "{other:?}");
        }
    }
}
