//! `install`: writes a coding agent's configuration so that its tools go through the gate, and takes it back.

use std::path::PathBuf;

use clap::Args;
use countersign_evidence::visible::visible_lines;
use countersign_hook::Client;

use crate::error::Failure;
use crate::exit::Exit;
use crate::global::Global;
use crate::install::{Change, Installed, Place, Words, gate_words, missing, plan, text};
use crate::session::Session;
use crate::style::Paint;

/// Put a coding agent's tools under the gate: hooks, and its MCP servers behind the gateway
#[derive(Debug, Args)]
pub(crate) struct Install {
    /// The client: claude, codex, copilot, cursor, gemini
    #[arg(value_name = "CLIENT")]
    client: Client,
    /// The client's configuration folder [default: the user's own]
    #[arg(long, value_name = "DIR", conflicts_with = "project")]
    config_dir: Option<PathBuf>,
    /// The configuration of the project in the working folder
    #[arg(long)]
    project: bool,
    /// Bring back what was there before
    #[arg(long)]
    undo: bool,
    /// Write without asking
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(args: &Install, session: &mut Session) -> Result<Exit, Failure> {
    let here = std::env::current_dir().map_err(Failure::file(std::path::Path::new(".")))?;
    let place = Place::find(args.client, args.config_dir.as_deref(), args.project.then_some(here.as_path()))?;
    place.must_be_inside()?;
    if args.undo {
        return undo(args, &place, session);
    }
    let changes = plan(&place, &words(session)?)?;
    let changing: Vec<&Change> = changes.iter().filter(|change| change.changes()).collect();
    if !session.out.json {
        if !missing([place.folder.as_path()].into_iter()).is_empty() {
            let (folder, client) = (visible_lines(&place.folder.display().to_string()), args.client);
            session.out.line(format!("{folder} is not there yet, so {client} may never have run here: it is made"))?;
        }
        for change in &changing {
            session.out.line(visible_lines(&change.diff()))?;
        }
        for note in changes.iter().flat_map(|change| &change.notes) {
            session.out.line(visible_lines(note))?;
        }
    }
    if !changing.is_empty() && !args.yes && !confirmed(session)? {
        session.out.line("Nothing was written.")?;
        return Ok(Exit::No);
    }
    // Also where nothing changes: what others changed since is taken over for --undo.
    Installed::write(&place.folder, &changes)?;
    let written: Vec<String> = changing.iter().map(|change| change.path.display().to_string()).collect();
    if session.out.json {
        let notes: Vec<&String> = changes.iter().flat_map(|change| &change.notes).collect();
        session.out.json(&serde_json::json!({ "client": args.client.as_str(), "written": written, "notes": notes }))?;
        return Ok(Exit::Done);
    }
    match written.is_empty() {
        true => session.out.line("Everything is there already.")?,
        false => session.out.line(format!("Written: {}", visible_lines(&written.join(", "))))?,
    }
    let next = session.out.style.paint(Paint::Dim, "# drives a call through it, and says what stays uncovered");
    session.out.line(format!("{}  {next}", visible_lines(&doctor(args, &session.global))))?;
    Ok(Exit::Done)
}

/// The command that tries what was written, for the same files and the same gate.
fn doctor(args: &Install, global: &Global) -> String {
    let mut line = format!("countersign doctor {}", args.client);
    let path = |name: &str, path: &Option<PathBuf>| path.as_ref().map(|path| format!(" {name} {}", path.display()));
    line.extend(path("--config-dir", &args.config_dir));
    line.extend(args.project.then(|| " --project".to_owned()));
    line.extend(path("--data", &global.data));
    line.extend(global.url.as_ref().map(|url| format!(" --url {url}")));
    line.extend(path("--key-file", &global.key_file));
    line
}

fn undo(args: &Install, place: &Place, session: &mut Session) -> Result<Exit, Failure> {
    let installed = Installed::read(&place.folder)?;
    let installed =
        installed.ok_or_else(|| Failure::No(format!("nothing was installed in {}", place.folder.display())))?;
    let files = installed.files(&place.files())?;
    if !session.out.json {
        for file in files {
            session.out.line(visible_lines(&format!("as it was before: {}", file.display())))?;
        }
    }
    if !args.yes && !confirmed(session)? {
        return Ok(Exit::No);
    }
    let back: Vec<String> = installed.undo(&place.folder)?.iter().map(|path| path.display().to_string()).collect();
    if session.out.json {
        session.out.json(&serde_json::json!({ "client": args.client.as_str(), "restored": back }))?;
    } else {
        session.out.line(format!("As it was: {}", visible_lines(&back.join(", "))))?;
    }
    Ok(Exit::Done)
}

fn confirmed(session: &mut Session) -> Result<bool, Failure> {
    if !session.out.interactive {
        return Err(Failure::Usage("nobody is there to be asked: add --yes".to_owned()));
    }
    Ok(session.out.confirm("Write this?")?)
}

/// What the command lines are made of.
fn words(session: &Session) -> Result<Words, Failure> {
    let program = std::env::current_exe().map_err(Failure::file(std::path::Path::new("countersign")))?;
    Ok(Words { program: text(program)?, gate: gate_words(&session.global)? })
}
