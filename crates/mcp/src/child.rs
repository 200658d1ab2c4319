//! The real server as a child process.

use std::ffi::{OsStr, OsString};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::config::{Config, Error, Program};
use crate::conversation::{Conversation, Out};
use crate::lines::{Lines, write_lines};
use crate::pump::from_server;
use crate::serve::{Pipes, serve};
use crate::stdio::standard_input;

/// Variables of our own: keys among them. The child gets none of these.
const OURS: &str = "COUNTERSIGN_";
/// How long the child may take to end once its input is closed.
const LEAVE: Duration = Duration::from_secs(2);

/// Runs the real server behind the gateway, on this process's standard input and output. Standard error is shared: the
/// server's own words pass through, and the gateway logs there too.
///
/// # Errors
/// [`Error`]: the server does not start, or a stream breaks.
pub async fn run(config: Config) -> Result<ExitStatus, Error> {
    let (child, to_server, from_server) = spawn(&config.program)?;
    let from_client = standard_input().map_err(broken("standard input"))?;
    let signalled = signalled().map_err(broken("signal handling"))?;
    let pipes = Pipes { from_client, to_client: tokio::io::stdout(), from_server, to_server };
    serve(config.settings, pipes, signalled).await?;
    leave(child).await.map_err(broken("the server's process"))
}

fn broken(what: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |source| Error::Io { what, source }
}

/// Runs the real server for one conversation, until it ends or nothing more is to be said to it. The conversation is told when the
/// server is gone.
///
/// # Errors
/// [`Error::Spawn`]: it does not start.
pub async fn attend(
    program: &Program,
    conversation: Conversation,
    to_server: mpsc::Receiver<Out>,
) -> Result<(), Error> {
    let (child, input, output) = match spawn(program) {
        Ok(started) => started,
        Err(error) => {
            conversation.server_gone().await;
            return Err(error);
        }
    };
    let lines = Lines::new(output, conversation.gateway.settings.most_line);
    let mut hearing = tokio::spawn(from_server(Arc::clone(&conversation.gateway), lines));
    let mut writing = tokio::spawn(write_lines(input, to_server));
    let told_all = async {
        tokio::select! {
            _ = &mut writing => {}
            // It may never take what was said to it last.
            () = conversation.over() => {}
        }
    };
    tokio::select! {
        _ = &mut hearing => {}
        // What it still says is heard for a while.
        () = told_all => drop(timeout(LEAVE, &mut hearing).await),
    }
    hearing.abort();
    writing.abort();
    conversation.server_gone().await;
    if let Err(error) = leave(child).await {
        tracing::warn!(%error, "the MCP server's process");
    }
    Ok(())
}

fn spawn(program: &Program) -> Result<(Child, ChildStdin, ChildStdout), Error> {
    let mut command = Command::new(&program.command);
    command
        .args(&program.args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    for name in hidden(std::env::vars_os().map(|(name, _)| name), &program.hidden_env) {
        command.env_remove(name);
    }
    command.envs(program.env.iter().map(|(name, value)| (name, value)));
    let mut child = command.spawn().map_err(|source| Error::Spawn { command: program.command.clone(), source })?;
    match (child.stdin.take(), child.stdout.take()) {
        (Some(input), Some(output)) => Ok((child, input, output)),
        _ => Err(broken("the server's streams")(std::io::Error::other("not piped"))),
    }
}

/// Those of `names` that the child does not get.
fn hidden<'a>(names: impl Iterator<Item = OsString> + 'a, more: &'a [OsString]) -> impl Iterator<Item = OsString> + 'a {
    let ours = |name: &OsStr| name.as_encoded_bytes().starts_with(OURS.as_bytes());
    names.filter(move |name| ours(name) || more.contains(name))
}

/// Ends at the first signal that asks the process to end.
fn signalled() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}

async fn leave(mut child: Child) -> std::io::Result<ExitStatus> {
    match timeout(LEAVE, child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            tracing::warn!("the MCP server did not end after its input was closed; it is killed");
            child.start_kill()?;
            child.wait().await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_variables_are_hidden() {
        let names = ["COUNTERSIGN_KEY", "COUNTERSIGN_", "PATH", "TOKEN", "XCOUNTERSIGN_KEY"].map(OsString::from);
        let hidden: Vec<_> = hidden(names.into_iter(), &["TOKEN".into()]).collect();
        assert_eq!(hidden, ["COUNTERSIGN_KEY", "COUNTERSIGN_", "TOKEN"]);
    }
}
