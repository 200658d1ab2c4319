//! The demo: a real MCP server behind the gate, and an agent that does well, does ill, and is found out.

mod agent;
mod scenes;
mod stage;
mod tamper;

use std::path::PathBuf;

use clap::Args;

use crate::error::Failure;
use crate::exit::Exit;
use crate::session::Session;

/// Play the main job on a fresh folder: no account, no key, and with --bundled no network
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The folder to play in; it must be empty or new [default: a new temporary folder, which is kept]
    folder: Option<PathBuf>,
    /// Approve without asking at the terminal
    #[arg(long, short)]
    yes: bool,
    /// Use the bundled MCP server even where Node.js is there
    #[arg(long)]
    bundled: bool,
}

/// Runs the demo. Exit code 0 only if everything came out as it must.
///
/// # Errors
/// [`Failure`] where the folder or the server cannot be used.
pub(crate) async fn run(demo: &Demo, session: &mut Session) -> Result<Exit, Failure> {
    let stage = stage::Stage::build(demo, session).await?;
    let played = scenes::play(&stage, session).await;
    let closed = stage.close().await;
    let folder = played?;
    closed?;
    tamper::show(&folder, session)
}
