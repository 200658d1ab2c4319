//! `hook`: answers one event of a coding agent's hooks. Whatever is unexpected, here or at the gate, is a no that every client
//! understands: exit code 2, the reason on standard error, nothing on standard output.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use countersign_client::Client as Gate;
use countersign_evidence::digest::Digest;
use countersign_evidence::json::Value;
use countersign_evidence::time::Clock;
use countersign_hook::{
    Answer, Client, Definition, Event, Hints, MOST_INPUT, Memory, Settings, Verdict, after, before, read,
};

use crate::connect::connect_gateway;
use crate::error::Failure;
use crate::exit::Exit;
use crate::global::Global;
use crate::on_behalf::OnBehalf;
use crate::routes;
use crate::session::Session;
use crate::system::SystemClock;

/// The process ends so long after its deadline, whatever it waits for.
const GRACE: Duration = Duration::from_secs(2);
/// Folder of what is kept between events.
const FOLDER: &str = "hooks";

/// Answer a coding agent's hook: built-in tools are decided first, and recorded
///
/// The client runs it, with the event on standard input: `countersign install CLIENT` writes that into its configuration.
#[derive(Debug, Args)]
pub(crate) struct Hook {
    /// The client: claude, codex, copilot, cursor, gemini
    #[arg(value_name = "CLIENT")]
    client: Client,
    /// The agent's id [default: what the client calls itself towards MCP servers]
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// The model behind the agent [default: what the client says]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    #[command(flatten)]
    on_behalf: OnBehalf,
    /// The environment [default: the gate's]
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Seconds until an answer is out; below the time-out that the client has for this hook, because some clients run the tool
    /// after it
    #[arg(long, value_name = "SECONDS", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=3_500))]
    deadline: u32,
    /// Claude Code in print mode: after so many seconds of waiting end the run, to be resumed after the review
    #[arg(long, value_name = "SECONDS")]
    defer: Option<u32>,
    /// Seconds that a tool may run before its outcome counts as unknown
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    running: u32,
    /// MCP servers that run behind `countersign mcp`, which executes their calls; the hook only asks first
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    behind_gate: Vec<String>,
    /// Cursor: the hook is there for beforeMCPExecution too, which says whose tool it is
    #[arg(long)]
    mcp_before_execution: bool,
}

pub(super) async fn run(args: Hook, session: &mut Session) -> Result<Exit, Failure> {
    // The deadline counts from here.
    SystemClock.monotonic_us();
    let most = Duration::from_secs(u64::from(args.deadline)) + GRACE;
    let answered = tokio::time::timeout(most, answer(args, &session.global)).await;
    let answer = answered.unwrap_or_else(|_| Answer::no("This call was not executed: no decision came in time."));
    // Where nobody takes the reason the code still says no.
    let _ = std::io::stderr().write_all(answer.stderr.as_bytes());
    let mut out = std::io::stdout();
    let written = out.write_all(answer.stdout.as_bytes()).and_then(|()| out.flush());
    // A reader of standard input may still wait: the process does not wait for it.
    std::process::exit(if written.is_ok() { i32::from(answer.code) } else { 2 });
}

/// A panic ends with another code than 2, and some clients run the tool then: for a hook it is a no from the first moment on.
pub(crate) fn no_on_panic() {
    if !std::env::args_os().any(|word| word == "hook") {
        return;
    }
    std::panic::set_hook(Box::new(|panic| {
        let _ = writeln!(std::io::stderr(), "This call was not executed: an internal error of countersign ({panic}).");
        std::process::exit(2);
    }));
}

async fn answer(args: Hook, global: &Global) -> Answer {
    let client = args.client;
    let hints = Hints { servers: args.behind_gate.clone(), mcp_before_execution: args.mcp_before_execution };
    let bytes = match tokio::task::spawn_blocking(standard_input).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => {
            return Answer::no(&format!("This call was not executed: the hook's input is not there: {error}"));
        }
        Err(error) => return Answer::no(&format!("This call was not executed: {error}")),
    };
    let event = match read(client, &bytes, &hints) {
        Ok(event) => event,
        Err(error) => return Answer::no(&format!("This call was not executed: {error}")),
    };
    if let Event::Aside(why) = event {
        return Answer::of(client, "", &Verdict::Pass(Some(why)));
    }
    let settings = match settings(args, global).await {
        Ok(settings) => settings,
        Err(failure) => {
            return match event {
                Event::After(_) => Answer::of(client, "", &Verdict::Pass(Some(format!("countersign: {failure}")))),
                _ => Answer::no(&format!("This call was not executed: {failure}")),
            };
        }
    };
    match event {
        Event::Before(call) => Answer::of(client, &call.event, &before(&settings, &call).await),
        Event::After(ended) => Answer::of(client, &ended.call.event, &after(&settings, &ended).await),
        Event::Aside(why) => Answer::of(client, "", &Verdict::Pass(Some(why))),
    }
}

async fn settings(args: Hook, global: &Global) -> Result<Settings, Failure> {
    let gate = connect_gateway(global).await?;
    let clock = Box::new(SystemClock);
    let deadline = i64::from(args.deadline) * 1_000_000;
    Ok(Settings {
        client: args.client,
        gate: gate.clone(),
        agent: args.agent,
        model: args.model,
        user: args.on_behalf.user(),
        environment: args.environment,
        deadline_us: deadline,
        defer: args.defer.map(|seconds| Duration::from_secs(u64::from(seconds))),
        running_s: args.running,
        behind_gate: args.behind_gate,
        catalogue: Box::new(move |server, tool| Box::pin(definition_of(gate.clone(), server, tool))),
        memory: Memory::new(memory(global)?),
        clock,
    })
}

/// What the gateway before that server saw it list. A server that was never listed has no definitions, there as here.
async fn definition_of(gate: Gate, server: String, tool: String) -> Result<Option<Definition>, String> {
    let listed: Result<Vec<Value>, _> = gate.get(&routes::server_tools(&server)).await;
    let listed =
        listed.map_err(|error| format!("This call was not executed: the gate does not tell its tools: {error}"))?;
    let named = |found: &&Value| found.get("name").and_then(Value::as_str) == Some(&tool);
    Ok(listed.iter().find(named).map(|found| Definition {
        digest: Digest::of(found.to_canonical().as_bytes()),
        category: countersign_mcp::category_of(found),
    }))
}

/// Beside the data, or where the system keeps a user's state where there is no data folder.
fn memory(global: &Global) -> Result<PathBuf, Failure> {
    if global.url.is_none() {
        return Ok(global.data()?.join(FOLDER));
    }
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")));
    let state = state.ok_or_else(|| Failure::Usage("there is no home folder: set XDG_STATE_HOME".to_owned()))?;
    Ok(state.join("countersign").join(FOLDER))
}

fn standard_input() -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than is read: what is longer is refused, not cut.
    std::io::stdin().lock().take(MOST_INPUT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
