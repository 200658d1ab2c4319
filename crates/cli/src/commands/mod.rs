//! One file per command.

mod action;
mod bench;
mod completions;
mod demo;
mod demo_server;
mod doctor;
mod erase;
mod hook;
mod init;
mod install;
mod key;
mod log;
mod mcp;
mod person;
mod policy;
mod review;
mod serve;
mod sessions;
mod stdio_peer;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use hook::no_on_panic;

use clap::Subcommand;

use crate::error::Failure;
use crate::exit::Exit;
use crate::session::Session;

/// Every command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play the main job on a fresh folder: no account, no key, and with --bundled no network
    Demo(demo::Demo),
    /// Make a data folder: keys, log, configuration, starter policy
    Init(init::Init),
    /// Run the gate on a data folder
    Serve(serve::Serve),
    /// Search actions, and tell one's story
    #[command(subcommand)]
    Action(action::Command),
    /// Look at what waits for people, and decide it
    #[command(subcommand)]
    Review(review::Command),
    /// Check, test, explain and activate policies
    #[command(subcommand)]
    Policy(policy::Command),
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Key(key::Command),
    /// Add, change, invite and list people
    #[command(subcommand)]
    Person(person::Command),
    /// List and end sessions of the console
    #[command(subcommand)]
    Session(sessions::Command),
    /// The evidence log: state, checkpoint, proofs, check of its files
    #[command(subcommand)]
    Log(log::Command),
    /// Verify evidence offline: a published log, a proof, an action's story
    Verify(verify::Verify),
    /// Stand between an agent and an MCP server: every tool call is decided first, and recorded
    Mcp(mcp::Mcp),
    /// Answer a coding agent's hook: built-in tools are decided first, and recorded
    Hook(hook::Hook),
    /// Put a coding agent's tools under the gate: hooks, and its MCP servers behind the gateway
    Install(install::Install),
    /// Try whether coding agents' tools go through the gate, and say what stays uncovered
    Doctor(doctor::Doctor),
    /// Destroy what identifies a person, without breaking proofs
    #[command(subcommand)]
    Erase(erase::Command),
    /// Measure this machine: decisions per second, latency, growth, MCP overhead, verification
    Bench(bench::Bench),
    /// A small MCP server with real effects on one folder
    #[command(hide = true)]
    DemoServer(demo_server::DemoServer),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

/// Runs a command.
pub(crate) async fn run(command: Command, session: &mut Session) -> Result<Exit, Failure> {
    match command {
        Command::Demo(args) => demo::run(&args, session).await,
        Command::Init(args) => init::run(&args, session).await,
        Command::Serve(args) => serve::run(&args, session).await,
        Command::Action(command) => action::run(command, session).await,
        Command::Review(command) => review::run(command, session).await,
        Command::Policy(command) => policy::run(command, session).await,
        Command::Key(command) => key::run(command, session).await,
        Command::Person(command) => person::run(command, session).await,
        Command::Session(command) => sessions::run(command, session).await,
        Command::Log(command) => log::run(command, session).await,
        Command::Verify(args) => verify::run(&args, session),
        Command::Mcp(args) => mcp::run(args, session).await,
        Command::Hook(args) => hook::run(args, session).await,
        Command::Install(args) => install::run(&args, session),
        Command::Doctor(args) => doctor::run(&args, session).await,
        Command::Erase(command) => erase::run(command, session).await,
        Command::Bench(args) => bench::run(&args, session).await,
        Command::DemoServer(args) => demo_server::run(&args).await,
        Command::Completions(args) => completions::run(&args, session),
    }
}
