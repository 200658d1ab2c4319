//! What a verification found.

use serde::Serialize;

use crate::conformance::Matches;

/// Most findings that are listed per question; the rest is counted.
const MOST_FINDINGS: usize = 100;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Did the log that the verifier trusts sign this?
    Authenticity,
    /// Was nothing changed?
    Integrity,
    /// Are the sealed values there, or is it recorded that they went?
    Vault,
    /// Is nothing missing?
    Completeness,
    /// Did everything go by the rules: does what was executed match what was approved?
    Conformance,
    /// Records of types that this version does not know.
    UnknownTypes,
    /// Does every sealed field open to what the envelope commits to?
    Openings,
    /// Do the signed answers bear a signature of exactly what they state?
    Signatures,
}

impl Question {
    /// The name in a report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Question::Authenticity => "authenticity",
            Question::Integrity => "integrity",
            Question::Vault => "vault",
            Question::Completeness => "completeness",
            Question::Conformance => "conformance",
            Question::UnknownTypes => "unknown_types",
            Question::Openings => "openings",
            Question::Signatures => "signatures",
        }
    }
}

/// The answer to one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Verdict {
    /// It was checked and holds.
    #[serde(rename = "PASS")]
    Pass,
    /// It was not, or not wholly, checked.
    #[serde(rename = "NOT CHECKED")]
    NotChecked,
    /// It was checked and does not hold.
    #[serde(rename = "FAIL")]
    Fail,
}

impl Verdict {
    /// `PASS`, `FAIL` or `NOT CHECKED`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Pass => "PASS",
            Verdict::NotChecked => "NOT CHECKED",
            Verdict::Fail => "FAIL",
        }
    }
}

/// One thing that was found, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Path of a file, `record <position>` or `action <id>`.
    #[serde(rename = "where")]
    pub place: String,
    /// What.
    pub what: String,
}

/// One question with its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// What was asked.
    pub question: Question,
    /// The answer.
    pub verdict: Verdict,
    /// What was checked, or why it was not.
    pub what: String,
    /// What was found; at most 100, then their number.
    pub findings: Vec<Finding>,
}

/// The log that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogSeen {
    /// Its origin.
    pub origin: String,
    /// Number of records.
    pub size: u64,
    /// Root in standard base64.
    pub root: String,
}

/// The outcome of a verification.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What the checkpoint says, whether or not it is to be believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<LogSeen>,
    /// How the executed payloads stand to the approved ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matches: Option<Matches>,
    /// One answer per question.
    pub verdicts: Vec<Answer>,
}

impl Report {
    /// The verdict of one question; `None` where it was not asked.
    pub fn verdict(&self, question: Question) -> Option<Verdict> {
        self.answer(question).map(|answer| answer.verdict)
    }

    /// The answer to one question.
    pub fn answer(&self, question: Question) -> Option<&Answer> {
        self.verdicts.iter().find(|answer| answer.question == question)
    }

    /// Whether any question failed.
    pub fn failed(&self) -> bool {
        self.verdicts.iter().any(|answer| answer.verdict == Verdict::Fail)
    }

    /// Whether every question that was asked passed. Sealed fields, and signatures among them, are only asked about where
    /// they can be opened.
    pub fn passed(&self) -> bool {
        let sealed = |answer: &Answer| matches!(answer.question, Question::Openings | Question::Signatures);
        let unasked = |answer: &Answer| sealed(answer) && answer.verdict == Verdict::NotChecked;
        let mut asked = self.verdicts.iter().filter(|answer| !unasked(answer)).peekable();
        asked.peek().is_some() && asked.all(|answer| answer.verdict == Verdict::Pass)
    }
}

/// Findings of one question while it is being checked.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    listed: Vec<Finding>,
    more: u64,
}

impl Findings {
    pub(crate) fn add(&mut self, place: impl Into<String>, what: impl Into<String>) {
        if self.listed.len() < MOST_FINDINGS {
            self.listed.push(Finding { place: place.into(), what: what.into() });
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn at(&mut self, position: u64, what: impl Into<String>) {
        self.add(record(position), what);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// FAIL if there are findings, else the given verdict.
    pub(crate) fn judge(self, question: Question, otherwise: Verdict, what: impl Into<String>) -> Answer {
        let verdict = if self.is_empty() { otherwise } else { Verdict::Fail };
        self.answer(question, verdict, what)
    }

    pub(crate) fn answer(self, question: Question, verdict: Verdict, what: impl Into<String>) -> Answer {
        let mut findings = self.listed;
        if self.more > 0 {
            findings.push(Finding { place: "…".to_owned(), what: format!("{} more findings", self.more) });
        }
        Answer { question, verdict, what: what.into(), findings }
    }
}

pub(crate) fn record(position: u64) -> String {
    format!("record {position}")
}
