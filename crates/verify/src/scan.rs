//! Reading an envelope just far enough to hash it with confidence, without building anything in memory.
//!
//! An envelope is a small subset of canonical JSON (§3): objects with sorted `[a-z_]` names, arrays, strings of visible
//! ASCII, integers within ±(2^53 − 1), booleans. The scanner accepts that grammar and nothing else; what the members mean is
//! left to `Envelope::parse`, which conformance uses.

use countersign_evidence::digest::Digest;
use countersign_evidence::record::MOST_ENVELOPE;

const MOST_DEPTH: usize = 16;
const MOST_INTEGER: u64 = (1 << 53) - 1;

/// What a scan finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scan<'a> {
    /// The type.
    pub kind: &'a str,
    /// Digest of the record's vault entry, where it has one.
    pub vault: Option<Digest>,
}

/// Scans an envelope.
///
/// # Errors
/// What is wrong with its form.
pub fn scan(envelope: &[u8]) -> Result<Scan<'_>, &'static str> {
    if envelope.len() > MOST_ENVELOPE {
        return Err("the envelope has more than 16 KiB");
    }
    let mut scanner = Scanner { bytes: envelope, at: 0 };
    let mut found = Scan::default();
    scanner.members(|scanner, name| {
        let value = scanner.value(1)?;
        match name {
            b"type" => found.kind = text(value).ok_or("type is not a string")?,
            b"vault" => found.vault = Some(digest(value).ok_or("vault is not a digest")?),
            _ => {}
        }
        Ok(())
    })?;
    match scanner.at == envelope.len() {
        true => Ok(found),
        false => Err("bytes follow the envelope"),
    }
}

fn text(value: &[u8]) -> Option<&str> {
    let text = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    std::str::from_utf8(text).ok()
}

fn digest(value: &[u8]) -> Option<Digest> {
    text(value)?.parse().ok()
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Skips one value and returns its text.
    fn value(&mut self, depth: usize) -> Result<&'a [u8], &'static str> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => self.string()?,
            Some(b'{' | b'[') if depth >= MOST_DEPTH => return Err("the envelope nests deeper than 16 levels"),
            Some(b'{') => self.members(|scanner, _| scanner.value(depth + 1).map(|_| ()))?,
            Some(b'[') => self.items(depth)?,
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'-' | b'0'..=b'9') => self.integer()?,
            _ => return Err("the envelope is not in canonical form"),
        }
        Ok(self.bytes.get(start..self.at).unwrap_or_default())
    }

    fn members(
        &mut self,
        mut each: impl FnMut(&mut Self, &'a [u8]) -> Result<(), &'static str>,
    ) -> Result<(), &'static str> {
        if !self.take(b'{') {
            return Err("the envelope is not an object");
        }
        if self.take(b'}') {
            return Ok(());
        }
        let mut last: &[u8] = &[];
        loop {
            let name = self.name()?;
            if name <= last {
                return Err("members are repeated or out of order");
            }
            last = name;
            each(self, name)?;
            if self.take(b'}') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err("the envelope is not in canonical form");
            }
        }
    }

    /// `"name":`, as `[a-z_]{1,64}`.
    fn name(&mut self) -> Result<&'a [u8], &'static str> {
        let bad = "a member's name is not of the form [a-z_]{1,64}";
        if !self.take(b'"') {
            return Err(bad);
        }
        let start = self.at;
        while matches!(self.peek(), Some(b'a'..=b'z' | b'_')) {
            self.at += 1;
        }
        let name = self.bytes.get(start..self.at).unwrap_or_default();
        let whole = (1..=64).contains(&name.len()) && self.take(b'"') && self.take(b':');
        if whole { Ok(name) } else { Err(bad) }
    }

    fn items(&mut self, depth: usize) -> Result<(), &'static str> {
        self.at += 1;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            if self.take(b']') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err("the envelope is not in canonical form");
            }
        }
    }

    fn string(&mut self) -> Result<(), &'static str> {
        self.at += 1;
        let start = self.at;
        let mut escapes = 0;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') if matches!(self.bytes.get(self.at + 1), Some(b'"' | b'\\')) => {
                    escapes += 1;
                    self.at += 2;
                }
                Some(0x21..=0x5b | 0x5d..=0x7e) => self.at += 1,
                _ => return Err("a string holds something other than visible ASCII in canonical form"),
            }
        }
        let length = self.at - start - escapes;
        self.at += 1;
        if (1..=128).contains(&length) { Ok(()) } else { Err("a string has not 1 to 128 characters") }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), &'static str> {
        if self.bytes.get(self.at..self.at + word.len()) != Some(word) {
            return Err("the envelope is not in canonical form");
        }
        self.at += word.len();
        Ok(())
    }

    fn integer(&mut self) -> Result<(), &'static str> {
        let bad = "a number is not an integer within ±(2^53 − 1) in canonical form";
        let negative = self.take(b'-');
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        let digits = self.bytes.get(start..self.at).unwrap_or_default();
        let canonical = match digits {
            [] => false,
            [b'0'] => !negative,
            [b'0', ..] => false,
            _ => digits.len() <= 16,
        };
        let value = digits.iter().fold(0u64, |sum, digit| sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')));
        if canonical && value <= MOST_INTEGER { Ok(()) } else { Err(bad) }
    }
}
