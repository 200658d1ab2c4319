//! `action story`

use clap::Args;
use countersign_client::wire::{RuntimeContext, Story};

use super::{context, paint_of, timeline};
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::Facts;
use crate::output::Output;
use crate::routes;
use crate::session::Session;
use crate::style::Paint;
use crate::when;
use countersign_evidence::visible::visible;

/// Facts of more lines are left out by default.
const MOST_LINES: usize = 8;

/// Tell an action's story: the four answers, its records, and what the agent's side reported
#[derive(Debug, Args)]
pub(crate) struct StoryArgs {
    /// The action, or any id that names one: request, trace, session, downstream request
    #[arg(value_name = "ID")]
    action: String,
    /// Also show long facts whole
    #[arg(long)]
    full: bool,
}

pub(super) async fn run(args: &StoryArgs, session: &mut Session) -> Result<Exit, Failure> {
    let action = session.action(&args.action).await?;
    let story: Story = session.client().await?.get(&routes::story(action)).await?;
    if session.out.json {
        session.out.json(&story)?;
    } else {
        tell(&story, args.full, &mut session.out)?;
        // The story stands without it.
        match session.client().await?.get::<RuntimeContext>(&routes::context(action)).await {
            Ok(told) => context::print(&told, &mut session.out)?,
            Err(error) => {
                session.out.painted(Paint::Dim, format!("No runtime context: {}", visible(&error.to_string())))?
            }
        }
    }
    Ok(Exit::Done)
}

/// The four answers and the timeline, for people; long facts only where they are asked for.
fn tell(story: &Story, full: bool, out: &mut Output) -> Result<(), Failure> {
    let summary = &story.summary;
    let state = out.style.paint(paint_of(story.state), story.state.as_str());
    let badge = out.style.paint(paint_of_badge(&story.badge), &visible(&story.badge));
    out.line(format!("Action {} is {state}  [{badge}]", story.action))?;
    let (tool, agent) = (visible(&summary.tool), visible(&summary.agent));
    let environment = visible(&summary.environment);
    out.painted(Paint::Dim, format!("{tool} by {agent} in {environment}, {}", when::absolute(summary.time)))?;
    for (at, answer) in story.answers.iter().enumerate() {
        out.line("")?;
        out.painted(Paint::Dim, format!("{}. {}", at + 1, visible(&answer.question)))?;
        out.sentence(&answer.sentence)?;
        let facts = Facts::of(&answer.facts);
        let facts = if full { facts } else { facts.fold(MOST_LINES) };
        facts.print(out)?;
    }
    out.line("")?;
    out.painted(Paint::Dim, "Records")?;
    timeline::print(&story.records, out)
}

fn paint_of_badge(badge: &str) -> Paint {
    match badge {
        "EXACT" | "EDITED" => Paint::Green,
        "MISMATCH" => Paint::Red,
        "UNKNOWN" => Paint::Yellow,
        _ => Paint::Dim,
    }
}
