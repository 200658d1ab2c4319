//! Styles and scripts, compiled in. Their paths name their content, so that browsers may keep them.

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

const ALL: [&Asset; 2] = [&STYLE, &CONSOLE];

impl Asset {
    /// Where it lies: `/assets/<digest>-<name>`.
    pub(crate) fn path(&self) -> String {
        format!("/assets/{}", self.file())
    }

    fn file(&self) -> String {
        let digest = Digest::of(self.content.as_bytes()).to_string();
        format!("{}-{}", digest.get(..12).unwrap_or_default(), self.name)
    }
}

/// A file by its name.
pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    match ALL.into_iter().find(|asset| asset.file() == name) {
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
