//! `doctor`: whether coding agents' tools go through the gate, tried and not believed.

mod canary;
mod residual;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use countersign_client::wire::State;
use countersign_evidence::id::uuid_v7;
use countersign_evidence::visible::visible;
use countersign_hook::Client;
use serde::Serialize;

use crate::error::Failure;
use crate::exit::Exit;
use crate::install::{Found, Place, Stands, deciding, fail_closed, gate_words, look, own_words, recording};
use crate::session::Session;
use crate::style::Paint;
use crate::system::SystemRandom;
use canary::{after, drive, event, reading, unreachable};

/// A hook may be so late after its deadline, in seconds.
const MARGIN_S: u64 = 5;

/// Try whether coding agents' tools go through the gate, and say what stays uncovered
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Clients: claude, codex, copilot, cursor, gemini [default: those that have a configuration folder]
    #[arg(value_name = "CLIENT")]
    clients: Vec<Client>,
    /// The client's configuration folder [default: the user's own]
    #[arg(long, value_name = "DIR", conflicts_with = "project")]
    config_dir: Option<PathBuf>,
    /// The configuration of the project in the working folder
    #[arg(long)]
    project: bool,
}

/// What was found of one client.
#[derive(Debug, Serialize)]
struct Report {
    client: &'static str,
    folder: String,
    checks: Vec<Check>,
    residual: &'static [&'static str],
}

#[derive(Debug, Serialize)]
struct Check {
    /// Whether it is as it should be; absent where it could not be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    good: Option<bool>,
    what: String,
}

pub(super) async fn run(args: &Doctor, session: &mut Session) -> Result<Exit, Failure> {
    if args.config_dir.is_some() && args.clients.len() != 1 {
        return Err(Failure::Usage("--config-dir is the folder of one client: name it".to_owned()));
    }
    let here = std::env::current_dir().map_err(Failure::file(std::path::Path::new(".")))?;
    let named: &[Client] = if args.clients.is_empty() { &Client::ALL } else { &args.clients };
    let mut reports = Vec::new();
    for client in named {
        let place = Place::find(*client, args.config_dir.as_deref(), args.project.then_some(here.as_path()))?;
        if args.clients.is_empty() && !place.folder.is_dir() {
            continue;
        }
        reports.push(examine(&place, session).await?);
    }
    let failed = reports.iter().flat_map(|report| &report.checks).any(|check| check.good == Some(false));
    match session.out.json {
        true => session.out.json(&reports)?,
        false => print(&reports, session)?,
    }
    Ok(match () {
        () if failed => Exit::No,
        () if reports.is_empty() => Exit::NotChecked,
        () => Exit::Done,
    })
}

fn print(reports: &[Report], session: &mut Session) -> Result<(), Failure> {
    if reports.is_empty() {
        session.out.line("No client's configuration was found.")?;
    }
    for report in reports {
        session.out.painted(Paint::Bold, format!("{}  {}", report.client, visible(&report.folder)))?;
        for check in &report.checks {
            let (paint, mark) = match check.good {
                Some(true) => (Paint::Green, "ok  "),
                Some(false) => (Paint::Red, "NO  "),
                None => (Paint::Yellow, "?   "),
            };
            let mark = session.out.style.paint(paint, mark);
            session.out.line(format!("  {mark}{}", visible(&check.what)))?;
        }
        for open in report.residual {
            session.out.painted(Paint::Dim, format!("  stays open: {open}"))?;
        }
    }
    Ok(())
}

async fn examine(place: &Place, session: &mut Session) -> Result<Report, Failure> {
    let mut report = Report {
        client: place.client.as_str(),
        folder: place.folder.display().to_string(),
        checks: Vec::new(),
        residual: residual::residual(place.client),
    };
    let gate = gate_words(&session.global)?;
    match look(place, &gate) {
        Ok(found) => {
            for (event, command) in &found.foreign {
                // Whoever wrote it: it is not run to find out what it does.
                report.no(format!(
                    "{event}: not ours, not run: it is not this program for this gate, as `countersign install {}` with the same \
                     options writes it: {command}",
                    place.client
                ));
            }
            report.configured(place.client, &found);
            let deciding = deciding(place.client).iter().find_map(|event| found.hooks.get(*event));
            if let Some(words) = deciding.and_then(|hook| own_words(&hook.command, place.client, &gate)) {
                report.driven(place.client, &words, session).await?;
            }
        }
        Err(failure) => report.no(failure.to_string()),
    }
    Ok(report)
}

impl Report {
    fn check(&mut self, good: bool, what: impl Into<String>) {
        self.checks.push(Check { good: Some(good), what: what.into() });
    }

    fn unsure(&mut self, what: impl Into<String>) {
        self.checks.push(Check { good: None, what: what.into() });
    }

    fn no(&mut self, what: impl Into<String>) {
        self.check(false, what);
    }

