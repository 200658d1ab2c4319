//! `action answer`

use clap::Args;
use countersign_client::wire::{ActionView, AnswerRequest};
use uuid::Uuid;

use crate::error::Failure;
use crate::exit::Exit;
use crate::routes;
use crate::session::Session;

/// Answer a reviewer's question about an action
#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    /// The action, or any id that names one
    #[arg(value_name = "ID")]
    action: String,
    /// The answer; reviewers see it, and it is on record
    #[arg(value_name = "TEXT")]
    answer: String,
    /// The question, where more than one is open [default: the oldest]
    #[arg(long, value_name = "ID")]
    question: Option<Uuid>,
}

pub(super) async fn run(args: AnswerArgs, session: &mut Session) -> Result<Exit, Failure> {
    let action = session.action(&args.action).await?;
    let request = AnswerRequest { question: args.question, answer: args.answer };
    let view: ActionView = session.client().await?.post(&routes::answer(action), &request).await?;
    match session.out.json {
        true => session.out.json(&view)?,
        false => session.out.line("Answered.")?,
    }
    Ok(Exit::Done)
}
