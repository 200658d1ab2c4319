//! Styles and scripts, compiled in. Their paths name the content of all of them, so that browsers may keep them and scripts
//! find each other. The verifier is that of the TypeScript SDK, file by file as it stands there.

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

const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! asset {
    ($name:literal, $media_type:expr) => {
        Asset { name: $name, media_type: $media_type, content: include_str!(concat!("../assets/", $name)) }
    };
}

macro_rules! verifier {
    ($($name:literal),*) => {
        [$(Asset {
            name: $name,
            media_type: SCRIPT,
            content: include_str!(concat!("../../../sdk/typescript/src/verify/", $name)),
        }),*]
    };
}

/// How everything looks.
pub(crate) const STYLE: Asset = asset!("style.css", "text/css; charset=utf-8");
/// What every page runs.
pub(crate) const CONSOLE: Asset = asset!("console.js", SCRIPT);
/// The one connection by which all open pages follow the log.
pub(crate) const FOLLOW: Asset = asset!("follow.js", SCRIPT);
/// Signing in and signing with passkeys.
pub(crate) const PASSKEY: Asset = asset!("passkey.js", SCRIPT);
/// Answering a review.
pub(crate) const REVIEW: Asset = asset!("review.js", SCRIPT);
/// Checking evidence in the browser: the button.
pub(crate) const CHECK: Asset = asset!("check.js", SCRIPT);
/// What it checks with.
const VERIFIER: [Asset; 10] = verifier!(
    "bytes.js",
    "envelope.js",
    "json.js",
    "lifecycle.js",
    "log.js",
    "report.js",
    "sealing.js",
    "signature.js",
    "trust.js",
    "verify.js"
);

const OWN: [Asset; 6] = [STYLE, CONSOLE, FOLLOW, PASSKEY, REVIEW, CHECK];

fn all() -> impl Iterator<Item = &'static Asset> {
    OWN.iter().chain(&VERIFIER)
}

static EDITION: LazyLock<String> = LazyLock::new(|| {
    let all: String = all().map(|asset| asset.content).collect();
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
    match all().find(|asset| asset.name == name).filter(|_| edition == *EDITION) {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What a script imports, by name.
    fn imports(content: &str) -> impl Iterator<Item = &str> {
        content.split("from \"./").skip(1).filter_map(|rest| rest.split('"').next())
    }

    #[test]
    fn scripts_find_what_they_import_and_names_are_unique() {
        let names: BTreeSet<&str> = all().map(|asset| asset.name).collect();
        assert_eq!(names.len(), all().count());
        let imported: Vec<&str> = all().flat_map(|asset| imports(asset.content)).collect();
        assert!(imported.contains(&"verify.js"));
        for name in imported {
            assert!(names.contains(name), "{name} is not served");
        }
    }
}
