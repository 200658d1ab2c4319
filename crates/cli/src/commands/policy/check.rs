//! `policy check`

use std::path::Path;

use countersign_evidence::json::{Object, Value};
use countersign_policy::{PolicySet, Problem};

use crate::error::Failure;
use crate::exit::Exit;
use crate::session::Session;
use crate::style::Paint;
use countersign_evidence::visible::{visible, visible_lines};

pub(super) fn run(folder: &Path, session: &mut Session) -> Result<Exit, Failure> {
    let (set, problems, warnings) = match PolicySet::load_dir(folder) {
        Ok(set) => {
            let warnings = set.lint();
            (Some(set), Vec::new(), warnings)
        }
        Err(errors) => (None, errors.0, Vec::new()),
    };
    let exit = if set.is_some() { Exit::Done } else { Exit::No };
    if session.out.json {
        session.out.json(&report(set.as_ref(), &problems, &warnings))?;
        return Ok(exit);
    }
    for (paint, word, found) in [(Paint::Red, "error", &problems), (Paint::Yellow, "warning", &warnings)] {
        for problem in found {
            let word = session.out.style.paint(paint, word);
            session.out.line(format!("{word}: {}", visible_lines(&place(folder, problem))))?;
        }
    }
    match set {
        Some(set) => {
            let text = format!(
                "{} rules, {} tests (`policy test` runs them), version {}",
                set.rules().len(),
                set.cases().len(),
                set.version()
            );
            session.out.painted(Paint::Green, format!("The policy set is sound: {text}."))?;
        }
        None => {
            session.out.painted(Paint::Red, format!("The policy set is refused: {} problem(s).", problems.len()))?
        }
    }
    Ok(exit)
}

/// `folder/file:line: message`
pub(super) fn place(folder: &Path, problem: &Problem) -> String {
    let path = if problem.file.is_empty() { folder.to_owned() } else { folder.join(&problem.file) };
    let line = problem.line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("{}{line}: {}", visible(&path.display().to_string()), problem.message)
}

fn report(set: Option<&PolicySet>, problems: &[Problem], warnings: &[Problem]) -> Value {
    let list = |found: &[Problem]| found.iter().map(problem_json).collect::<Vec<_>>();
    let mut report = Object::from_iter([("errors", list(problems)), ("warnings", list(warnings))]);
    if let Some(set) = set {
        report.insert("version", set.version());
        report.insert("digest", set.digest());
        report.insert("rules", set.rules().len() as u64);
        report.insert("tests", set.cases().len() as u64);
    }
    Value::from(report)
}

fn problem_json(problem: &Problem) -> Value {
    let mut object = Object::from_iter([("file", problem.file.as_str()), ("message", problem.message.as_str())]);
    if let Some(line) = problem.line {
        object.insert("line", line);
    }
    Value::from(object)
}
