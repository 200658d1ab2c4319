//! What the agent does, scene by scene, and what must come of it.

use std::path::{Path, PathBuf};

use countersign_evidence::digest::Digest;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::{Agent as AgentRef, Correlation, Outcome, ToolRef, Verdict};
use countersign_wire::{
    ActionView, DecideRequest, FinishRequest, PendingReview, Presentation, ProposeRequest, StartRequest, State, Story,
};

use super::agent::{Agent, ToolAnswer};
use super::stage::{Stage, bundled};
use crate::error::Failure;
use crate::session::Session;
use crate::style::Paint;
use countersign_evidence::visible::visible;

/// Plays all scenes; the demo's folder.
pub(super) async fn play(stage: &Stage, session: &mut Session) -> Result<PathBuf, Failure> {
    let out = &mut session.out;
    out.painted(Paint::Bold, "An agent works in a folder, behind a gate.")?;
    out.line(format!("  folder  {}", stage.folder.display()))?;
    let mut agent = start(stage, session).await?;
    let reviewed = with_tools(stage, &mut agent, session).await;
    agent.stop().await;
    let reviewed = reviewed?;
    let refused = another_payload(stage, session).await?;
    for (title, action) in
        [("The reviewed change, from its records", reviewed), ("The refund, from its records", refused)]
    {
        scene(session, title)?;
        let story: Story = stage.owner.get(&format!("/v1/actions/{action}/story")).await?;
        four_answers(&story, session)?;
    }
    Ok(stage.folder.clone())
}

async fn start(stage: &Stage, session: &mut Session) -> Result<Agent, Failure> {
    session.out.line(format!("  server  {}", stage.server.join(" ")))?;
    session.out.flush()?;
    match Agent::start(&stage.data, &stage.server).await {
        Ok(agent) => Ok(agent),
        Err(failure) => {
            let bundled = bundled(&stage.work.display().to_string());
            if bundled == stage.server {
                return Err(failure);
            }
            session.out.line("          it cannot be fetched here, so the bundled server takes its place")?;
            Agent::start(&stage.data, &bundled).await
        }
    }
}

/// The four answers, a sentence each; `action story` has the facts behind them.
fn four_answers(story: &Story, session: &mut Session) -> Result<(), Failure> {
    let out = &mut session.out;
    out.painted(Paint::Dim, format!("   action {}  [{}]", story.action, story.badge))?;
    for answer in &story.answers {
        out.painted(Paint::Dim, format!("   {}", visible(&answer.question)))?;
        out.line(format!("   {}", visible(&answer.sentence)))?;
    }
    Ok(())
}

fn scene(session: &mut Session, title: &str) -> Result<(), Failure> {
    session.out.line("")?;
    session.out.painted(Paint::Bold, format!("── {title}"))?;
    Ok(())
}

fn tell(session: &mut Session, answer: &ToolAnswer) -> Result<(), Failure> {
    let first = answer.text.lines().next().unwrap_or_default();
    let paint = if answer.is_error { Paint::Yellow } else { Paint::Green };
    session.out.painted(paint, format!("   {}", visible(first)))?;
    session.out.flush()?;
    Ok(())
}

/// What did not come out as it must: the demo says so and fails.
fn must(holds: bool, what: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::No(format!("the demo did not come out as it must: {what}"))) }
}

/// Reads, writes, tries what is forbidden, asks for what needs approval; the reviewed action.
async fn with_tools(stage: &Stage, agent: &mut Agent, session: &mut Session) -> Result<uuid::Uuid, Failure> {
    let path = |name: &str| stage.work.join(name).display().to_string();
    scene(session, "The agent reads notes.txt: allowed")?;
    let answer = agent.call("read_file", &[("path", &path("notes.txt"))]).await?;
    tell(session, &answer)?;
    must(!answer.is_error, "reading was denied")?;

    scene(session, "It writes draft.txt: allowed")?;
    let answer = agent.call("write_file", &[("path", &path("draft.txt")), ("content", "Figures: pending\n")]).await?;
    tell(session, &answer)?;
    must(stage.work.join("draft.txt").exists(), "draft.txt was not written")?;

    scene(session, "It tries to overwrite .env: forbidden, and never reaches the server")?;
    let answer = agent.call("write_file", &[("path", &path(".env")), ("content", "API_TOKEN=stolen\n")]).await?;
    tell(session, &answer)?;
    must(answer.is_error && read(&stage.work.join(".env"))?.contains("keep-me"), "the forbidden write happened")?;

    scene(session, "It changes reports/quarter.txt: that needs an owner's approval")?;
    let arguments = [("path", path("reports/quarter.txt")), ("content", "Revenue: 1,340\n".to_owned())];
    let arguments = arguments.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = agent.call("write_file", &arguments).await?;
    tell(session, &answer)?;
    must(answer.is_error && !read(&stage.work.join("reports/quarter.txt"))?.contains("1,340"), "it did not wait")?;
    let action = approve(stage, session).await?;

    scene(session, "It calls again with the same arguments: the approval is used, once")?;
    let answer = agent.call("write_file", &arguments).await?;
    tell(session, &answer)?;
    must(read(&stage.work.join("reports/quarter.txt"))?.contains("1,340"), "the approved change was not made")?;
    Ok(action)
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(Failure::file(path))
}

