//! `review approve` and `review deny`: what is judged is what was just shown.

use std::path::{Path, PathBuf};

use clap::Args;
use countersign_client::wire::{DecideRequest, Presentation};
use countersign_evidence::digest::Digest;
use countersign_evidence::json::{self, Limits, Value};
use countersign_evidence::record::Verdict;

use super::difference::differences;
use super::show;
use crate::commands::action::paint_of;
use crate::error::Failure;
use crate::exit::Exit;
use crate::session::Session;
use crate::style::Paint;
use countersign_evidence::visible::{pretty_json, visible};

/// Largest edited payload that is read, in bytes.
const MOST_EDIT: usize = 8 << 20;

/// Approve exactly the payload that is shown, or an edited one
#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The action, or any id that names one
    #[arg(value_name = "ID")]
    action: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Approve the payload in this JSON file instead: policy decides again, and earlier approvals are asked for again
    #[arg(long, value_name = "FILE")]
    edit: Option<PathBuf>,
    /// Refuse unless the payload still has this digest, as `review show --json` said
    #[arg(long, value_name = "DIGEST")]
    digest: Option<Digest>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Deny, with a reason
#[derive(Debug, Args)]
pub(crate) struct Deny {
    /// The action, or any id that names one
    #[arg(value_name = "ID")]
    action: String,
    /// Why; the agent is told. Asked for at a terminal where it is missing
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Refuse unless the payload still has this digest, as `review show --json` said
    #[arg(long, value_name = "DIGEST")]
    digest: Option<Digest>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// What both have in common.
pub(super) struct Decide {
    action: String,
    reason: Option<String>,
    edit: Option<PathBuf>,
    digest: Option<Digest>,
    yes: bool,
}

impl From<Approve> for Decide {
    fn from(Approve { action, reason, edit, digest, yes }: Approve) -> Self {
        Decide { action, reason, edit, digest, yes }
    }
}

impl From<Deny> for Decide {
    fn from(Deny { action, reason, digest, yes }: Deny) -> Self {
        Decide { action, reason, edit: None, digest, yes }
    }
}

pub(super) async fn run(mut args: Decide, verdict: Verdict, session: &mut Session) -> Result<Exit, Failure> {
    let edited = args.edit.as_deref().map(read_edit).transpose()?;
    // Where nobody looks nothing is presented: the records claim no more than happened.
    let (review, presentation) = match args.yes {
        true => (show::waiting(&args.action, session).await?, None),
        false => {
            let presentation = show::fetch(&args.action, session).await?;
            (presentation.review.clone(), Some(presentation))
        }
    };
    let judged = review.payload_digest;
    if args.digest.is_some_and(|expected| expected != judged) {
        return Err(Failure::No(format!("the payload has changed: its digest is {judged} now. Look at it again")));
    }
    let active_ms = match &presentation {
        None => None,
        Some(presentation) => match ask(&mut args, verdict, presentation, edited.as_ref(), session)? {
            Some(active_ms) => Some(active_ms),
            None => {
                session.out.line("Nothing was decided.")?;
                return Ok(Exit::No);
            }
        },
    };
    if verdict == Verdict::Deny && args.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
        return Err(Failure::Usage("a denial needs a reason: --reason \"…\"".to_owned()));
    }
    let request = DecideRequest {
        verdict,
        reason: args.reason,
        payload_digest: judged,
        payload: edited,
        presentation_digest: presentation.and_then(|presentation| presentation.presentation_digest),
        active_ms,
        expanded_all: None,
        on_behalf_of: None,
        together_with: None,
        signature: None,
    };
    let view = session.client().await?.decide(review.action, &request).await?;
    if session.out.json {
        session.out.json(&view)?;
        return Ok(Exit::Done);
    }
    let done = if verdict == Verdict::Approve { "Approved" } else { "Denied" };
    let state = session.out.style.paint(paint_of(view.state), view.state.as_str());
    session.out.line(format!("{done}. The action is {state}."))?;
    Ok(Exit::Done)
}

/// Shows all of it and asks. The time between, in milliseconds; `None` for no.
fn ask(
    args: &mut Decide,
    verdict: Verdict,
    presentation: &Presentation,
    edited: Option<&Value>,
    session: &mut Session,
) -> Result<Option<u64>, Failure> {
    if !session.out.interactive || session.out.json {
        return Err(Failure::Usage(
            "nobody can be asked here: look at it with `review show`, then decide with --yes".into(),
        ));
    }
    let (now, shown_at) = (session.clock.now(), session.clock.monotonic_us());
    show::print(presentation, now, &mut session.out)?;
    session.out.line("")?;
    if let Some(edited) = edited {
        print_edit(&presentation.payload, edited, session)?;
    }
    let question = match (verdict, edited) {
        (Verdict::Deny, _) => "Deny this?",
        (Verdict::Approve, None) => "Approve exactly this payload?",
        (Verdict::Approve, Some(_)) => "Approve the edited payload?",
    };
    if !session.out.confirm(question)? {
        return Ok(None);
    }
    let active_us = session.clock.monotonic_us() - shown_at;
    if verdict == Verdict::Deny && args.reason.is_none() {
        args.reason = session.out.ask("Why?")?;
    }
    Ok(Some(u64::try_from(active_us / 1000).unwrap_or_default()))
}

fn print_edit(before: &Value, after: &Value, session: &mut Session) -> Result<(), Failure> {
    session.out.painted(Paint::Dim, "Edited payload, whole")?;
    session.out.quote(&pretty_json(after))?;
    session.out.line("")?;
    session.out.painted(Paint::Dim, "What the edit changes")?;
    let differences = differences(before, after);
    if differences.is_empty() {
        session.out.line("Nothing.")?;
    }
    for difference in differences {
        session.out.quote(&visible(&difference))?;
    }
    session.out.line("")?;
    Ok(())
}

fn read_edit(path: &Path) -> Result<Value, Failure> {
    let bytes = std::fs::read(path).map_err(Failure::file(path))?;
    let value = json::parse(&bytes, Limits { bytes: MOST_EDIT, ..Limits::default() });
    value.map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}
