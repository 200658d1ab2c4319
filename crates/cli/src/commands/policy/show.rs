//! `policy show`

use clap::Args;
use countersign_client::Client;
use countersign_client::wire::PolicyView;

use crate::error::Failure;
use crate::exit::Exit;
use crate::routes;
use crate::session::Session;
use crate::style::Paint;
use countersign_evidence::visible::{visible, visible_lines};

/// Print a version's text
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The version [default: the one in force]
    #[arg(value_name = "VERSION")]
    version: Option<String>,
}

pub(super) async fn run(args: &Show, session: &mut Session) -> Result<Exit, Failure> {
    let client = session.client().await?;
    let version = match &args.version {
        Some(version) => version.clone(),
        None => in_force(&client).await?,
    };
    let policy: PolicyView = client.get(&routes::policy(&version)).await?;
    if session.out.json {
        session.out.json(&policy)?;
        return Ok(Exit::Done);
    }
    for (path, text) in policy.files.iter().flatten() {
        session.out.painted(Paint::Dim, format!("// ── {} ──", visible(path)))?;
        session.out.line(visible_lines(text.trim_end()))?;
        session.out.line("")?;
    }
    Ok(Exit::Done)
}

async fn in_force(client: &Client) -> Result<String, Failure> {
    let policies: Vec<PolicyView> = client.get(routes::POLICIES).await?;
    let active = policies.into_iter().find(|policy| policy.active);
    active
        .map(|policy| policy.version)
        .ok_or_else(|| Failure::No("no policy is in force: everything is denied".to_owned()))
}
