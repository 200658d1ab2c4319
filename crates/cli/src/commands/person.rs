//! `person`: reviewers.

use clap::{Args, Subcommand};
use countersign_client::wire::{PersonRequest, PersonView};
use uuid::Uuid;

use crate::error::Failure;
use crate::exit::Exit;
use crate::routes;
use crate::session::Session;
use crate::style::Paint;
use crate::table::{Cell, Column, Table};
use countersign_evidence::visible::visible;

/// Add and list reviewers
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add a reviewer, or change one's name and groups
    Add(Add),
    /// List reviewers
    List,
}

/// Add a reviewer, or change one's name and groups
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The name; sealed in the evidence
    #[arg(long, value_name = "TEXT")]
    name: String,
    /// A group it is in from now on, as policies name it; may be repeated
    #[arg(long = "group", value_name = "NAME", required = true, value_delimiter = ',')]
    groups: Vec<String>,
    /// The identity under which agents act for this person: such actions it never approves
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// The person to change [default: a new one]
    #[arg(long, value_name = "ID")]
    person: Option<Uuid>,
}

pub(super) async fn run(command: Command, session: &mut Session) -> Result<Exit, Failure> {
    match command {
        Command::Add(args) => add(args, session).await,
        Command::List => list(session).await,
    }
}

async fn add(args: Add, session: &mut Session) -> Result<Exit, Failure> {
    let Add { name, groups, user, person } = args;
    let request = PersonRequest { person, name, user, groups };
    let added: PersonView = session.client().await?.post(routes::PEOPLE, &request).await?;
    if session.out.json {
        session.out.json(&added)?;
        return Ok(Exit::Done);
    }
    session.out.line(format!(
        "{} is {} in {}.",
        visible(&added.name),
        added.person,
        visible(&added.groups.join(", "))
    ))?;
    let hint = format!("Next: countersign key create --kind reviewer --label \"…\" --person {}", added.person);
    session.out.painted(Paint::Dim, hint)?;
    Ok(Exit::Done)
}

async fn list(session: &mut Session) -> Result<Exit, Failure> {
    let people: Vec<PersonView> = session.client().await?.get(routes::PEOPLE).await?;
    if session.out.json {
        session.out.json(&people)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new([Column::up_from("NAME", 8), Column::up_from("GROUPS", 8), Column::whole("PERSON")]);
    for person in &people {
        let id = Cell::painted(person.person.to_string(), Paint::Dim);
        table.row([visible(&person.name).into(), visible(&person.groups.join(" ")).into(), id]);
    }
    session.out.table(&table, "There are no reviewers: add one with `countersign person add`.")?;
    Ok(Exit::Done)
}
