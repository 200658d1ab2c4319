//! `person`: who may decide, operate, audit, administer.

use clap::{Args, Subcommand};
use countersign_client::wire::{Ended, InvitationView, PersonRequest, PersonView};
use countersign_evidence::json::Object;
use countersign_evidence::record::Role;
use countersign_evidence::time::Timestamp;
use uuid::Uuid;

use crate::error::Failure;
use crate::exit::Exit;
use crate::routes;
use crate::session::Session;
use crate::style::Paint;
use crate::table::{Cell, Column, Table};
use countersign_evidence::visible::visible;

/// Add, change, invite and list people
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add a person, or change one's groups and roles
    Add(Add),
    /// Print a link by which a person sets how it signs in to the console
    Invite(Named),
    /// End all access of a person: keys, sessions, ways to sign in
    End(Named),
    /// List people
    List,
}

/// A person
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The person's id
    #[arg(value_name = "PERSON")]
    person: Uuid,
}

/// Add a person, or change one's groups and roles
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The name; sealed in the evidence
    #[arg(long, value_name = "TEXT")]
    name: String,
    /// A group it is in from now on, as policies name it; may be repeated
    #[arg(long = "group", value_name = "NAME", value_delimiter = ',')]
    groups: Vec<String>,
    /// A role that it has from now on: reviewer, operator, auditor, admin; may be repeated [default: as it is; reviewer for a
    /// new one]
    #[arg(long = "role", value_name = "ROLE", value_delimiter = ',', value_parser = role)]
    roles: Vec<Role>,
    /// When all of it ends, as RFC 3339 in UTC [default: never]
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
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
        Command::Invite(Named { person }) => invite(person, session).await,
        Command::End(Named { person }) => end(person, session).await,
        Command::List => list(session).await,
    }
}

async fn add(args: Add, session: &mut Session) -> Result<Exit, Failure> {
    let Add { name, groups, roles, until, user, person } = args;
    let roles = (!roles.is_empty()).then_some(roles);
    let request = PersonRequest { person, name, user, groups, roles, until };
    let added: PersonView = session.client().await?.post(routes::PEOPLE, &request).await?;
    if session.out.json {
        session.out.json(&added)?;
        return Ok(Exit::Done);
    }
    let groups = if added.groups.is_empty() { "no group".to_owned() } else { visible(&added.groups.join(", ")) };
    session.out.line(format!("{} is {}, {} in {groups}.", visible(&added.name), added.person, named(&added.roles)))?;
    let hint = format!(
        "Next: countersign person invite {0} (console), or countersign key create --kind reviewer --label \"…\" --person {0}",
        added.person
    );
    session.out.painted(Paint::Dim, hint)?;
    Ok(Exit::Done)
}

async fn invite(person: Uuid, session: &mut Session) -> Result<Exit, Failure> {
    let client = session.client().await?;
    let invited: InvitationView = client.post(&routes::invite(person), &Object::new()).await?;
    if session.out.json {
        session.out.json(&invited)?;
        return Ok(Exit::Done);
    }
    session.out.line(&invited.link)?;
    session.out.painted(Paint::Dim, format!("It lets one person in, once, until {}.", invited.expires_at))?;
    Ok(Exit::Done)
}

async fn end(person: Uuid, session: &mut Session) -> Result<Exit, Failure> {
    let ended: Ended = session.client().await?.post(&routes::end_person(person), &Object::new()).await?;
    match session.out.json {
        true => session.out.json(&ended)?,
        false => session.out.line(format!("{} has no access any more; its decisions stay.", ended.ended))?,
    }
    Ok(Exit::Done)
}

fn role(name: &str) -> Result<Role, String> {
    Role::from_name(name).ok_or_else(|| format!("a role is one of {}", named(&Role::ALL)))
}

fn named(roles: &[Role]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
}

async fn list(session: &mut Session) -> Result<Exit, Failure> {
    let people: Vec<PersonView> = session.client().await?.get(routes::PEOPLE).await?;
    if session.out.json {
        session.out.json(&people)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new([
        Column::up_from("NAME", 8),
        Column::up_from("GROUPS", 8),
        Column::up_from("ROLES", 8),
        Column::whole("PERSON"),
    ]);
    for person in &people {
        let id = Cell::painted(person.person.to_string(), Paint::Dim);
        table.row([
            visible(&person.name).into(),
            visible(&person.groups.join(" ")).into(),
            named(&person.roles).into(),
            id,
        ]);
    }
    session.out.table(&table, "There is nobody: add somebody with `countersign person add`.")?;
    Ok(Exit::Done)
}
