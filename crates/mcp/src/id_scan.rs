//! The id of a message that could not be read: too long, or not strict JSON.
//!
//! Such a message is never passed on, but whoever waits for it should get an answer. The scan sees the bytes once, keeps
//! at most a few of them, and looks only at the members of the outermost object.

use countersign_evidence::json::{Limits, Value, parse};

use crate::jsonrpc::Id;

/// Most bytes of a name or an id that are kept.
const MOST_KEPT: usize = 512;

/// Looks for the outermost `id` and `method` in bytes as they go by.
#[derive(Debug, Default)]
pub(crate) struct IdScan {
    depth: usize,
    in_string: bool,
    escaped: bool,
    at_name: bool,
    kept: Vec<u8>,
    name: Vec<u8>,
    ids: Vec<Option<Id>>,
    method: bool,
}

impl IdScan {
    /// Scans a whole text.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut scan = IdScan::default();
        scan.feed(bytes);
        scan
    }

    /// The next bytes of the text.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.step(*byte);
        }
    }

    /// The id, where there is exactly one and it is well formed.
    pub(crate) fn id(&self) -> Option<&Id> {
        match self.ids.as_slice() {
            [id] => id.as_ref(),
            _ => None,
        }
    }

    /// Whether the message names a method: a request or a notification.
    pub(crate) fn has_method(&self) -> bool {
        self.method
    }

    fn keep(&mut self, byte: u8) {
        if self.depth == 1 && self.kept.len() < MOST_KEPT {
            self.kept.push(byte);
        }
    }

    fn step(&mut self, byte: u8) {
        if self.in_string {
            self.keep(byte);
            let ends = byte == b'"' && !self.escaped;
            self.escaped = byte == b'\\' && !self.escaped;
            self.in_string = !ends;
            return;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.escaped = false;
                self.keep(byte);
            }
            b'{' | b'[' => {
                self.keep(byte);
                self.depth += 1;
                if self.depth == 1 {
                    self.at_name = byte == b'{';
                    self.kept.clear();
                }
            }
            b'}' | b']' => {
                if self.depth == 1 {
                    self.member_ends();
                }
                self.depth = self.depth.saturating_sub(1);
            }
            b':' if self.depth == 1 && self.at_name => {
                self.name = std::mem::take(&mut self.kept);
                self.at_name = false;
            }
            b',' if self.depth == 1 => self.member_ends(),
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => self.keep(byte),
        }
    }

    fn member_ends(&mut self) {
        let name = std::mem::take(&mut self.name);
        let value = std::mem::take(&mut self.kept);
        self.at_name = true;
        match text(&name).as_ref().and_then(Value::as_str) {
            Some("id") if self.ids.len() < 2 => self.ids.push(text(&value).as_ref().and_then(Id::new)),
            Some("method") => self.method = true,
            _ => {}
        }
    }
}

fn text(bytes: &[u8]) -> Option<Value> {
    parse(bytes, Limits { bytes: MOST_KEPT - 1, depth: 1 }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &[u8]) -> Option<String> {
        IdScan::of(text).id().map(Id::key)
    }

    #[test]
    fn the_outermost_id_is_found_wherever_it_stands() {
        assert_eq!(id(br#"{"jsonrpc":"2.0","id":7,"params":{"id":8,"id":9}}"#).as_deref(), Some("7"));
        assert_eq!(id(br#"{"result":{"id":1,"t":"\"id\":2,{"},"id":"a b"}"#).as_deref(), Some("\"a b\""));
        assert_eq!(id(b"{\"x\":\"\xff\",\"id\" : 3 , \"y\":").as_deref(), Some("3"));
        assert_eq!(id(br#"{"\u0069d":4}"#).as_deref(), Some("4"));
        assert_eq!(id(br#"{"x":"\ud800","id":5}"#).as_deref(), Some("5"));
    }

    #[test]
    fn doubtful_ids_are_none() {
        for text in [
            &br#"{"id":1,"id":2}"#[..],
            br#"{"id":1,"id":1}"#,
            br#"{"id":null}"#,
            br#"{"id":{"a":1}}"#,
            br#"{"id":1"#,
            br#"[{"id":1}]"#,
            br#""id":1"#,
            b"",
            b"]]]}}}",
        ] {
            assert_eq!(id(text), None, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_method_is_noticed() {
        assert!(IdScan::of(br#"{"id":1,"method":"x","y":"#).has_method());
        assert!(!IdScan::of(br#"{"id":1,"result":{"method":"x"}}"#).has_method());
    }
}
