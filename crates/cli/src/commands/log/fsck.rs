//! `log fsck`

use std::path::{Path, PathBuf};

use clap::Args;
use countersign_evidence::json;
use countersign_evidence::time::Timestamp;
use countersign_verify::{Options, Question, Report};
use serde::Serialize;

use crate::commands::verify::read_folder;
use crate::error::Failure;
use crate::exit::Exit;
use crate::report;
use crate::session::Session;

/// What files say by themselves; who signed them and what they tell is for `verify`.
const ABOUT_FILES: [Question; 3] = [Question::Integrity, Question::Vault, Question::Completeness];

/// Check every file of a published log, offline and without trust: is anything changed, missing or too much?
///
/// It compares the files with each other, not with what you trust: that is `verify --trust`.
#[derive(Debug, Args)]
pub(crate) struct Fsck {
    /// The published log's folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// A running gate publishes to it: files may reach beyond the checkpoint
    #[arg(long)]
    growing: bool,
}

/// Keeps what was found where the gate of this folder looks for it. A copy elsewhere belongs to no gate.
fn keep(report: &Report, folder: &Path, session: &Session) {
    let Some(data) = folder.canonicalize().ok().and_then(|folder| folder.parent().map(Path::to_owned)) else { return };
    if !data.join("countersign.toml").exists() {
        return;
    }
    let found = Found { at: session.clock.now(), report };
    let kept = json::to_string(&found).map_err(std::io::Error::other);
    let kept = kept.and_then(|text| std::fs::write(data.join(super::LAST_CHECK), text));
    if let Err(error) = kept {
        tracing::warn!(%error, "the gate will not tell that its files were checked");
    }
}

#[derive(Serialize)]
struct Found<'a> {
    at: Timestamp,
    report: &'a Report,
}

pub(super) fn run(args: &Fsck, session: &mut Session) -> Result<Exit, Failure> {
    let mut report = read_folder(&args.folder, Options { growing: args.growing, ..Options::default() })?;
    report.verdicts.retain(|answer| ABOUT_FILES.contains(&answer.question));
    report.matches = None;
    keep(&report, &args.folder, session);
    if session.out.json {
        session.out.json(&report)?;
    } else {
        report::print(&report, &mut session.out)?;
    }
    Ok(report::exit_of(&report))
}
