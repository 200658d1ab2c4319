//! Exit codes, the same for every command (`docs/cli.md`).

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what was asked; what was checked passes.
    Done,
    /// The answer is no: a check failed, the gate refused, the person did not confirm.
    No,
    /// The arguments, the configuration or a named file cannot be used.
    Usage,
    /// Something was not, or not wholly, checked; nothing that was checked failed.
    NotChecked,
    /// The gate does not answer.
    Unreachable,
    /// As the program that ran below it.
    As(u8),
}

impl Exit {
    /// The number that the process ends with.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::NotChecked => 3,
            Exit::Unreachable => 4,
            Exit::As(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// Shown below every help text.
pub(crate) const EXIT_CODES: &str = "Exit codes:
  0  done; what was checked passes
  1  the answer is no: a check failed, the gate refused, or it was not confirmed
  2  the arguments, the configuration or a file cannot be used
  3  not, or not wholly, checked
  4  the gate does not answer";
