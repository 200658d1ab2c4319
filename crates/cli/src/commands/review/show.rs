//! `review show`, and what `approve` and `deny` show before they ask.

use clap::Args;
use countersign_client::wire::{PendingReview, Presentation, State};
use countersign_evidence::time::Timestamp;
use uuid::Uuid;

use super::list::needs;
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::Facts;
use crate::output::Output;
use crate::routes;
use crate::session::Session;
use crate::style::Paint;
use crate::when;
use countersign_evidence::visible::{pretty_json, visible};

/// Show everything that there is to judge, the payload whole
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The action, or any id that names one
    #[arg(value_name = "ID")]
    action: String,
}

pub(super) async fn run(args: &Show, session: &mut Session) -> Result<Exit, Failure> {
    let presentation = fetch(&args.action, session).await?;
    if session.out.json {
        session.out.json(&presentation)?;
        return Ok(Exit::Done);
    }
    let now = session.clock.now();
    print(&presentation, now, &mut session.out)?;
    let action = presentation.review.action;
    session.out.line("")?;
    session.out.painted(Paint::Dim, format!("countersign review approve {action}"))?;
    session.out.painted(Paint::Dim, format!("countersign review deny {action} --reason \"…\""))?;
    Ok(Exit::Done)
}

/// What there is to judge. That it was shown goes on record.
pub(super) async fn fetch(id: &str, session: &mut Session) -> Result<Presentation, Failure> {
    let action = session.action(id).await?;
    match session.client().await?.get(&routes::review(action)).await {
        Ok(presentation) => Ok(presentation),
        Err(refused) => Err(over(action, session).await?.unwrap_or_else(|| refused.into())),
    }
}

/// The same review without looking at it.
pub(super) async fn waiting(id: &str, session: &mut Session) -> Result<PendingReview, Failure> {
    let action = session.action(id).await?;
    let reviews: Vec<PendingReview> = session.client().await?.get(routes::REVIEWS).await?;
    match reviews.into_iter().find(|review| review.action == action) {
        Some(review) => Ok(review),
        None => Err(over(action, session).await?.unwrap_or_else(|| {
            Failure::No("this waits for others: `countersign review list` has what you may decide".to_owned())
        })),
    }
}

/// Where nobody is asked about the action: what became of it.
async fn over(action: Uuid, session: &mut Session) -> Result<Option<Failure>, Failure> {
    let view = session.client().await?.action(action, 0).await.ok().filter(|view| view.state != State::Waiting);
    Ok(view.map(|view| Failure::No(format!("nobody is asked about this action: it is {}", view.state.as_str()))))
}

/// The sentence first, then what decides, then why, then the payload: whole, and never shortened.
pub(super) fn print(presentation: &Presentation, now: Timestamp, out: &mut Output) -> Result<(), Failure> {
    let review = &presentation.review;
    out.sentence(&presentation.sentence)?;
    out.line("")?;
    let mut facts = Facts::default();
    facts.add("action", review.action.to_string());
    facts.add("agent", &review.agent);
    facts.add_some("on behalf of", presentation.user.as_ref());
    facts.add("tool", &review.tool);
    facts.add("category", &review.category);
    facts.add_some("resource", presentation.resource.as_ref());
    facts.add("environment", &review.environment);
    facts.add("risk", risk(presentation));
    facts.add("proposed", when::relative(review.proposed_at, now));
    facts.add("ends", format!("{}; undecided is denied", when::relative(review.expires_at, now)));
    facts.add("needs", needs(review));
    facts.print(out)?;
    for requirement in &review.requirements {
        out.line("")?;
        out.painted(Paint::Dim, format!("Rule {} says", visible(&requirement.rule)))?;
        out.quote(&requirement.message)?;
    }
    if let Some(intent) = &presentation.intent {
        out.line("")?;
        out.painted(Paint::Dim, "The agent claims (nobody has checked it)")?;
        out.quote(intent)?;
    }
    out.line("")?;
    out.painted(Paint::Dim, format!("Payload, whole (version {})", review.payload_version))?;
    out.quote(&pretty_json(&presentation.payload))?;
    out.painted(Paint::Dim, format!("Digest {}", review.payload_digest))?;
    Ok(())
}

fn risk(presentation: &Presentation) -> String {
    match presentation.risk_factors.as_slice() {
        [] => presentation.review.risk.to_string(),
        factors => format!("{} ({})", presentation.review.risk, factors.join(", ")),
    }
}
