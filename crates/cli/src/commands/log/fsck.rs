//! `log fsck`

use std::path::PathBuf;

use clap::Args;
use countersign_verify::{Options, Question};

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

pub(super) fn run(args: &Fsck, session: &mut Session) -> Result<Exit, Failure> {
    let mut report = read_folder(&args.folder, Options { growing: args.growing, ..Options::default() })?;
    report.verdicts.retain(|answer| ABOUT_FILES.contains(&answer.question));
    report.matches = None;
    if session.out.json {
        session.out.json(&report)?;
    } else {
        report::print(&report, &mut session.out)?;
    }
    Ok(report::exit_of(&report))
}
