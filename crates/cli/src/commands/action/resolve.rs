//! `action resolve`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use countersign_client::wire::{ActionView, ResolveRequest};
use countersign_evidence::json::{self, Limits, Object, Value};
use countersign_evidence::record::Outcome;
use uuid::Uuid;

use crate::error::Failure;
use crate::exit::Exit;
use crate::routes;
use crate::session::Session;

/// Largest evidence that is read, in bytes.
const MOST_EVIDENCE: u64 = 8 << 20;

/// What it turned out to be.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Settled {
    /// It was done.
    Succeeded,
    /// It was not.
    Failed,
}

/// Settle an outcome that nobody knows: you have found out what came of it
#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// The action, or any id that names one
    #[arg(value_name = "ID")]
    action: String,
    /// What came of it
    #[arg(long)]
    outcome: Settled,
    /// How that is known, in a word, such as downstream_ledger or asked_the_bank
    #[arg(long, value_name = "WORD")]
    basis: String,
    /// Why, in words; sealed in the evidence
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// A JSON file that shows it; sealed in the evidence
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// The id of the record elsewhere that it was read from
    #[arg(long, value_name = "UUID")]
    reference: Option<Uuid>,
}

pub(super) async fn run(args: Resolve, session: &mut Session) -> Result<Exit, Failure> {
    let mut evidence = Object::new();
    evidence.insert("reason", args.reason);
    if let Some(file) = &args.evidence {
        let size = std::fs::metadata(file).map_err(Failure::file(file))?.len();
        if size > MOST_EVIDENCE {
            return Err(Failure::Usage(format!("{} has more than {MOST_EVIDENCE} bytes", file.display())));
        }
        let text = std::fs::read(file).map_err(Failure::file(file))?;
        let read = json::parse(&text, Limits::default());
        evidence.insert("shown", read.map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?);
    }
    let action = session.action(&args.action).await?;
    let request = ResolveRequest {
        outcome: match args.outcome {
            Settled::Succeeded => Outcome::Succeeded,
            Settled::Failed => Outcome::Failed,
        },
        basis: args.basis,
        evidence: Some(Value::Object(evidence)),
        reference: args.reference,
    };
    let view: ActionView = session.client().await?.post(&routes::settle(action), &request).await?;
    match session.out.json {
        true => session.out.json(&view)?,
        false => session.out.line(format!("Settled: the action has {}.", view.state.as_str()))?,
    }
    Ok(Exit::Done)
}
