//! `review`: what waits for people, and their decisions.

mod decide;
mod difference;
mod list;
mod metrics;
mod note;
mod show;
mod standing;
#[cfg(test)]
mod tests;

use clap::Subcommand;
use countersign_evidence::record::Verdict;

use crate::error::Failure;
use crate::exit::Exit;
use crate::session::Session;

/// Look at what waits for people, and decide it
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what waits, the most urgent first
    List,
    /// How reviews went: times, rates by rule, load, fast approvals, repeats
    Metrics(metrics::Metrics),
    /// Show everything that there is to judge, the payload whole
    Show(show::Show),
    /// Approve exactly the payload that is shown, or an edited one
    Approve(decide::Approve),
    /// Deny, with a reason
    Deny(decide::Deny),
    /// Approve in advance what is like an action, list and revoke such approvals
    #[command(subcommand)]
    Standing(standing::Command),
    /// Ask the agent's side something before you decide
    Ask(note::Ask),
    /// Ask another reviewer, who may decide it already, to do so
    HandOver(note::HandOver),
}

pub(super) async fn run(command: Command, session: &mut Session) -> Result<Exit, Failure> {
    match command {
        Command::List => list::run(session).await,
        Command::Metrics(args) => metrics::run(&args, session).await,
        Command::Show(args) => show::run(&args, session).await,
        Command::Approve(args) => decide::run(args.into(), Verdict::Approve, session).await,
        Command::Deny(args) => decide::run(args.into(), Verdict::Deny, session).await,
        Command::Standing(command) => standing::run(command, session).await,
        Command::Ask(args) => note::ask(args, session).await,
        Command::HandOver(args) => note::hand_over(args, session).await,
    }
}
