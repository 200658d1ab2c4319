//! `log status`

use countersign_client::wire::LogView;

use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::Facts;
use crate::routes;
use crate::session::Session;

pub(super) async fn run(session: &mut Session) -> Result<Exit, Failure> {
    let log: LogView = session.client().await?.get(routes::LOG).await?;
    if session.out.json {
        session.out.json(&log)?;
        return Ok(Exit::Done);
    }
    let behind = |level: u64| match log.sequenced.saturating_sub(level) {
        0 => format!("{level} (all)"),
        missing => format!("{level} ({missing} to go)"),
    };
    let mut facts = Facts::default();
    facts.add("origin", &log.origin);
    facts.add("verifier key", &log.vkey);
    facts.add("durable records", log.sequenced.to_string());
    facts.add("published", behind(log.published));
    facts.add("searchable", behind(log.indexed));
    facts.print(&mut session.out)?;
    Ok(Exit::Done)
}
