//! `erase`: destroying what identifies a person.

use clap::{Args, Subcommand};
use countersign_client::wire::{ErasePersonRequest, EraseRequest, Erased};
use uuid::Uuid;

use crate::error::Failure;
use crate::exit::Exit;
use crate::routes;
use crate::session::Session;
use countersign_evidence::visible::visible;

/// Destroy what identifies a person, without breaking proofs
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Destroy the key of a user: everything sealed about them is unreadable for good; proofs go on verifying
    Subject(Subject),
    /// Destroy the key of a reviewer: name and reasons are unreadable for good; API keys are revoked, decisions stay
    Person(Person),
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

/// Destroy the key of a reviewer: name and reasons are unreadable for good; API keys are revoked, decisions stay
#[derive(Debug, Args)]
pub(crate) struct Person {
    /// The reviewer's id, as `person list` shows it
    #[arg(value_name = "ID")]
    person: Uuid,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(command: Command, session: &mut Session) -> Result<Exit, Failure> {
    let (identity, yes) = match &command {
        Command::Subject(args) => (args.user.clone(), args.yes),
        Command::Person(args) => (args.person.to_string(), args.yes),
    };
    if !yes && !confirmed(&identity, session)? {
        session.out.line("Nothing was erased.")?;
        return Ok(Exit::No);
    }
    let client = session.client().await?;
    let erased: Erased = match command {
        Command::Subject(args) => client.post(routes::ERASE_SUBJECT, &EraseRequest { user: args.user }).await?,
        Command::Person(args) => client.post(routes::ERASE_PERSON, &ErasePersonRequest { person: args.person }).await?,
    };
    tell(&erased, session)
}

fn tell(erased: &Erased, session: &mut Session) -> Result<Exit, Failure> {
    if session.out.json {
        session.out.json(erased)?;
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
fn confirmed(identity: &str, session: &mut Session) -> Result<bool, Failure> {
    if !session.out.interactive || session.out.json {
        return Err(Failure::Usage("nobody can be asked here: erase with --yes".to_owned()));
    }
    session.out.line(format!(
        "This destroys what is sealed about {} in every record. It cannot be undone.",
        visible(identity)
    ))?;
    let answer = session.out.ask("Type the identity again to erase it:")?;
    Ok(answer.as_deref() == Some(identity))
}
