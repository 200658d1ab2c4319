//! `init`: the data folder's configuration and starter policy.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use clap::Args;
use countersign_evidence::json::{Object, Value};

use crate::config;
use crate::error::Failure;
use crate::exit::Exit;
use crate::session::Session;
use crate::starter::STARTER;
use crate::style::Paint;
use crate::visible::visible;

/// Make a data folder: configuration, starter policy
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Leave the policy folder empty: everything is denied until you write rules
    #[arg(long)]
    no_starter_policy: bool,
}

pub(super) fn run(args: &Init, session: &mut Session) -> Result<Exit, Failure> {
    let data = session.global.data()?;
    let config_path = session.global.config.clone().unwrap_or_else(|| data.join(config::FILE));
    if config_path.exists() {
        let path = config_path.display();
        return Err(Failure::No(format!("{path} is there already: this data folder is set up, nothing was changed")));
    }
    make_folder(&data)?;
    let policy = config::Config::default().policy_folder_in(&data);
    make_folder(&policy)?;
    if !args.no_starter_policy {
        for (path, text) in STARTER {
            let path = policy.join(path);
            make_folder(path.parent().unwrap_or(&policy))?;
            write_new(&path, text)?;
        }
    }
    // Last, so that a folder with a configuration is a complete one.
    write_new(&config_path, &config::sample())?;
    tell(&data, &config_path, &policy, session)
}

fn tell(data: &Path, config: &Path, policy: &Path, session: &mut Session) -> Result<Exit, Failure> {
    let told = [("data", data), ("config", config), ("policy", policy)];
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
        ("policy activate", "put the policy in force, while `serve` runs"),
        ("mcp -- COMMAND…", "before an MCP server's command: every tool call goes through the gate"),
    ] {
        let (program, rest) = command.split_once(" -- ").map_or((command, String::new()), |(a, b)| (a, format!(" -- {b}")));
        let why = session.out.style.paint(Paint::Dim, &format!("# {why}"));
        session.out.line(format!("  countersign {program}{at}{rest}  {why}"))?;
    }
    Ok(Exit::Done)
}

/// Mode 0700: what lies here is for its owner alone.
fn make_folder(path: &Path) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Failure::file(path))
}

/// Never overwrites: a file that is there stays as it is, and says so.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map_err(Failure::file(path)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && fs::read(path).is_ok_and(|old| old == text.as_bytes()) => Ok(()),
        Err(error) => Err(Failure::file(path)(error)),
    }
}
