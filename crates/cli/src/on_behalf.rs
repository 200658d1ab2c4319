//! The arguments that say for whom an agent acts.

use clap::Args;
use countersign_client::wire::UserRef;

/// The user behind an agent.
#[derive(Debug, Args)]
pub(crate) struct OnBehalf {
    /// The user on whose behalf the agent acts
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// A group that the user is in; may be repeated
    #[arg(long = "user-group", value_name = "NAME", requires = "user")]
    user_groups: Vec<String>,
}

impl OnBehalf {
    /// As the gate is told.
    pub(crate) fn user(self) -> Option<UserRef> {
        self.user.map(|id| UserRef { id, groups: self.user_groups })
    }
}
