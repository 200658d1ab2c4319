//! `mcp`: the gateway before a real MCP server.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use countersign_mcp::{Config, HoldPolicy, Program, Settings, default_server_name};

use crate::connect::connect_gateway;
use crate::daemon::beat;
use crate::error::Failure;
use crate::exit::Exit;
use crate::on_behalf::OnBehalf;
use crate::session::Session;
use crate::system::{SystemClock, SystemRandom};

/// Stand between an agent and an MCP server: every tool call is decided first, and recorded
///
/// Put `countersign mcp --` before the server's command in the agent's configuration.
#[derive(Debug, Args)]
pub(crate) struct Mcp {
    /// The server's name in policies [default: taken from the command]
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// The agent's id [default: what the client calls itself]
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// The agent's version
    #[arg(long, value_name = "VERSION")]
    agent_version: Option<String>,
    /// The model behind the agent
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    #[command(flatten)]
    on_behalf: OnBehalf,
    /// The environment [default: the gate's]
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Seconds to hold a call for a review before it is answered "pending" [default: what the client bears]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(0..=600))]
    hold: Option<u32>,
    /// Seconds that the server may take for a call before its outcome counts as unknown
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    deadline: u32,
    /// An environment variable that the server does not get, besides all COUNTERSIGN_ ones; may be repeated
    #[arg(long = "hide-env", value_name = "NAME")]
    hidden_env: Vec<OsString>,
    /// The real server's command
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(super) async fn run(args: Mcp, session: &mut Session) -> Result<Exit, Failure> {
    // With a gate elsewhere there may be no data folder, and so no configuration.
    let configured = if session.global.url.is_none() { session.global.config()?.hold_s } else { None };
    let client = connect_gateway(&session.global).await?;
    tokio::spawn(beat(client.clone()));
    let mut words = args.command.into_iter();
    let command = words.next().ok_or_else(|| Failure::Usage("name the server's command after `--`".to_owned()))?;
    let arguments: Vec<OsString> = words.collect();
    let server = args.server.unwrap_or_else(|| default_server_name(&command, &arguments));
    let hold = args.hold.or(configured).map(|seconds| Duration::from_secs(u64::from(seconds)));
    let settings = Settings {
        agent: args.agent,
        agent_version: args.agent_version,
        model: args.model,
        user: args.on_behalf.user(),
        environment: args.environment,
        hold: hold.map_or(HoldPolicy::PerClient, HoldPolicy::Fixed),
        deadline: Duration::from_secs(u64::from(args.deadline)),
        ..Settings::new(server, client, Arc::new(SystemRandom), Arc::new(SystemClock))
    };
    let program = Program { command, args: arguments, hidden_env: args.hidden_env, env: Vec::new() };
    let ended = countersign_mcp::run(Config { program, settings }).await;
    let status = ended.map_err(|error| Failure::No(error.to_string()))?;
    // A server that a signal ended has no code.
    Ok(Exit::As(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}
