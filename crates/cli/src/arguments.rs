//! The command line as a whole.

use clap::Parser;

use crate::commands::Command;
use crate::exit::EXIT_CODES;
use crate::global::Global;

/// Audit trail and control point for AI agents' side effects: decided before it runs, recorded before the answer, provable
/// afterwards
#[derive(Debug, Parser)]
#[command(name = "countersign", version, after_help = EXIT_CODES, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_key_is_never_an_argument() {
        fn no_key(command: &clap::Command) {
            for argument in command.get_arguments() {
                assert!(!["key", "secret", "token", "password"].contains(&argument.get_long().unwrap_or_default()));
            }
            command.get_subcommands().for_each(no_key);
        }
        no_key(&Arguments::command());
    }

    #[test]
    fn every_command_and_option_says_what_it_does() {
        fn told(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
            command.get_subcommands().for_each(told);
        }
        told(&Arguments::command());
    }
}
