//! `policy list`

use countersign_client::wire::PolicyView;

use crate::error::Failure;
use crate::exit::Exit;
use crate::routes;
use crate::session::Session;
use crate::style::Paint;
use crate::table::{Cell, Column, Table};
use crate::when;
use countersign_evidence::visible::visible;

pub(super) async fn run(session: &mut Session) -> Result<Exit, Failure> {
    let policies: Vec<PolicyView> = session.client().await?.get(routes::POLICIES).await?;
    if session.out.json {
        session.out.json(&policies)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new([
        Column::whole("VERSION"),
        Column::whole("STATE"),
        Column::whole("ACTIVATED"),
        Column::number("TESTS"),
        Column::number("RECORD"),
        Column::whole("DIGEST"),
    ]);
    let now = session.clock.now();
    for policy in &policies {
        let state = if policy.active { Cell::painted("in force", Paint::Green) } else { "earlier".into() };
        table.row([
            visible(&policy.version).into(),
            state,
            when::relative(policy.activated_at, now).into(),
            policy.tests_passed.to_string().into(),
            format!("#{}", policy.position).into(),
            Cell::painted(policy.digest.to_string(), Paint::Dim),
        ]);
    }
    session
        .out
        .table(&table, "No policy was ever in force, so everything is denied: `countersign policy activate`.")?;
    Ok(Exit::Done)
}
