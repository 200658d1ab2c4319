//! `key`: API keys.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use countersign_client::wire::{KeyCreatedView, KeyRequest, KeyView};
use countersign_evidence::json::Object;
use countersign_evidence::record::KeyKind;
use uuid::Uuid;

use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::name_of;
use crate::routes;
use crate::session::Session;
use crate::style::Paint;
use crate::table::{Cell, Column, Table};
use crate::when;
use countersign_evidence::visible::visible;

/// Make, list and revoke API keys
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key; its secret is shown this once
    Create(Create),
    /// List keys, without their secrets
    List,
    /// Revoke a key at once and for good
    Revoke(Revoke),
}

/// Make a key; its secret is shown this once
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// What it may do: agent and gateway keys propose and execute, reviewer keys decide, operator keys configure, auditor
    /// keys look
    #[arg(long, value_parser = PossibleValuesParser::new(KeyKind::ALL.map(KeyKind::as_str)))]
    kind: String,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    label: String,
    /// Only in this environment; may be repeated [default: all]
    #[arg(long = "environment", value_name = "NAME")]
    environments: Vec<String>,
    /// Only for this agent; may be repeated [default: all]
    #[arg(long = "agent", value_name = "ID")]
    agents: Vec<String>,
    /// The person that a reviewer's key stands for
    #[arg(long, value_name = "ID")]
    person: Option<Uuid>,
}

/// Revoke a key at once and for good
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Its id, as `key list` shows it
    #[arg(value_name = "ID")]
    id: Uuid,
}

pub(super) async fn run(command: Command, session: &mut Session) -> Result<Exit, Failure> {
    match command {
        Command::Create(args) => create(args, session).await,
        Command::List => list(session).await,
        Command::Revoke(args) => revoke(&args, session).await,
    }
}

async fn create(args: Create, session: &mut Session) -> Result<Exit, Failure> {
    let kind = KeyKind::from_name(&args.kind).ok_or_else(|| Failure::Usage("--kind: unknown kind".to_owned()))?;
    if (kind == KeyKind::Reviewer) != args.person.is_some() {
        let text = "a reviewer's key, and no other, stands for a person: --person ID (`countersign person list`)";
        return Err(Failure::Usage(text.to_owned()));
    }
    let Create { label, environments, agents, person, .. } = args;
    let request = KeyRequest { kind, label, environments, agents, person };
    let created: KeyCreatedView = session.client().await?.post(routes::KEYS, &request).await?;
    if session.out.json {
        session.out.json(&created)?;
        return Ok(Exit::Done);
    }
    session.out.line(visible(&created.secret))?;
    // The secret alone goes to standard output, so that it can be sent into a file.
    eprintln!("Key {}. Keep the secret now: it is not shown again. {}", created.key, use_of(kind));
    Ok(Exit::Done)
}

/// How a key is shown to the gate.
fn use_of(kind: KeyKind) -> &'static str {
    match kind {
        // In the operator's own terminal it would take the operator's rights away.
        KeyKind::Agent | KeyKind::Gateway => {
            "The agent's side shows it as a bearer token; its programs read COUNTERSIGN_KEY or --key-file."
        }
        _ => "Commands use it through COUNTERSIGN_KEY or --key-file.",
    }
}

async fn list(session: &mut Session) -> Result<Exit, Failure> {
    let keys: Vec<KeyView> = session.client().await?.get(routes::KEYS).await?;
    if session.out.json {
        session.out.json(&keys)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new([
        Column::whole("KIND"),
        Column::up_from("LABEL", 8),
        Column::up_from("ENVIRONMENTS", 12).or_drop(2),
        Column::up_from("AGENTS", 8).or_drop(3),
        Column::whole("MADE").or_drop(4),
        Column::whole("REVOKED").or_drop(1),
        Column::whole("PERSON").or_drop(5),
        Column::whole("KEY"),
    ]);
    let now = session.clock.now();
    let limits = |names: &[String]| if names.is_empty() { "all".to_owned() } else { visible(&names.join(" ")) };
    for key in &keys {
        let revoked = key.revoked_at.map(|time| when::relative(time, now)).unwrap_or_default();
        table.row([
            name_of(&key.kind).into(),
            visible(&key.label).into(),
            limits(&key.environments).into(),
            limits(&key.agents).into(),
            when::relative(key.created_at, now).into(),
            Cell::painted(revoked, Paint::Red),
            key.person.map(|person| person.to_string()).unwrap_or_default().into(),
            Cell::painted(key.key.to_string(), Paint::Dim),
        ]);
    }
    session.out.table(&table, "There are no keys.")?;
    Ok(Exit::Done)
}

async fn revoke(args: &Revoke, session: &mut Session) -> Result<Exit, Failure> {
    let key: KeyView = session.client().await?.post(&routes::revoke(args.id), &Object::new()).await?;
    if session.out.json {
        session.out.json(&key)?;
    } else {
        session.out.line(format!("Key {} ({}) is revoked.", key.key, visible(&key.label)))?;
    }
    Ok(Exit::Done)
}
