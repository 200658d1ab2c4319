//! `erase`: destroying what identifies a person.

use clap::{Args, Subcommand};
use countersign_client::wire::{EraseRequest, Erased};

use crate::error::Failure;
use crate::exit::Exit;
use crate::routes;
use crate::session::Session;
use crate::visible::visible;

/// Destroy what identifies a person, without breaking proofs
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Destroy the key of a user: everything sealed about them is unreadable for good; proofs go on verifying
    Subject(Subject),
}

/// Destroy the key of a user: everything sealed about them is unreadable for good; proofs go on verifying
#[derive(Debug, Args)]
pub(crate) struct Subject {
    /// The user's identity, as agents name it
    #[arg(value_name = "USER")]
    user: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(command: Command, session: &mut Session) -> Result<Exit, Failure> {
    let Command::Subject(args) = command;
    if !args.yes && !confirmed(&args.user, session)? {
        session.out.line("Nothing was erased.")?;
        return Ok(Exit::No);
    }
    let request = EraseRequest { user: args.user };
    let erased: Erased = session.client().await?.post(routes::ERASE, &request).await?;
    if session.out.json {
        session.out.json(&erased)?;
        return Ok(Exit::Done);
    }
    let (keys, actions) = (erased.keys.len(), erased.closed_actions.len());
    session.out.line(format!(
        "Erased: {keys} key(s) destroyed, {actions} open action(s) closed; record #{} says so.",
        erased.position
    ))?;
    if !erased.purged {
        session.out.line("The search index still has to read that record; until then it knows what was erased.")?;
    }
    Ok(Exit::Done)
}

/// What cannot be undone takes more than a `y`.
fn confirmed(user: &str, session: &mut Session) -> Result<bool, Failure> {
    if !session.out.interactive || session.out.json {
        return Err(Failure::Usage("nobody can be asked here: erase with --yes".to_owned()));
    }
    session
        .out
        .line(format!("This destroys what is sealed about {} in every record. It cannot be undone.", visible(user)))?;
    let answer = session.out.ask("Type the user's identity again to erase it:")?;
    Ok(answer.as_deref() == Some(user))
}
