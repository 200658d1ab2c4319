//! `action show`

use clap::Args;
use countersign_client::wire::ActionView;
use countersign_evidence::time::Timestamp;

use super::paint_of;
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::Facts;
use crate::session::Session;
use crate::style::Paint;
use crate::when;
use countersign_evidence::visible::pretty_json;

/// Show where an action stands
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The action, or any id that names one: request, trace, session, downstream request
    #[arg(value_name = "ID")]
    action: String,
    /// Wait so many seconds for a change while it waits for a review
    #[arg(long, default_value_t = 0, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(0..=600))]
    wait: u32,
}

pub(super) async fn run(args: &Show, session: &mut Session) -> Result<Exit, Failure> {
    let action = session.action(&args.action).await?;
    let view = session.client().await?.action(action, args.wait).await?;
    if session.out.json {
        session.out.json(&view)?;
        return Ok(Exit::Done);
    }
    let state = session.out.style.paint(paint_of(view.state), view.state.as_str());
    session.out.line(format!("Action {} is {state}", view.action))?;
    if !view.message.is_empty() {
        session.out.sentence(&view.message)?;
    }
    session.out.line("")?;
    let now = session.clock.now();
    facts(&view, now).print(&mut session.out)?;
    if let Some(payload) = view.authorization.as_ref().and_then(|authorization| authorization.payload.as_ref()) {
        session.out.line("")?;
        session.out.painted(Paint::Bold, "Payload, as a reviewer edited it")?;
        session.out.quote(&pretty_json(payload))?;
    }
    Ok(Exit::Done)
}

fn facts(view: &ActionView, now: Timestamp) -> Facts {
    let mut facts = Facts::default();
    let until = |time: Timestamp| format!("{} ({})", when::absolute(time), when::relative(time, now));
    facts.add("decision", crate::facts::name_of(&view.decision));
    let rules: Vec<String> = view.reasons.iter().map(|reason| format!("{} ({})", reason.rule, reason.effect)).collect();
    facts.add("rules", if rules.is_empty() { "none fired".to_owned() } else { rules.join(", ") });
    facts.add("risk", view.risk.to_string());
    facts.add("policy", &view.policy);
    if let Some(review) = &view.review {
        facts.add("waits for", review.groups.join(", "));
        facts.add("review ends", until(review.expires_at));
        for question in &review.questions {
            facts.add("a reviewer asks", &question.text);
        }
    }
    if let Some(authorization) = &view.authorization {
        facts.add("payload version", authorization.payload_version.to_string());
        facts.add("authorized until", until(authorization.expires_at));
    }
    if let Some(execution) = &view.execution {
        facts.add("attempt", &execution.attempt);
        facts.add("match", &execution.matches);
        facts.add("enforcement", &execution.enforcement);
        match &execution.outcome {
            Some(outcome) => facts.add("outcome", crate::facts::name_of(outcome)),
            None => facts.add("outcome due", until(execution.deadline)),
        }
    }
    facts.add("last record", format!("#{}", view.position));
    facts
}
