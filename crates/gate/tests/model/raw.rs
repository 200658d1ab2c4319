//! Envelopes as raw JSON: no type of the code under test reads them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// One record as it stands in the log.
pub struct Raw {
    pub position: u64,
    pub json: Value,
    pub leaf: String,
    pub time: i64,
}

pub type Check = Result<(), String>;

/// Nothing, or what is wrong.
pub fn check(holds: bool, what: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(what()) }
}

/// Microseconds of an RFC 3339 time.
pub fn micros(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_microsecond()
}

impl Raw {
    pub fn read(position: usize, text: &str) -> Raw {
        let json: Value = serde_json::from_str(text).unwrap();
        let leaf = URL_SAFE_NO_PAD.encode(Sha256::new().chain_update([0]).chain_update(text).finalize());
        let time = micros(json["time"].as_str().unwrap());
        Raw { position: position as u64, json, leaf, time }
    }

    pub fn kind(&self) -> &str {
        self.json["type"].as_str().unwrap()
    }

    pub fn body(&self, name: &str) -> &Value {
        &self.json["body"][name]
    }

    pub fn text(&self, name: &str) -> &str {
        self.body(name).as_str().unwrap_or_default()
    }

    pub fn at(&self, name: &str) -> i64 {
        micros(self.text(name))
    }

    pub fn sealed(&self, name: &str) -> Option<&str> {
        self.json["sealed"][name].as_str()
    }

    pub fn action(&self) -> Option<&str> {
        self.json["action"].as_str()
    }

    pub fn actor(&self) -> (&str, &str) {
        let actor = &self.json["actor"];
        (actor["type"].as_str().unwrap(), actor["id"].as_str().unwrap())
    }
}
