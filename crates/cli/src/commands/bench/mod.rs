//! `bench`: what the gate costs on this machine, as ratios taken in one run. Every counted decision is durable
//! (`synchronous=FULL`) before its answer.

mod approval;
mod connection;
mod ground;
mod growth;
mod hook;
mod latency;
mod load;
mod mcp;
mod mcp_http;
mod pages;
mod proxy;
mod throughput;
mod verify;

use clap::{Args, ValueEnum};

use crate::error::Failure;
use crate::exit::Exit;
use crate::session::Session;

/// Measure this machine: decisions per second, latency, growth, MCP overhead, verification
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// What to measure
    #[arg(value_enum, default_values_t = [Part::Throughput, Part::Latency, Part::Mcp, Part::Verify])]
    parts: Vec<Part>,
    /// Seconds of each measured interval
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Actions of the growth run, and those that pages are measured over
    #[arg(long, default_value_t = 2_000_000)]
    actions: u64,
    /// The folder to work in; it decides which disk is measured [default: a temporary folder]
    #[arg(long)]
    folder: Option<std::path::PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Decisions per second over HTTP at 64 and 256 connections, beside a trivial JSON handler
    Throughput,
    /// One connection, beside fdatasync
    Latency,
    /// A tool call through `countersign mcp`, beside the bare server
    Mcp,
    /// A tool call through the MCP gateway over HTTP, beside the bare server
    McpHttp,
    /// An event of a coding agent's hook, from process start to answer
    Hook,
    /// An API call through the HTTP gateway, beside the bare upstream
    Proxy,
    /// Verification of a published log
    Verify,
    /// From an approval's commit to the answer of the MCP call that was held for it
    Approval,
    /// Pages of the console over many actions (takes minutes)
    Pages,
    /// Rate, memory and disk over many actions (takes minutes)
    Growth,
}

pub(super) async fn run(args: &Bench, session: &mut Session) -> Result<Exit, Failure> {
    if cfg!(debug_assertions) {
        session.out.line("note: this is a debug build; measure with `cargo run --release -- bench`")?;
    }
    let ground = ground::Ground::build(args.folder.as_deref())?;
    for part in &args.parts {
        match part {
            Part::Throughput => throughput::run(&ground, args.seconds, &mut session.out).await?,
            Part::Latency => latency::run(&ground, args.seconds, &mut session.out).await?,
            Part::Mcp => mcp::run(&ground, args.seconds, &mut session.out).await?,
            Part::McpHttp => mcp_http::run(&ground, args.seconds, &mut session.out).await?,
            Part::Hook => hook::run(&ground, &mut session.out).await?,
            Part::Proxy => proxy::run(&ground, args.seconds, &mut session.out).await?,
            Part::Verify => verify::run(&ground, &mut session.out).await?,
            Part::Approval => approval::run(&ground, &mut session.out).await?,
            Part::Pages => pages::run(&ground, args.actions, &mut session.out).await?,
            Part::Growth => growth::run(&ground, args.actions, &mut session.out).await?,
        }
    }
    Ok(Exit::Done)
}
