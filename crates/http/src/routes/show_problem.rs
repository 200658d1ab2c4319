use countersign_gate::GateError;

use crate::answer::{Answer, bytes};
use crate::kinds;
use crate::params::Segment;

/// What a kind of problem means
#[utoipa::path(get, path = "/problems/{name}", tag = "service",
    params(("name" = String, Path, description = "The last part of a problem's `type`")),
    responses((status = 200, body = String, content_type = "text/plain", description = "An explanation")))]
pub(crate) async fn show_problem(Segment(name): Segment) -> Answer {
    let kind = kinds::by_name(&name).ok_or(GateError::NotFound("kind of problem"))?;
    let page = format!("{} (HTTP status {})\n\n{}\n", kind.name, kind.status, kind.meaning);
    Ok(bytes(page, "text/plain; charset=utf-8", "public, max-age=300"))
}
