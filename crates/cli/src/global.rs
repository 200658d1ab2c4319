//! Options that every command takes.

use std::path::PathBuf;

use clap::Args;

use crate::config::Config;
use crate::connect::default_data;
use crate::error::Failure;

/// Options that every command takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options for every command")]
pub(crate) struct Global {
    /// The data folder [default: $XDG_DATA_HOME/countersign, else ~/.local/share/countersign]
    #[arg(long, global = true, env = "COUNTERSIGN_DATA", value_name = "DIR", hide_env = true)]
    pub(crate) data: Option<PathBuf>,
    /// The configuration file [default: countersign.toml in the data folder]
    #[arg(long, global = true, env = "COUNTERSIGN_CONFIG", value_name = "FILE", hide_env = true)]
    pub(crate) config: Option<PathBuf>,
    /// A gate's address, such as http://127.0.0.1:8640, in place of the data folder
    #[arg(long, global = true, env = "COUNTERSIGN_URL", value_name = "URL", hide_env = true)]
    pub(crate) url: Option<String>,
    /// A file that holds the bearer key; without it the environment variable COUNTERSIGN_KEY is used
    #[arg(long, global = true, env = "COUNTERSIGN_KEY_FILE", value_name = "FILE", hide_env = true)]
    pub(crate) key_file: Option<PathBuf>,
    /// Print canonical JSON for machines
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// Whether the option is on the command line, and not in the environment.
fn says(option: &str) -> bool {
    // A path need not be UTF-8.
    let is = |word: &[u8]| {
        let rest = word.strip_prefix(option.as_bytes());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"="))
    };
    std::env::args_os().take_while(|word| word != "--").any(|word| is(word.as_encoded_bytes()))
}

impl Global {
    /// Where the command line names the data folder, it names the gate: what an agent works on can set its environment, and would
    /// name a gate that allows all.
    pub(crate) fn named_by_the_command_line(mut self) -> Self {
        if says("--data") && !says("--url") {
            self.url = None;
        }
        self
    }

    /// The data folder.
    ///
    /// # Errors
    /// [`Failure::Usage`] where none is named and there is no home folder.
    pub(crate) fn data(&self) -> Result<PathBuf, Failure> {
        let named = self.data.clone().or_else(default_data);
        named.ok_or_else(|| Failure::Usage("there is no home folder: name the data folder with --data".to_owned()))
    }

    /// The configuration.
    ///
    /// # Errors
    /// [`Failure`] with every problem of the file and the environment.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        Ok(Config::read(&self.data()?, self.config.as_deref())?)
    }
}
