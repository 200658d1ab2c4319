//! Styles and scripts, compiled in. Their paths name the content of all of them, so that browsers may keep them and scripts
//! find each other.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign_evidence::digest::Digest;

/// A file that pages refer to.
pub(crate) struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: &'static str,
}

macro_rules! asset {
    ($name:literal, $media_type:literal) => {
        Asset { name: $name, media_type: $media_type, content: include_str!(concat!("../assets/", $name)) }
    };
}

/// How everything looks.
pub(crate) const STYLE: Asset = asset!("style.css", "text/css; charset=utf-8");
/// What every page runs.
pub(crate) const CONSOLE: Asset = asset!("console.js", "text/javascript; charset=utf-8");
/// The one connection by which all open pages follow the log.
pub(crate) const FOLLOW: Asset = asset!("follow.js", "text/javascript; charset=utf-8");
/// Signing in and signing with passkeys.
pub(crate) const PASSKEY: Asset = asset!("passkey.js", "text/javascript; charset=utf-8");
/// Answering a review.
pub(crate) const REVIEW: Asset = asset!("review.js", "text/javascript; charset=utf-8");
/// Checking evidence in the browser.
pub(crate) const VERIFY: Asset = asset!("verify.js", "text/javascript; charset=utf-8");

const ALL: [&Asset; 6] = [&STYLE, &CONSOLE, &FOLLOW, &PASSKEY, &REVIEW, &VERIFY];

static EDITION: LazyLock<String> = LazyLock::new(|| {
    let all: String = ALL.iter().map(|asset| asset.content).collect();
    Digest::of(all.as_bytes()).to_string().get(..12).unwrap_or_default().to_owned()
});

impl Asset {
    /// Where it lies: `/assets/<edition>/<name>`.
    pub(crate) fn path(&self) -> String {
        format!("/assets/{}/{}", *EDITION, self.name)
    }
}

/// A file by its name.
pub(crate) async fn asset(Path((edition, name)): Path<(String, String)>) -> Response {
    match ALL.into_iter().find(|asset| asset.name == name).filter(|_| edition == *EDITION) {
        Some(asset) => {
            let headers = [
                (header::CONTENT_TYPE, asset.media_type),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, asset.content).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
