//! `init`: a data folder with keys, log, configuration and starter policy.

use std::path::Path;

use clap::Args;
use countersign_evidence::json::{Object, Value};

use crate::config;
use crate::deployment::{self, Starter, TRUST};
use crate::error::Failure;
use crate::exit::Exit;
use crate::session::Session;
use crate::style::Paint;
use countersign_evidence::visible::visible;

/// Make a data folder: keys, log, configuration, starter policy
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Leave the policy folder empty: everything is denied until you write rules
    #[arg(long)]
    no_starter_policy: bool,
}

pub(super) async fn run(args: &Init, session: &mut Session) -> Result<Exit, Failure> {
    let (data, config) = (session.global.data()?, session.global.config()?);
    let starter = if args.no_starter_policy { Starter::Nothing } else { Starter::Whole };
    deployment::create(&data, &config, starter).await?;
    let config_path = session.global.config.clone().unwrap_or_else(|| data.join(config::FILE));
    tell(&data, &config_path, &config.policy_folder_in(&data), session)
}

fn tell(data: &Path, config: &Path, policy: &Path, session: &mut Session) -> Result<Exit, Failure> {
    let trust = data.join(TRUST);
    let told = [("data", data), ("config", config), ("policy", policy), ("trust", &trust)];
    if session.out.json {
        let paths = told.map(|(name, path)| (name, Value::from(path.display().to_string())));
        session.out.json(&Value::from(Object::from_iter(paths)))?;
        return Ok(Exit::Done);
    }
    for (name, path) in told {
        let name = session.out.style.paint(Paint::Dim, &format!("{name:<8}"));
        session.out.line(format!("{name}{}", visible(&path.display().to_string())))?;
    }
    session.out.line("")?;
    session.out.line("Next:")?;
    let at = if session.global.data.is_some() { format!(" --data {}", data.display()) } else { String::new() };
    for (command, why) in [
        ("policy test", "what the starter policy means, as examples"),
        ("serve", "the gate, on this machine"),
        ("mcp -- COMMAND…", "before an MCP server's command: every tool call goes through the gate"),
    ] {
        let (program, rest) =
            command.split_once(" -- ").map_or((command, String::new()), |(a, b)| (a, format!(" -- {b}")));
        let why = session.out.style.paint(Paint::Dim, &format!("# {why}"));
        session.out.line(format!("  countersign {program}{at}{rest}  {why}"))?;
    }
    Ok(Exit::Done)
}
