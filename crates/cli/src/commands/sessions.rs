//! `session`: who is signed in to the console.

use clap::{Args, Subcommand};
use countersign_client::wire::{Ended, SessionView};
use countersign_evidence::json::Object;
use uuid::Uuid;

use crate::error::Failure;
use crate::exit::Exit;
use crate::routes;
use crate::session::Session;
use crate::style::Paint;
use crate::table::{Cell, Column, Table};

/// List and end sessions of the console
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List who is signed in
    List,
    /// End a session
    End(End),
}

/// End a session
#[derive(Debug, Args)]
pub(crate) struct End {
    /// The session's id
    #[arg(value_name = "SESSION")]
    session: Uuid,
}

pub(super) async fn run(command: Command, session: &mut Session) -> Result<Exit, Failure> {
    match command {
        Command::List => list(session).await,
        Command::End(args) => end(args.session, session).await,
    }
}

async fn list(session: &mut Session) -> Result<Exit, Failure> {
    let sessions: Vec<SessionView> = session.client().await?.get(routes::SESSIONS).await?;
    if session.out.json {
        session.out.json(&sessions)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new([
        Column::whole("SINCE"),
        Column::whole("USED"),
        Column::whole("HOW"),
        Column::whole("PERSON"),
        Column::whole("SESSION"),
    ]);
    for one in &sessions {
        let (session, person) = (Cell::painted(one.session.to_string(), Paint::Dim), one.person.to_string().into());
        let (since, used) = (one.created_at.to_string().into(), one.seen_at.to_string().into());
        table.row([since, used, one.method.as_str().to_owned().into(), person, session]);
    }
    session.out.table(&table, "Nobody is signed in.")?;
    Ok(Exit::Done)
}

async fn end(id: Uuid, session: &mut Session) -> Result<Exit, Failure> {
    let ended: Ended = session.client().await?.post(&routes::end_session(id), &Object::new()).await?;
    match session.out.json {
        true => session.out.json(&ended)?,
        false => session.out.line(format!("The session {} is over.", ended.ended))?,
    }
    Ok(Exit::Done)
}
