//! `action`: search actions, and tell one's story.

mod answer;
mod context;
mod list;
mod resolve;
mod show;
mod story;
#[cfg(test)]
mod tests;
mod timeline;

use clap::Subcommand;
use countersign_client::wire::State;

use crate::error::Failure;
use crate::exit::Exit;
use crate::session::Session;
use crate::style::Paint;

/// Search actions, and tell one's story
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List actions, newest first
    List(Box<list::List>),
    /// Show where an action stands
    Show(show::Show),
    /// Tell an action's story: the four answers, and its records
    Story(story::StoryArgs),
    /// Settle an outcome that nobody knows: you have found out what came of it
    Resolve(resolve::Resolve),
    /// Answer a reviewer's question
    Answer(answer::AnswerArgs),
}

pub(super) async fn run(command: Command, session: &mut Session) -> Result<Exit, Failure> {
    match command {
        Command::List(args) => list::run(&args, session).await,
        Command::Show(args) => show::run(&args, session).await,
        Command::Story(args) => story::run(&args, session).await,
        Command::Resolve(args) => resolve::run(args, session).await,
        Command::Answer(args) => answer::run(args, session).await,
    }
}

/// The colour of a state.
pub(crate) const fn paint_of(state: State) -> Paint {
    match state {
        State::Succeeded => Paint::Green,
        State::Failed | State::Denied => Paint::Red,
        State::Waiting | State::Unknown | State::Authorized | State::Executing => Paint::Yellow,
        State::Closed => Paint::Dim,
    }
}
