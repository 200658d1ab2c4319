//! The verifier's verdicts, for people and as an exit code.

use countersign_verify::{Answer, Matches, Report, Verdict};

use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::Facts;
use crate::output::Output;
use crate::style::Paint;
use crate::visible::visible;

/// 1 where anything failed, 0 where everything that was asked passed, else 3.
pub(crate) fn exit_of(report: &Report) -> Exit {
    match (report.failed(), report.passed()) {
        (true, _) => Exit::No,
        (false, true) => Exit::Done,
        (false, false) => Exit::NotChecked,
    }
}

/// One line per question, its findings below.
pub(crate) fn print(report: &Report, out: &mut Output) -> Result<(), Failure> {
    if let Some(log) = &report.log {
        let mut facts = Facts::default();
        facts.add("log", &log.origin);
        facts.add("records", log.size.to_string());
        facts.add("root", &log.root);
        facts.print(out)?;
        out.line("")?;
    }
    for answer in &report.verdicts {
        print_answer(answer, out)?;
    }
    if let Some(matches) = &report.matches {
        out.line("")?;
        out.painted(Paint::Dim, "Actions: executed against approved")?;
        counts(matches).print(out)?;
    }
    out.line("")?;
    let (paint, verdict) = match exit_of(report) {
        Exit::Done => (Paint::Green, "PASS"),
        Exit::No => (Paint::Red, "FAIL"),
        _ => (Paint::Yellow, "NOT CHECKED in every respect; nothing that was checked failed"),
    };
    Ok(out.painted(paint, verdict)?)
}

fn print_answer(answer: &Answer, out: &mut Output) -> Result<(), Failure> {
    let paint = match answer.verdict {
        Verdict::Pass => Paint::Green,
        Verdict::NotChecked => Paint::Yellow,
        Verdict::Fail => Paint::Red,
    };
    let verdict = out.style.paint(paint, &format!("{:<11}", answer.verdict.as_str()));
    let question = answer.question.as_str().replace('_', " ");
    out.line(format!("{verdict}  {question:<13}  {}", visible(&answer.what)))?;
    for finding in &answer.findings {
        out.line(format!("             {}: {}", visible(&finding.place), visible(&finding.what)))?;
    }
    Ok(())
}

fn counts(matches: &Matches) -> Facts {
    let mut facts = Facts::default();
    for (name, count) in [
        ("exactly as proposed", matches.exact),
        ("exactly as edited", matches.edited),
        ("outcome unknown", matches.unknown),
        ("executing", matches.executing),
        ("not executed", matches.not_executed),
        ("open", matches.open),
        ("refused starts", matches.refused),
    ] {
        facts.add(name, count.to_string());
    }
    facts
}
