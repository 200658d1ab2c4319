//! `policy`: check, test, explain, activate.

mod activate;
mod check;
mod evidence;
mod explain;
mod list;
mod show;
mod test;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use countersign_policy::PolicySet;

use crate::error::Failure;
use crate::exit::Exit;
use crate::session::Session;

/// Check, test, explain and activate policies
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a policy folder: what is wrong, and what is probably not meant
    Check(Folder),
    /// Run the tests of a policy folder
    Test(Folder),
    /// Say of every rule whether it fires for a recorded action, and why
    Explain(explain::Explain),
    /// Put a policy folder in force, after its tests
    Activate(Folder),
    /// List the versions that were in force
    List,
    /// Print a version's text
    Show(show::Show),
}

/// A policy folder.
#[derive(Debug, Args)]
pub(crate) struct Folder {
    /// The folder [default: the configured one]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Folder {
    fn path(self, session: &Session) -> Result<PathBuf, Failure> {
        match self.folder {
            Some(path) => Ok(path),
            None => Ok(session.global.config()?.policy_folder_in(&session.global.data()?)),
        }
    }
}

pub(super) async fn run(command: Command, session: &mut Session) -> Result<Exit, Failure> {
    match command {
        Command::Check(folder) => check::run(&folder.path(session)?, session),
        Command::Test(folder) => test::run(&folder.path(session)?, session),
        Command::Explain(args) => explain::run(&args, session).await,
        Command::Activate(folder) => activate::run(&folder.path(session)?, session).await,
        Command::List => list::run(session).await,
        Command::Show(args) => show::run(&args, session).await,
    }
}

/// Loads a folder for a command that is not about its problems.
fn load(folder: &std::path::Path) -> Result<PolicySet, Failure> {
    PolicySet::load_dir(folder).map_err(|problems| {
        let lines: Vec<String> = problems.0.iter().map(|problem| check::place(folder, problem)).collect();
        Failure::No(format!("the policy set is refused:\n{}", lines.join("\n")))
    })
}
