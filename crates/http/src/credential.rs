//! What a gateway shows to the service behind it, in a header.

use axum::http::{HeaderName, HeaderValue};

/// Why a credential is none that a header can carry. The secret is in neither message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The header has no such name.
    #[error("{0:?} is no header")]
    Name(String),
    /// Characters that no header takes.
    #[error("the credential is no header value")]
    Value,
}

/// The header `name` with `prefix` and `secret`, which no debug output shows.
///
/// # Errors
/// Name or value are of no header.
pub fn credential(name: &str, prefix: &str, secret: &str) -> Result<(HeaderName, HeaderValue), CredentialError> {
    let header = name.to_ascii_lowercase().parse().map_err(|_| CredentialError::Name(name.to_owned()))?;
    let mut value = HeaderValue::from_str(&format!("{prefix}{secret}")).map_err(|_| CredentialError::Value)?;
    value.set_sensitive(true);
    Ok((header, value))
}
