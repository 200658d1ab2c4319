//! Why a command cannot go on, in a line or two that say what to do.

use std::io;
use std::path::{Path, PathBuf};

use countersign_client::ClientError;

use crate::config::ConfigError;
use crate::deployment::DeploymentError;
use crate::exit::Exit;

/// Why a command ends early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The arguments do not fit together, or a file's content cannot be used.
    #[error("{0}")]
    Usage(String),
    /// What was asked for does not hold, or is refused here.
    #[error("{0}")]
    No(String),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The gate refused, or was not reached.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The data folder cannot be put to work.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// There is no gate to talk to.
    #[error("{0}")]
    Unreachable(String),
    /// A file or folder.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// Nobody reads the output any more, or it cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// For `map_err` beside the path of a file.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Failure + use<> {
        let path = path.to_owned();
        move |source| Failure::File { path, source }
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            // `countersign … | head` is no failure.
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Failure::Client(ClientError::Refused(_)) | Failure::No(_) => Exit::No,
            Failure::Deployment(DeploymentError::Exists(_) | DeploymentError::Gate(_)) => Exit::No,
            Failure::Deployment(DeploymentError::NotCreated(_) | DeploymentError::Master(_)) => Exit::Usage,
            Failure::Client(_) | Failure::Unreachable(_) | Failure::Deployment(_) => Exit::Unreachable,
            Failure::Usage(_) | Failure::Config(_) | Failure::File { .. } | Failure::Output(_) => Exit::Usage,
        }
    }
}
