//! The verifier's own trust file (C2SP tlog-policy): which logs and witnesses it believes.

use std::collections::HashMap;

use crate::decimal::parse_decimal;
use crate::key::{KeyError, SignatureType, Verifier};

/// Longest trust file in bytes.
pub const MAX_TRUST_FILE_BYTES: usize = 1024 * 1024;

/// Most `log` lines, `witness` lines and `group` lines, each.
const MAX_LINES_OF_A_KIND: usize = 1024;

/// A line of a trust file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("trust file, line {line}: {problem}")]
pub struct TrustFileError {
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: TrustFileProblem,
}

/// What is wrong with a line of a trust file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustFileProblem {
    /// Above [`MAX_TRUST_FILE_BYTES`].
    #[error("the file has more than 1 MiB")]
    TooLong,
    /// A control character other than tab and newline; a carriage return, mostly.
    #[error("control character 0x{0:02x}; save the file as plain text with Unix line ends")]
    ControlCharacter(u8),
    /// The last line has no newline.
    #[error("the last line has no newline; the file may be cut off")]
    NoFinalNewline,
    /// Neither log nor witness nor group nor quorum.
    #[error("a line must begin with log, witness, group, quorum or #")]
    Keyword,
    /// Missing or superfluous words.
    #[error("write it as: {0}")]
    Words(&'static str),
    /// Not a usable key.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// The key material stands in an earlier line already.
    #[error("this public key stands in line {0} already; one key may speak for one log or witness only")]
    DuplicateKey(usize),
    /// The name is defined already, or is `none`.
    #[error("the name {0} is taken; choose another")]
    NameTaken(String),
    /// The name is not defined in an earlier line.
    #[error("the name {0} is not defined in a line before this one")]
    Undefined(String),
    /// The name is a member of a group already.
    #[error("{0} is a member of a group already; a name may be a member once only")]
    MemberTwice(String),
    /// Not `all`, `any` or a number from 1 to the number of members.
    #[error("a group needs all, any or a number from 1 to the number of its members")]
    Threshold,
    /// Too many lines of one kind.
    #[error("more than 1024 lines of this kind")]
    TooMany,
    /// A second `quorum` line.
    #[error("there is a quorum line already; keep one")]
    SecondQuorum,
    /// No `quorum` line.
    #[error("there is no quorum line; add one, or \"quorum none\" to trust without witnesses")]
    NoQuorum,
}

/// A named thing that can have seen a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Member {
    /// A witness, by its place among the witnesses.
    Witness(usize),
    /// At least `threshold` of the members, each by its place among all members.
    Group { threshold: usize, members: Vec<usize> },
}

/// Witness lines: their name within the file and their key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Witness {
    pub(crate) name: String,
    pub(crate) verifier: Verifier,
}

/// Which logs and witnesses a verifier believes, and how many witnesses it takes.
///
/// Beyond what the specification demands, one public key may not stand for a log and a witness: a log that witnesses
/// itself adds nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustFile {
    pub(crate) logs: Vec<Verifier>,
    pub(crate) witnesses: Vec<Witness>,
    /// In the order of definition, so that a group's members come before it.
    pub(crate) members: Vec<Member>,
    /// Place of the quorum among the members; `None` for `quorum none`.
    pub(crate) quorum: Option<usize>,
}

impl TrustFile {
    /// Reads a trust file.
    ///
    /// # Errors
    /// [`TrustFileError`] with the first line that cannot be used.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustFileError> {
        if bytes.len() > MAX_TRUST_FILE_BYTES {
            return Err(TrustFileError { line: 1, problem: TrustFileProblem::TooLong });
        }
        let mut parser = Parser::default();
        let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        let unfinished = lines.pop().unwrap_or_default();
        for (place, line) in lines.iter().enumerate() {
            parser.line = place + 1;
            parser.read_line(line).map_err(|problem| TrustFileError { line: place + 1, problem })?;
        }
        let at_end = |problem| TrustFileError { line: lines.len() + 1, problem };
        if !unfinished.is_empty() {
            return Err(at_end(TrustFileProblem::NoFinalNewline));
        }
        let quorum = parser.quorum.ok_or_else(|| at_end(TrustFileProblem::NoQuorum))?;
        Ok(Self { logs: parser.logs, witnesses: parser.witnesses, members: parser.members, quorum })
    }

    /// The keys of the logs that are believed.
    #[must_use]
    pub fn logs(&self) -> &[Verifier] {
        &self.logs
    }

    /// Name within the file and key of each witness.
    pub fn witnesses(&self) -> impl Iterator<Item = (&str, &Verifier)> {
        self.witnesses.iter().map(|witness| (witness.name.as_str(), &witness.verifier))
    }
}

