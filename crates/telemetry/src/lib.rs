//! OpenTelemetry's protocol (OTLP over HTTP), in and out: bytes in, reports out; actions in, bytes out. No I/O.
//!
//! | to do this | start at |
//! |---|---|
//! | read what agents report (protobuf and JSON) | [`inflate`], [`read`], [`Kept`] |
//! | answer it | [`Encoding::taken`], [`Encoding::refused`] |
//! | write a span for each action that ended | [`spans_of`] |
//!
//! What comes in is read field by field and never as a whole: an empty span takes two bytes on the wire and some hundred in
//! memory, so a message of a few megabytes could otherwise fill it.

mod answer;
mod inflate;
mod read;
mod write;

pub use answer::{Encoding, Signal, rejected};
pub use inflate::{InflateError, inflate};
pub use read::{Batch, Kept, MOST_REPORTS, ReadError, read};
pub use write::spans_of;
