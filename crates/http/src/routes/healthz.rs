use crate::answer::{Answer, text};

/// Whether the process answers
#[utoipa::path(get, path = "/healthz", tag = "service",
    responses((status = 200, body = String, content_type = "text/plain", description = "It does")))]
pub(crate) async fn healthz() -> Answer {
    Ok(text("ok\n"))
}