/// The viewer decides as a reviewer; the demo goes on only with an approval.
async fn approve(stage: &Stage, session: &mut Session) -> Result<uuid::Uuid, Failure> {
    let waiting: Vec<PendingReview> = stage.reviewer.get("/v1/reviews").await?;
    let review = waiting.first().ok_or_else(|| Failure::No("no review waits".to_owned()))?;
    let shown: Presentation = stage.reviewer.get(&format!("/v1/reviews/{}", review.action)).await?;
    let out = &mut session.out;
    out.line(format!("   {}", visible(&shown.sentence)))?;
    out.line(format!("   payload {}", visible(&shown.payload.to_canonical())))?;
    for requirement in &shown.review.requirements {
        out.line(format!("   rule    {}: {}", visible(&requirement.rule), visible(&requirement.message)))?;
    }
    if stage.ask && !out.confirm("   Approve it?")? {
        return Err(Failure::No("you did not approve it, so nothing was changed: the demo ends here".to_owned()));
    }
    let request = DecideRequest {
        reason: Some("The figures are final.".to_owned()),
        presentation_digest: shown.presentation_digest,
        ..DecideRequest::new(Verdict::Approve, shown.review.payload_digest)
    };
    let view = stage.reviewer.decide(review.action, &request).await?;
    must(view.state == State::Authorized, "the approval did not authorize")?;
    out.painted(Paint::Green, "   approved")?;
    Ok(review.action)
}

/// Another payload than the approved one is refused and recorded; the approved one goes through.
async fn another_payload(stage: &Stage, session: &mut Session) -> Result<uuid::Uuid, Failure> {
    scene(session, "Another agent may refund 120, then tries to execute a refund of 1200")?;
    let payload =
        |amount: i64| Value::Object(Object::from_iter([("order", Value::from("17")), ("amount", Value::from(amount))]));
    let view = stage.support.propose(&refund(payload(120))).await?;
    must(view.state == State::Authorized, "the small refund was not allowed")?;
    let start = |payload: Value| StartRequest {
        attempt: "attempt-1".to_owned(),
        request_id: None,
        context: None,
        executor: None,
        payload: Some(payload),
        payload_sha256: None,
        deadline_s: None,
    };
    let refused = stage.support.start(view.action, &start(payload(1200))).await;
    let name = refused.as_ref().err().and_then(|error| error.problem()).map(|problem| problem.name().to_owned());
    must(name.as_deref() == Some("mismatch"), "the other payload was not refused as a mismatch")?;
    session.out.painted(Paint::Yellow, "   refused: the payload is not the authorized one")?;
    let started: ActionView = stage.support.start(view.action, &start(payload(120))).await?;
    must(started.state == State::Executing, "the authorized payload was not let through")?;
    let finish = FinishRequest {
        attempt: "attempt-1".to_owned(),
        outcome: Outcome::Succeeded,
        status: Some("200".to_owned()),
        response: Some(Value::Object(Object::from_iter([("refund", "r-17")]))),
        error: None,
        downstream_request_id: Some("r-17".to_owned()),
        duration_us: None,
    };
    stage.support.finish(view.action, &finish).await?;
    session.out.painted(Paint::Green, "   the refund of 120 went through, once")?;
    Ok(view.action)
}

fn refund(payload: Value) -> ProposeRequest {
    let digest = Digest::of(payload.to_canonical().as_bytes());
    ProposeRequest {
        request_id: format!("demo-{digest}"),
        agent: AgentRef { id: "support-bot".to_owned(), version: None },
        model: None,
        user: None,
        environment: None,
        tool: ToolRef { name: "refund".to_owned(), server: "payments".to_owned(), definition: None },
        category: None,
        resource: None,
        payload,
        intent: Some("The customer of order 17 was promised a refund.".to_owned()),
        context: None,
        correlation: Correlation::default(),
        source: None,
        start_if_allowed: None,
        redeem: false,
        wait_s: 0,
    }
}
