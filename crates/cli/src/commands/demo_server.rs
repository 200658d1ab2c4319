//! `demo-server`: the bundled MCP server.

use std::path::PathBuf;

use clap::Args;

use crate::error::Failure;
use crate::exit::Exit;

/// A small MCP server with real effects on one folder
#[derive(Debug, Args)]
pub(crate) struct DemoServer {
    /// The folder that it reads and writes
    folder: PathBuf,
}

pub(super) async fn run(args: &DemoServer) -> Result<Exit, Failure> {
    let input = countersign_mcp::standard_input()?;
    let served = countersign_mcp::bundled_server(&args.folder, input, tokio::io::stdout()).await;
    served.map_err(|error| Failure::No(error.to_string()))?;
    Ok(Exit::Done)
}
