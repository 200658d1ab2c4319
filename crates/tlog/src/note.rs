//! Signed notes (C2SP signed-note).

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::key::{Verifier, is_line_name};

/// Longest note in bytes, with its signatures.
pub const MAX_NOTE_BYTES: usize = 256 * 1024;

/// Most signatures on a note.
pub const MAX_NOTE_SIGNATURES: usize = 64;

/// Starts a signature line: em dash and space.
const LINE_START: &str = "\u{2014} ";

/// Why bytes are not a note, or why it cannot be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Above [`MAX_NOTE_BYTES`].
    #[error("a note has more than 256 KiB")]
    TooLong,
    /// Above [`MAX_NOTE_SIGNATURES`].
    #[error("a note has more than 64 signatures")]
    TooManySignatures,
    /// Not UTF-8, or with a control character other than newline.
    #[error("a note is not UTF-8 text without control characters")]
    NotText,
    /// No text that ends in a newline, then an empty line, then signature lines.
    #[error("a note does not consist of text, an empty line and signature lines")]
    Layout,
    /// A line after the last empty line is not a signature.
    #[error("signature line {0} of a note is malformed")]
    SignatureLine(usize),
    /// Two known keys have the same name and id.
    #[error("two known keys share the name {0} and the key id; remove one")]
    AmbiguousKey(String),
    /// A signature by a known key does not verify.
    #[error("the signature of {0} is wrong: the note was changed or signed by somebody else")]
    BadSignature(String),
    /// No known key has signed.
    #[error("no known key has signed the note; check that the right key is trusted")]
    NotSigned,
}

/// One signature line: not yet verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: String,
    key_id: u32,
    bytes: Vec<u8>,
}

impl Signature {
    pub(crate) fn by(verifier: &Verifier, bytes: Vec<u8>) -> Self {
        Self { name: verifier.name().to_owned(), key_id: verifier.key_id(), bytes }
    }

    /// Reads one signature line without its newline.
    ///
    /// # Errors
    /// [`NoteError::SignatureLine`] with line number 1.
    pub fn from_line(line: &str) -> Result<Self, NoteError> {
        Self::parse(line).filter(|_| is_text(line)).ok_or(NoteError::SignatureLine(1))
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(LINE_START)?.split_once(' ')?;
        let bytes = STANDARD.decode(encoded).ok()?;
        let (key_id, bytes) = bytes.split_first_chunk::<4>()?;
        let whole = is_line_name(name) && !bytes.is_empty();
        whole.then(|| Self { name: name.to_owned(), key_id: u32::from_be_bytes(*key_id), bytes: bytes.to_vec() })
    }

    /// The name that the line claims.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key id that the line claims.
    #[must_use]
    pub fn key_id(&self) -> u32 {
        self.key_id
    }

    fn is_by(&self, verifier: &Verifier) -> bool {
        self.key_id == verifier.key_id() && self.name == verifier.name()
    }
}

impl fmt::Display for Signature {
    /// The signature line without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blob = [self.key_id.to_be_bytes().as_slice(), &self.bytes].concat();
        write!(f, "{LINE_START}{} {}", self.name, STANDARD.encode(blob))
    }
}

/// A signature that has been verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified<'a> {
    /// The known key that signed.
    pub verifier: &'a Verifier,
    /// When a cosignature says that it was made, in POSIX seconds.
    pub timestamp: Option<u64>,
}

/// Text with signature lines. The text is not to be believed before [`Note::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// A note without signatures; `text` ends in a newline.
    ///
    /// # Errors
    /// [`NoteError::Layout`], [`NoteError::NotText`] or [`NoteError::TooLong`].
    pub fn new(text: String) -> Result<Self, NoteError> {
        if text.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLong);
        }
        if !is_text(&text) {
            return Err(NoteError::NotText);
        }
        if !text.ends_with('\n') {
            return Err(NoteError::Layout);
        }
        Ok(Self { text, signatures: Vec::new() })
    }

    /// Reads a note with at least one signature line. Verifies nothing.
    ///
    /// # Errors
    /// [`NoteError`] for everything that is not exactly what [`Note::to_bytes`] would write.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLong);
        }
        let whole = std::str::from_utf8(bytes).ok().filter(|text| is_text(text)).ok_or(NoteError::NotText)?;
        // The text may hold empty lines itself, so the last one separates.
        let split = whole.rfind("\n\n").ok_or(NoteError::Layout)?;
        let (text, lines) = whole.split_at(split + 1);
        let lines = lines.strip_prefix('\n').and_then(|l| l.strip_suffix('\n')).ok_or(NoteError::Layout)?;
        let mut signatures = Vec::new();
        for (place, line) in lines.split('\n').enumerate() {
            if place == MAX_NOTE_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(Signature::parse(line).ok_or(NoteError::SignatureLine(place + 1))?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The signed text, with its final newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, verified or not.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a signature line; one by the same key, by name and id, is replaced.
    ///
    /// # Errors
    /// [`NoteError::TooManySignatures`] or [`NoteError::TooLong`].
    pub fn add(&mut self, signature: Signature) -> Result<(), NoteError> {
        let mut longer = self.clone();
        longer.signatures.retain(|old| old.key_id != signature.key_id || old.name != signature.name);
        longer.signatures.push(signature);
        if longer.signatures.len() > MAX_NOTE_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        if longer.to_bytes().len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLong);
        }
        *self = longer;
        Ok(())
    }

    /// The signed form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }

    /// The signatures by known keys, one per key, in the order of the note.
    ///
    /// Signatures by unknown keys are ignored. One wrong signature by a known key rejects the whole note.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`], [`NoteError::NotSigned`] or [`NoteError::AmbiguousKey`].
    pub fn verify<'a>(&self, known: impl IntoIterator<Item = &'a Verifier>) -> Result<Vec<Verified<'a>>, NoteError> {
        let known: Vec<&Verifier> = known.into_iter().collect();
        let mut verified: Vec<Verified<'a>> = Vec::new();
        for signature in &self.signatures {
            let mut candidates = known.iter().filter(|verifier| signature.is_by(verifier));
            let Some(&verifier) = candidates.next() else { continue };
            if candidates.next().is_some() {
                return Err(NoteError::AmbiguousKey(signature.name.clone()));
            }
            let timestamp = verifier
                .verify(&self.text, &signature.bytes)
                .ok_or_else(|| NoteError::BadSignature(signature.name.clone()))?;
            if !verified.iter().any(|earlier| std::ptr::eq(earlier.verifier, verifier)) {
                verified.push(Verified { verifier, timestamp });
            }
        }
        if verified.is_empty() { Err(NoteError::NotSigned) } else { Ok(verified) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for signature in &self.signatures {
            writeln!(f, "{signature}")?;
        }
        Ok(())
    }
}

/// No control characters below U+0020 but newline.
fn is_text(text: &str) -> bool {
    text.bytes().all(|byte| byte >= b' ' || byte == b'\n')
}
