use std::sync::LazyLock;

use crate::answer::{Answer, bytes};
use crate::openapi::openapi;

static TEXT: LazyLock<String> = LazyLock::new(openapi);

/// This description
#[utoipa::path(get, path = "/openapi.json", tag = "service",
    responses((status = 200, body = Object, description = "OpenAPI 3.1")))]
pub(crate) async fn show_openapi() -> Answer {
    Ok(bytes(TEXT.as_str(), "application/json", "public, max-age=300"))
}
