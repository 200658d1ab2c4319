//! One property per parser that sees foreign bytes.
//!
//! Each function takes any bytes and panics where a property does not hold; bytes that are refused as they should be are
//! no failure. libFuzzer (`fuzz_targets/`) and the plain loop (`src/bin/smoke.rs`) call the same functions.

#![forbid(unsafe_code)]

mod evidence;
mod http;
mod json;
mod mcp;
mod policy;
mod published;
mod story;
mod tiles;
mod tlog;

pub use evidence::{disclosure, envelope, vault};
pub use http::http;
pub use json::json;
pub use mcp::mcp;
pub use policy::policy;
pub use story::story;
pub use tiles::{bundle, framed, packed, tile};
pub use tlog::{checkpoint, note, tlog_proof, trust_file};

/// A property under its name.
pub struct Target {
    /// As in `fuzz_targets/` and `corpus/`.
    pub name: &'static str,
    /// Panics where the property does not hold.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 15] = [
    Target { name: "json", run: json },
    Target { name: "envelope", run: envelope },
    Target { name: "disclosure", run: disclosure },
    Target { name: "vault", run: vault },
    Target { name: "note", run: note },
    Target { name: "checkpoint", run: checkpoint },
    Target { name: "tile", run: tile },
    Target { name: "bundle", run: bundle },
    Target { name: "packed", run: packed },
    Target { name: "tlog_proof", run: tlog_proof },
    Target { name: "trust_file", run: trust_file },
    Target { name: "policy", run: policy },
    Target { name: "story", run: story },
    Target { name: "mcp", run: mcp },
    Target { name: "http", run: http },
];
