//! `review standing …`: what is approved in advance.

use clap::{Args, Subcommand};
use countersign_client::wire::{Ended, StandingRequest, StandingView};
use countersign_evidence::json::Object;
use countersign_evidence::time::Timestamp;
use countersign_evidence::visible::visible;
use uuid::Uuid;

use super::show;
use crate::error::Failure;
use crate::exit::Exit;
use crate::routes;
use crate::session::Session;
use crate::style::Paint;
use crate::table::{Cell, Column, Table};
use crate::when;

/// Approve in advance what is like an action, list and revoke such approvals
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what is approved in advance, and what was lately
    List,
    /// Approve in advance what is like an action that waits for you
    Grant(Grant),
    /// End a standing approval
    Revoke(Revoke),
}

/// Approve in advance what is like an action that waits for you: same agent, tool and environment, and the same payload.
/// The rule that asks must let it, with `@standing("24h")`; the action itself is still to be decided.
#[derive(Debug, Args)]
pub(crate) struct Grant {
    /// The action, or any id that names one
    #[arg(value_name = "ID")]
    action: String,
    /// How many actions it covers, 1 to 1000
    #[arg(long, value_name = "COUNT")]
    uses: u32,
    /// How long it lasts, such as 30m, 24h, 7d
    #[arg(long = "for", value_name = "DURATION")]
    lasts: String,
    /// Why; it is on record
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Cover any payload, not this very one alone
    #[arg(long)]
    any_payload: bool,
    /// Do not show the action and ask
    #[arg(long)]
    yes: bool,
}

/// End a standing approval
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Its id
    #[arg(value_name = "STANDING")]
    standing: Uuid,
}

pub(super) async fn run(command: Command, session: &mut Session) -> Result<Exit, Failure> {
    match command {
        Command::List => list(session).await,
        Command::Grant(args) => grant(args, session).await,
        Command::Revoke(args) => revoke(args.standing, session).await,
    }
}

async fn list(session: &mut Session) -> Result<Exit, Failure> {
    let all: Vec<StandingView> = session.client().await?.get(routes::STANDING).await?;
    if session.out.json {
        session.out.json(&all)?;
        return Ok(Exit::Done);
    }
    let now = session.clock.now();
    session.out.table(&table(&all, now), "Nothing is approved in advance.")?;
    Ok(Exit::Done)
}

fn table(all: &[StandingView], now: Timestamp) -> Table<8> {
    let mut table = Table::new([
        Column::whole("ENDS"),
        Column::number("USED"),
        Column::up_from("BY", 8),
        Column::up_from("AGENT", 6),
        Column::up_from("TOOL", 10),
        Column::whole("PAYLOAD").or_drop(1),
        Column::up_from("RULES", 8).or_drop(2),
        Column::whole("STANDING"),
    ]);
    for one in all {
        let ends = match (one.revoked_at, one.in_force) {
            (Some(_), _) => "revoked".to_owned(),
            (None, false) if one.used >= one.uses => "used up".to_owned(),
            _ => when::relative(one.until, now),
        };
        table.row([
            ends.into(),
            format!("{}/{}", one.used, one.uses).into(),
            visible(&one.name).into(),
            visible(&one.agent).into(),
            visible(&one.tool).into(),
            if one.any_payload { "any" } else { "the same" }.to_owned().into(),
            visible(&one.rules.join(", ")).into(),
            Cell::painted(one.standing.to_string(), Paint::Dim),
        ]);
    }
    table
}

async fn grant(args: Grant, session: &mut Session) -> Result<Exit, Failure> {
    let presentation = show::fetch(&args.action, session).await?;
    let now = session.clock.now();
    let until = when::parse_duration(&args.lasts, now).map_err(Failure::Usage)?;
    if !args.yes {
        if !session.out.interactive || session.out.json {
            let what = "nobody can be asked here: look at it with `review show`, then grant with --yes";
            return Err(Failure::Usage(what.to_owned()));
        }
        show::print(&presentation, now, &mut session.out)?;
        session.out.line("")?;
        let payload = if args.any_payload { "any payload" } else { "exactly this payload" };
        let (uses, until) = (args.uses, when::absolute(until));
        if !session.out.confirm(&format!("Approve {payload} in advance, {uses} times until {until}?"))? {
            session.out.line("Nothing was granted.")?;
            return Ok(Exit::No);
        }
    }
    let request = StandingRequest {
        action: presentation.review.action,
        payload_digest: presentation.review.payload_digest,
        any_payload: args.any_payload,
        uses: args.uses,
        until,
        reason: args.reason,
    };
    let view: StandingView = session.client().await?.post(routes::STANDING, &request).await?;
    match session.out.json {
        true => session.out.json(&view)?,
        false => {
            let until = when::absolute(view.until);
            session.out.line(format!("Granted: {} uses until {until}, as {}.", view.uses, view.standing))?;
            session.out.line("This action itself still waits for you.")?;
        }
    }
    Ok(Exit::Done)
}

async fn revoke(standing: Uuid, session: &mut Session) -> Result<Exit, Failure> {
    let ended: Ended = session.client().await?.post(&routes::revoke_standing(standing), &Object::new()).await?;
    match session.out.json {
        true => session.out.json(&ended)?,
        false => session.out.line(format!("The standing approval {} covers nothing from now on.", ended.ended))?,
    }
    Ok(Exit::Done)
}
