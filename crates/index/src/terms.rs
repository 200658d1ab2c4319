//! Exact values as terms of the full-text index, beside the words: one inverted index serves both.

use countersign_evidence::key::Key;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Stands before every term and in no word: it is neither letter nor digit.
const MARK: char = '\u{e000}';
const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// What a term is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Agent = b'a' as isize,
    Category = b'c' as isize,
    Decision = b'd' as isize,
    Environment = b'e' as isize,
    Ticket = b'k' as isize,
    Call = b'l' as isize,
    Rule = b'r' as isize,
    Session = b's' as isize,
    Tool = b't' as isize,
    User = b'u' as isize,
    Conversation = b'v' as isize,
    Reviewer = b'w' as isize,
    Trace = b'x' as isize,
    ApiKey = b'y' as isize,
    SealedBy = b'z' as isize,
    Request = b'q' as isize,
    Downstream = b'n' as isize,
}

/// Turns values into terms. Keyed, so that nobody outside can choose values whose terms collide. A term finds candidates;
/// the row decides.
#[derive(Clone)]
pub(crate) struct Terms(Hmac<Sha256>);

impl Terms {
    pub(crate) fn new(workspace_key: &Key) -> Self {
        // HMAC takes a key of any length.
        #[allow(clippy::expect_used)]
        let mac = Hmac::new_from_slice(workspace_key.derive("index/v1").as_bytes()).expect("any key length fits HMAC");
        Terms(mac)
    }

    /// 64 bits for a table.
    pub(crate) fn number(&self, kind: Kind, value: &str) -> i64 {
        let mut mac = self.0.clone();
        mac.update(&[kind as u8]);
        mac.update(value.as_bytes());
        let digest = mac.finalize().into_bytes();
        digest.iter().take(8).fold(0, |number, byte| (number << 8) | i64::from(*byte))
    }

    /// A term of 40 bits for the full-text index.
    pub(crate) fn term(&self, kind: Kind, value: &str) -> String {
        let mut number = self.number(kind, value);
        let mut term = String::from(MARK);
        term.push(char::from(kind as u8));
        for _ in 0..8 {
            term.push(char::from(ALPHABET.get((number & 31) as usize).copied().unwrap_or_default()));
            number >>= 5;
        }
        term
    }
}
