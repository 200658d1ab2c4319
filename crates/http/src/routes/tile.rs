use axum::extract::State;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
use axum::http::{HeaderMap, HeaderValue};
use countersign_gate::GateError;
use countersign_tlog::Tile;

use crate::answer::{Answer, bytes};
use crate::app::App;
use crate::params::Segment;

/// A tile of the published log
///
/// C2SP tlog-tiles: `<level>/<index>[.p/<width>]` for hashes, `entries/<index>[.p/<width>]` for records, whose leaves hold
/// commitments and no content. A partial tile may be gone once the full one exists. Full bundles of records come in gzip to
/// whoever accepts it.
#[utoipa::path(get, path = "/log/tile/{path}", tag = "log",
    params(("path" = String, Path, description = "The tile's coordinates; may contain slashes")),
    responses((status = 200, body = String, content_type = "application/octet-stream", description = "The tile")))]
pub(crate) async fn tile(State(app): State<App>, Segment(path): Segment, headers: HeaderMap) -> Answer {
    let absent = GateError::NotFound("tile");
    let broken = |error: countersign_journal::Error| GateError::Broken(error.to_string());
    let Ok(tile) = Tile::from_path(&format!("tile/{path}")) else { return Err(absent.into()) };
    let cache = if tile.is_partial() { "public, max-age=60" } else { "public, max-age=31536000, immutable" };
    let packed = match accepts_gzip(&headers) {
        true => app.store().packed(tile).await.map_err(broken)?,
        false => None,
    };
    let is_packed = packed.is_some();
    let found = match packed {
        Some(packed) => packed,
        None => app.store().tile(tile).await.map_err(broken)?.ok_or(absent)?,
    };
    let mut answer = bytes(found, "application/octet-stream", cache);
    if is_packed {
        answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if tile.packed_path().is_some() {
        answer.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    Ok(answer)
}

/// RFC 9110, section 12.5.3: gzip is named, and not with a weight of 0.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let listed = headers.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    listed.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().to_ascii_lowercase();
        let refused = weight.strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok()) == Some(0.0);
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}
