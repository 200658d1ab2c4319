use axum::extract::State;
use countersign_gate::GateError;
use countersign_tlog::Tile;

use crate::answer::{Answer, bytes};
use crate::app::App;
use crate::params::Segment;

/// A tile of the published log
///
/// C2SP tlog-tiles: `<level>/<index>[.p/<width>]` for hashes, `entries/<index>[.p/<width>]` for records, whose leaves hold
/// commitments and no content. A partial tile may be gone once the full one exists.
#[utoipa::path(get, path = "/log/tile/{path}", tag = "log",
    params(("path" = String, Path, description = "The tile's coordinates; may contain slashes")),
    responses((status = 200, body = String, content_type = "application/octet-stream", description = "The tile")))]
pub(crate) async fn tile(State(app): State<App>, Segment(path): Segment) -> Answer {
    let absent = GateError::NotFound("tile");
    let Ok(tile) = Tile::from_path(&format!("tile/{path}")) else { return Err(absent.into()) };
    let found = app.store().tile(tile).await.map_err(|error| GateError::Broken(error.to_string()))?;
    let cache = if tile.is_partial() { "public, max-age=60" } else { "public, max-age=31536000, immutable" };
    Ok(bytes(found.ok_or(absent)?, "application/octet-stream", cache))
}