    /// What the configuration says. Where a hook is not ours, that was told already.
    fn configured(&mut self, client: Client, found: &Found) {
        let foreign: BTreeSet<&str> = found.foreign.iter().map(|(event, _)| event.as_str()).collect();
        let told = |event: &str| foreign.contains(event) && !found.hooks.contains_key(event);
        for event in deciding(client).iter().filter(|event| !told(event)) {
            let Some(hook) = found.hooks.get(*event) else {
                self.no(format!(
                    "{event}: no hook: built-in tools run undecided; `countersign install {client}` writes it"
                ));
                continue;
            };
            let deadline = deadline_of(&hook.command);
            // Every client waits a minute at least where nothing is said.
            let waits = hook.timeout_s.unwrap_or(60);
            match waits > deadline + MARGIN_S {
                true => self.check(
                    true,
                    format!("{event}: decided at the gate; it answers within {deadline} s, the client waits {waits} s"),
                ),
                false => self.no(format!(
                    "{event}: the client waits {waits} s and the hook {deadline} s: after its time-out the tool may run"
                )),
            }
            if let Some((name, value)) = fail_closed(client) {
                self.check(hook.fails_closed, format!("{event}: a hook that fails is a no ({name} = {value})"));
            }
        }
        for event in recording(client).iter().filter(|event| !told(event)) {
            let there = found.hooks.contains_key(*event);
            self.check(
                there,
                format!("{event}: {}", if there { "outcomes are recorded" } else { "no hook: outcomes stay unknown" }),
            );
        }
        for event in &found.twice {
            self.no(format!(
                "{event}: more than one hook, and only one of them can let a call through: take the others out"
            ));
        }
        for off in &found.off {
            self.no(format!("hooks do not run for every tool: {off}"));
        }
        for server in &found.servers {
            let how = match server.stands {
                Stands::Behind(_) => "behind the gateway: it sends exactly what was approved",
                Stands::BehindAnother => {
                    "not behind the gateway: what stands before it is not this program for this gate, and only the hook counts"
                }
                Stands::Bare => "not behind the gateway: only the hook stands before it",
                Stands::Remote => {
                    "reached by a URL, which the gateway over stdio does not cover: only the hook stands before it"
                }
            };
            self.check(matches!(server.stands, Stands::Behind(_)), format!("MCP server {}: {how}", server.name));
        }
    }

    /// Tries it with the command line that the client runs.
    async fn driven(&mut self, client: Client, command: &[String], session: &mut Session) -> Result<(), Failure> {
        let id = format!("doctor-{}", uuid_v7(session.clock.now(), &SystemRandom));
        let looked = event(client, &id, reading(client));
        let came = drive(command, &looked).await?;
        match session.action(&id).await {
            Ok(action) => {
                let view = session.client().await?.action(action, 0).await?;
                let good = came.is_no(client) || (came.code == Some(0) && view.state == State::Executing);
                self.check(good, format!("a harmless call is recorded at the gate: {action}, {}", view.state.as_str()));
                if !came.is_no(client) && came.code == Some(0) {
                    let ended = drive(command, &after(client, looked)).await?;
                    let view = session.client().await?.action(action, 0).await?;
                    let good = ended.code == Some(0) && view.state == State::Succeeded;
                    self.check(good, format!("and so is its outcome: {}", view.state.as_str()));
                }
            }
            Err(failure) if status_of(&failure) == Some(401) => {
                self.no(format!("the gate does not know the key, so that every call is denied: {failure}"));
                return Ok(());
            }
            // A key of an enforcement point acts, and sees no trail.
            Err(failure) if status_of(&failure) == Some(403) && came.code == Some(0) && !came.is_no(client) => {
                // The call is over, so that it does not stay open at the gate.
                let ended = drive(command, &after(client, looked)).await?;
                if ended.code != Some(0) {
                    self.no(format!("its outcome is not taken: {}", ended.stderr.trim()));
                }
                self.unsure(format!(
                    "a harmless call is allowed; whether it is recorded this key may not see: an operator does, by \
                     `countersign action list --session {id}`"
                ));
            }
            Err(failure) => self.no(format!(
                "a harmless call is not recorded at the gate ({failure}); the hook said: {}",
                came.stderr.trim()
            )),
        }
        // No rule is likely to permit a tool that no client has.
        let unknown = drive(command, &event(client, &format!("{id}-unknown"), "countersign_canary")).await?;
        match unknown.is_no(client) {
            false if unknown.code == Some(0) => {
                self.unsure("the policy allows any tool, even one that is not known: a denial by policy was not seen");
            }
            denied => self.check(denied, "a call that the policy denies is denied"),
        }
        let refused = drive(command, &event(client, &format!("{id}-refused"), "no such tool")).await?;
        self.check(refused.is_no(client), "a call that the gate refuses is denied");
        let silent = drive(&unreachable(command), &event(client, &format!("{id}-silent"), reading(client))).await?;
        self.check(silent.is_no(client), "without an answer of the gate a call is denied");
        Ok(())
    }
}

/// The status of a refusal by the gate.
fn status_of(failure: &Failure) -> Option<u16> {
    match failure {
        Failure::Client(error) => error.problem().map(|problem| problem.status),
        _ => None,
    }
}

/// The deadline that a hook's command line names.
fn deadline_of(command: &str) -> u64 {
    let mut words = command.split_whitespace();
    words.find(|word| *word == "--deadline").and_then(|_| words.next()?.parse().ok()).unwrap_or(50)
}