/// What has been read so far.
#[derive(Default)]
struct Parser<'a> {
    line: usize,
    logs: Vec<Verifier>,
    witnesses: Vec<Witness>,
    members: Vec<Member>,
    /// Names as the bytes they are: the format gives non-ASCII bytes no meaning.
    names: HashMap<&'a [u8], usize>,
    /// Line in which each public key stands.
    keys: HashMap<[u8; 32], usize>,
    /// By place among the members: is it a member of a group already?
    taken: Vec<bool>,
    quorum: Option<Option<usize>>,
}

impl<'a> Parser<'a> {
    fn read_line(&mut self, line: &'a [u8]) -> Result<(), TrustFileProblem> {
        if let Some(byte) = line.iter().find(|byte| (**byte < b' ' && **byte != b'\t') || **byte == 0x7f) {
            return Err(TrustFileProblem::ControlCharacter(*byte));
        }
        let words: Vec<&[u8]> = line.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", vkey] | [b"log", vkey, _] => self.log(vkey),
            [b"log", ..] => Err(TrustFileProblem::Words("log <vkey> [<url>]")),
            [b"witness", name, vkey] | [b"witness", name, vkey, _] => self.witness(name, vkey),
            [b"witness", ..] => Err(TrustFileProblem::Words("witness <name> <vkey> [<url>]")),
            [b"group", name, threshold, members @ ..] if !members.is_empty() => self.group(name, threshold, members),
            [b"group", ..] => Err(TrustFileProblem::Words("group <name> all|any|<number> <name>...")),
            [b"quorum", name] => self.quorum(name),
            [b"quorum", ..] => Err(TrustFileProblem::Words("quorum <name>|none")),
            _ => Err(TrustFileProblem::Keyword),
        }
    }

    fn log(&mut self, vkey: &[u8]) -> Result<(), TrustFileProblem> {
        let verifier = self.key(vkey, SignatureType::Ed25519)?;
        check_room(self.logs.len())?;
        self.logs.push(verifier);
        Ok(())
    }

    fn witness(&mut self, name: &'a [u8], vkey: &[u8]) -> Result<(), TrustFileProblem> {
        let verifier = self.key(vkey, SignatureType::CosignatureV1)?;
        check_room(self.witnesses.len())?;
        self.define(name, Member::Witness(self.witnesses.len()))?;
        self.witnesses.push(Witness { name: shown(name), verifier });
        Ok(())
    }

    fn group(&mut self, name: &'a [u8], threshold: &[u8], names: &[&[u8]]) -> Result<(), TrustFileProblem> {
        check_room(self.members.len() - self.witnesses.len())?;
        let threshold = match threshold {
            b"all" => names.len(),
            b"any" => 1,
            number => parse_threshold(number, names.len()).ok_or(TrustFileProblem::Threshold)?,
        };
        let mut members = Vec::new();
        for member in names {
            let place = self.defined(member)?;
            match self.taken.get_mut(place) {
                Some(taken) if !*taken => *taken = true,
                _ => return Err(TrustFileProblem::MemberTwice(shown(member))),
            }
            members.push(place);
        }
        self.define(name, Member::Group { threshold, members })
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), TrustFileProblem> {
        if self.quorum.is_some() {
            return Err(TrustFileProblem::SecondQuorum);
        }
        self.quorum = Some(if name == b"none" { None } else { Some(self.defined(name)?) });
        Ok(())
    }

    fn key(&mut self, vkey: &[u8], kind: SignatureType) -> Result<Verifier, TrustFileProblem> {
        let vkey = std::str::from_utf8(vkey).map_err(|_| KeyError::Format)?;
        let verifier = Verifier::from_vkey(vkey)?;
        let found = verifier.signature_type();
        if found != kind {
            return Err(KeyError::WrongType { expected: kind.byte(), found: found.byte() }.into());
        }
        match self.keys.insert(*verifier.public_key(), self.line) {
            Some(line) => Err(TrustFileProblem::DuplicateKey(line)),
            None => Ok(verifier),
        }
    }

    fn define(&mut self, name: &'a [u8], member: Member) -> Result<(), TrustFileProblem> {
        if name == b"none" || self.names.contains_key(name) {
            return Err(TrustFileProblem::NameTaken(shown(name)));
        }
        self.names.insert(name, self.members.len());
        self.members.push(member);
        self.taken.push(false);
        Ok(())
    }

    fn defined(&self, name: &[u8]) -> Result<usize, TrustFileProblem> {
        self.names.get(name).copied().ok_or_else(|| TrustFileProblem::Undefined(shown(name)))
    }
}

fn parse_threshold(text: &[u8], members: usize) -> Option<usize> {
    let number = parse_decimal(std::str::from_utf8(text).ok()?, members as u64)?;
    usize::try_from(number).ok().filter(|number| *number > 0)
}

fn check_room(used: usize) -> Result<(), TrustFileProblem> {
    if used < MAX_LINES_OF_A_KIND { Ok(()) } else { Err(TrustFileProblem::TooMany) }
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
