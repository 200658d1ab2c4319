//! `review list`

use countersign_client::wire::PendingReview;
use countersign_evidence::time::Timestamp;

use crate::error::Failure;
use crate::exit::Exit;
use crate::routes;
use crate::session::Session;
use crate::style::Paint;
use crate::table::{Cell, Column, Table};
use crate::when;
use countersign_evidence::visible::visible;

pub(super) async fn run(session: &mut Session) -> Result<Exit, Failure> {
    let mut reviews: Vec<PendingReview> = session.client().await?.get(routes::REVIEWS).await?;
    if session.out.json {
        session.out.json(&reviews)?;
        return Ok(Exit::Done);
    }
    reviews.sort_by_key(|review| review.expires_at);
    let now = session.clock.now();
    session.out.table(&table(&reviews, now), "Nothing waits for a review.")?;
    Ok(Exit::Done)
}

fn table(reviews: &[PendingReview], now: Timestamp) -> Table<8> {
    let mut table = Table::new([
        Column::whole("ENDS"),
        Column::whole("PROPOSED").or_drop(3),
        Column::number("RISK").or_drop(1),
        Column::up_from("AGENT", 6),
        Column::up_from("TOOL", 10),
        Column::up_from("ENVIRONMENT", 11).or_drop(4),
        Column::up_from("NEEDS", 10).or_drop(2),
        Column::whole("ACTION"),
    ]);
    for review in reviews {
        table.row([
            when::relative(review.expires_at, now).into(),
            when::relative(review.proposed_at, now).into(),
            review.risk.to_string().into(),
            visible(&review.agent).into(),
            visible(&review.tool).into(),
            visible(&review.environment).into(),
            visible(&needs(review)).into(),
            Cell::painted(review.action.to_string(), Paint::Dim),
        ]);
    }
    table
}

/// `finance 1/2, security 0/1`
pub(super) fn needs(review: &PendingReview) -> String {
    let told = review
        .requirements
        .iter()
        .map(|one| format!("{} {}/{}", one.groups.join("|"), one.approvals.len(), one.quorum));
    told.collect::<Vec<_>>().join(", ")
}
