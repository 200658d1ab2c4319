use super::NumberError;

/// Why bytes are not strict JSON. Each cause is its own variant, so that a caller can answer with a stable problem type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// More bytes than the limit allows.
    #[error("the JSON text has {bytes} bytes, over the limit of {limit}: send less, or raise the limit")]
    TooLarge {
        /// Length of the text.
        bytes: usize,
        /// The configured limit.
        limit: usize,
    },
    /// Nested deeper than the limit allows.
    #[error("the JSON text nests deeper than {limit} levels at byte {at}: flatten it")]
    TooDeep {
        /// Byte offset.
        at: usize,
        /// The configured limit.
        limit: usize,
    },
    /// An object names a member twice (RFC 8259 §4 leaves its meaning open, so two readers could differ).
    #[error("the member {name:?} appears twice in one object (byte {at}): name each member once")]
    DuplicateKey {
        /// The repeated name.
        name: String,
        /// Byte offset.
        at: usize,
    },
    /// A `\uD800`–`\uDFFF` escape without its partner: no Unicode text.
    #[error("a lone surrogate escape at byte {at}: escape the whole pair, or use UTF-8")]
    LoneSurrogate {
        /// Byte offset.
        at: usize,
    },
    /// The bytes are not UTF-8.
    #[error("invalid UTF-8 at byte {at}: JSON text is UTF-8 (RFC 8259 §8.1)")]
    InvalidUtf8 {
        /// Byte offset.
        at: usize,
    },
    /// A number that cannot be kept exactly within the limits.
    #[error("the number at byte {at} is refused: {source}")]
    Number {
        /// Byte offset.
        at: usize,
        /// What is wrong with it.
        source: NumberError,
    },
    /// Anything else that RFC 8259 does not allow.
    #[error("not JSON at byte {at}: {expected}")]
    Syntax {
        /// Byte offset.
        at: usize,
        /// What would have been right there.
        expected: &'static str,
    },
}

/// Why a Rust value and a [`super::Value`] do not convert into each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConvertError(pub(crate) String);

impl serde::ser::Error for ConvertError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        ConvertError(message.to_string())
    }
}

impl serde::de::Error for ConvertError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        ConvertError(message.to_string())
    }
}
