//! The verifier's verdicts, for people and as an exit code.

use countersign_verify::{Answer, Matches, Question, Report, Verdict};

use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::Facts;
use crate::output::Output;
use crate::style::Paint;
use countersign_evidence::visible::visible;

/// 1 where anything failed, 0 where everything else passed, else 3. Opening sealed fields takes keys that a verifier need not
/// have, so that alone does not count as unchecked.
pub(crate) fn exit_of(report: &Report) -> Exit {
    // What lies under seal is a question of its own: whoever holds no keys leaves it open, and it vouches for nothing else.
    let sealed = |answer: &&Answer| matches!(answer.question, Question::Openings | Question::Signatures);
    let mut counted = report.verdicts.iter().filter(|answer| !sealed(answer)).peekable();
    let some = counted.peek().is_some();
    match report.failed() {
        true => Exit::No,
        false if some && counted.all(|answer| answer.verdict == Verdict::Pass) => Exit::Done,
        false => Exit::NotChecked,
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
    if let Some(matches) = report.matches.as_ref().filter(|matches| **matches != Matches::default()) {
        out.line("")?;
        out.painted(Paint::Dim, "Actions: executed against approved")?;
        counts(matches).print(out)?;
    }
    out.line("")?;
    let (paint, verdict) = match exit_of(report) {
        Exit::Done => (Paint::Green, "PASS"),
        Exit::No => (Paint::Red, "FAIL"),
        _ => (Paint::Yellow, "NOT CHECKED in full; nothing that was checked failed"),
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
        if count > 0 {
            facts.add(name, count.to_string());
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use countersign_verify::Finding;

    use super::*;

    fn report(verdicts: &[(Question, Verdict)]) -> Report {
        let answer = |(question, verdict): &(Question, Verdict)| Answer {
            question: *question,
            verdict: *verdict,
            what: String::new(),
            findings: vec![Finding { place: "p".to_owned(), what: "w".to_owned() }],
        };
        Report { verdicts: verdicts.iter().map(answer).collect(), ..Report::default() }
    }

    #[test]
    fn only_what_was_wholly_checked_passes() {
        use Question::{Authenticity, Conformance, Integrity, Openings};
        use Verdict::{Fail, NotChecked, Pass};
        for (verdicts, exit) in [
            (vec![(Integrity, Pass), (Authenticity, Pass)], Exit::Done),
            (vec![(Integrity, Pass), (Openings, NotChecked)], Exit::Done),
            (vec![(Integrity, Pass), (Openings, Fail)], Exit::No),
            (vec![(Integrity, Pass), (Authenticity, NotChecked)], Exit::NotChecked),
            (vec![(Integrity, Fail), (Authenticity, NotChecked)], Exit::No),
            (vec![(Conformance, NotChecked)], Exit::NotChecked),
            (vec![(Openings, NotChecked)], Exit::NotChecked),
            (vec![(Openings, Pass)], Exit::NotChecked),
            (vec![], Exit::NotChecked),
        ] {
            assert_eq!(exit_of(&report(&verdicts)), exit, "{verdicts:?}");
        }
    }
}
