//! From the bytes of an export request to reports.

mod draft;
mod json;
mod protobuf;
#[cfg(test)]
mod tests;
mod wire;

use countersign_evidence::json::{Limits, parse};
use countersign_index::runtime::Report;

pub use draft::Kept;

use crate::answer::{Encoding, Signal};
use draft::Draft;

/// Most spans or events that are taken from one request.
pub const MOST_REPORTS: usize = 4_096;
/// Deepest nesting of JSON.
const DEPTH: usize = 64;

/// Why a request does not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the body is no OTLP export request: {0}")]
pub struct ReadError(String);

/// What a request brings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// What can be kept.
    pub reports: Vec<Report>,
    /// How many were left out: over the limit, or without the ids that a report needs.
    pub left_out: usize,
}

impl Batch {
    fn add(&mut self, draft: Draft) {
        match draft.finish().filter(|_| self.reports.len() < MOST_REPORTS) {
            Some(report) => self.reports.push(report),
            None => self.left_out += 1,
        }
    }
}

/// Reads an export request.
///
/// # Errors
/// [`ReadError`]: nothing of it is to be kept.
pub fn read(signal: Signal, encoding: Encoding, bytes: &[u8], kept: Kept) -> Result<Batch, ReadError> {
    match encoding {
        Encoding::Protobuf => {
            protobuf::read(signal, bytes, kept).map_err(|wire::Malformed(why)| ReadError(why.to_owned()))
        }
        Encoding::Json => {
            let message = parse(bytes, Limits { bytes: bytes.len(), depth: DEPTH });
            let message = message.map_err(|error| ReadError(error.to_string()))?;
            json::read(signal, &message, kept).map_err(|json::Misshapen(why)| ReadError(why.to_owned()))
        }
    }
}
