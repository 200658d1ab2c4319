//! `policy test`

use std::path::Path;

use countersign_evidence::json::{Object, Value};
use countersign_policy::{TestOutcome, run_tests};

use crate::error::Failure;
use crate::exit::Exit;
use crate::session::Session;
use crate::style::Paint;
use countersign_evidence::visible::visible;

pub(super) fn run(folder: &Path, session: &mut Session) -> Result<Exit, Failure> {
    let outcomes = run_tests(&super::load(folder)?);
    let failed = outcomes.iter().filter(|outcome| !outcome.passed()).count();
    // No tests is not the same as passed.
    let exit = match (outcomes.len(), failed) {
        (0, _) => Exit::NotChecked,
        (_, 0) => Exit::Done,
        _ => Exit::No,
    };
    if session.out.json {
        session.out.json(&Value::Array(outcomes.iter().map(outcome_json).collect()))?;
        return Ok(exit);
    }
    for outcome in &outcomes {
        let (paint, word) = if outcome.passed() { (Paint::Green, "pass") } else { (Paint::Red, "FAIL") };
        let word = session.out.style.paint(paint, word);
        session.out.line(format!("{word}  {}: {}", visible(&outcome.file), visible(&outcome.name)))?;
        for difference in &outcome.differences {
            session.out.line(format!("      {}", visible(difference)))?;
        }
    }
    match exit {
        Exit::NotChecked => session.out.painted(Paint::Yellow, "There are no tests: add tests/*.yaml.")?,
        Exit::Done => session.out.painted(Paint::Green, format!("All {} tests pass.", outcomes.len()))?,
        _ => session.out.painted(Paint::Red, format!("{failed} of {} tests fail.", outcomes.len()))?,
    }
    Ok(exit)
}

fn outcome_json(outcome: &TestOutcome) -> Value {
    let differences: Vec<Value> = outcome.differences.iter().map(|text| Value::from(text.as_str())).collect();
    Value::from(Object::from_iter([
        ("file", Value::from(outcome.file.as_str())),
        ("name", Value::from(outcome.name.as_str())),
        ("passed", Value::from(outcome.passed())),
        ("differences", Value::from(differences)),
    ]))
}
