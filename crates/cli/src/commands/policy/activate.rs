//! `policy activate`

use std::path::Path;

use countersign_client::wire::{ImportPolicy, PolicyView};
use countersign_policy::run_tests;

use crate::error::Failure;
use crate::exit::Exit;
use crate::routes;
use crate::session::Session;
use crate::style::Paint;
use countersign_evidence::visible::{visible, visible_lines};

pub(super) async fn run(folder: &Path, session: &mut Session) -> Result<Exit, Failure> {
    // The gate checks again; here it is told with files and lines.
    let set = super::load(folder)?;
    let failed: Vec<String> =
        run_tests(&set).iter().filter(|outcome| !outcome.passed()).map(|outcome| outcome.name.clone()).collect();
    if !failed.is_empty() {
        return Err(Failure::No(format!(
            "{} test(s) of the policy set fail, so it was not activated (`countersign policy test`): {}",
            failed.len(),
            failed.join("; ")
        )));
    }
    let warnings: Vec<String> = set.lint().iter().map(|warning| super::check::place(folder, warning)).collect();
    let request = ImportPolicy { files: set.text().0.clone() };
    let active: PolicyView = session.client().await?.post(routes::POLICIES, &request).await?;
    if session.out.json {
        session.out.json(&active)?;
        return Ok(Exit::Done);
    }
    for warning in warnings {
        let word = session.out.style.paint(Paint::Yellow, "warning");
        session.out.line(format!("{word}: {}", visible_lines(&warning)))?;
    }
    let (version, position) = (visible(&active.version), active.position);
    session.out.painted(
        Paint::Green,
        format!("Policy {version} is in force ({} tests passed, record #{position}).", active.tests_passed),
    )?;
    Ok(Exit::Done)
}
