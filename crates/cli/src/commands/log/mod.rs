//! `log`: the evidence log.

mod checkpoint;
mod fsck;
mod prove;
mod status;
mod trust;

use clap::Subcommand;

use crate::error::Failure;
use crate::exit::Exit;
use crate::session::Session;

/// What the last `log fsck` of a data folder found, in that folder.
pub(crate) const LAST_CHECK: &str = "fsck.json";

/// The evidence log: state, checkpoint, proofs, check of its files
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show how far records are durable, published and searchable
    Status,
    /// Print the latest signed checkpoint (C2SP signed note)
    Checkpoint,
    /// Prove that a record is in the log (C2SP tlog-proof)
    Prove(prove::Prove),
    /// Check every file of a published log, offline and without trust: is anything changed, missing or too much?
    Fsck(fsck::Fsck),
    /// Print a trust file for `verify --trust` that believes this log; keep it apart from the evidence
    Trust,
}

pub(super) async fn run(command: Command, session: &mut Session) -> Result<Exit, Failure> {
    match command {
        Command::Status => status::run(session).await,
        Command::Checkpoint => checkpoint::run(session).await,
        Command::Prove(args) => prove::run(&args, session).await,
        Command::Fsck(args) => fsck::run(&args, session),
        Command::Trust => trust::run(session).await,
    }
}
