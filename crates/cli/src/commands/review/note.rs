//! `review ask` and `review hand-over`

use clap::Args;
use countersign_client::wire::{ActionView, AskRequest, HandOverRequest};
use uuid::Uuid;

use crate::error::Failure;
use crate::exit::Exit;
use crate::routes;
use crate::session::Session;

/// Ask the agent's side something before you decide
#[derive(Debug, Args)]
pub(crate) struct Ask {
    /// The action, or any id that names one
    #[arg(value_name = "ID")]
    action: String,
    /// The question; it is on record, and so is the answer
    #[arg(value_name = "TEXT")]
    question: String,
}

/// Ask another reviewer, who may decide it already, to do so
#[derive(Debug, Args)]
pub(crate) struct HandOver {
    /// The action, or any id that names one
    #[arg(value_name = "ID")]
    action: String,
    /// The person
    #[arg(long, value_name = "ID")]
    to: Uuid,
    /// Why
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

pub(super) async fn ask(args: Ask, session: &mut Session) -> Result<Exit, Failure> {
    let action = session.action(&args.action).await?;
    let request = AskRequest { question: args.question };
    let view = session.client().await?.post(&routes::ask(action), &request).await?;
    told(&view, "Asked. The answer will stand in the review.", session)
}

pub(super) async fn hand_over(args: HandOver, session: &mut Session) -> Result<Exit, Failure> {
    let action = session.action(&args.action).await?;
    let request = HandOverRequest { to: args.to, note: args.note };
    let view = session.client().await?.post(&routes::hand_over(action), &request).await?;
    told(&view, "Handed over. You may still decide it yourself.", session)
}

fn told(view: &ActionView, done: &str, session: &mut Session) -> Result<Exit, Failure> {
    match session.out.json {
        true => session.out.json(view)?,
        false => session.out.line(done)?,
    }
    Ok(Exit::Done)
}
