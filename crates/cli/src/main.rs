//! The `countersign` command.
//!
//! Every command but the offline ones is a thin client of the gate's HTTP API. What a command needs comes in through its
//! [`session::Session`]; what it prints for people has gone through [`countersign_evidence::visible`] where it comes from outside.

mod arguments;
mod commands;
mod config;
mod connect;
mod daemon;
mod deployment;
mod error;
mod exit;
mod facts;
mod global;
mod install;
mod logging;
mod notify;
mod on_behalf;
mod output;
mod progress;
mod report;
mod routes;
mod session;
mod starter;
mod style;
mod system;
mod table;
#[cfg(test)]
mod testing;
mod when;

use std::process::ExitCode;

/// Many threads allocate small things here; the system's allocator makes them wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use clap::Parser;
use countersign_client::ClientError;

use crate::arguments::Arguments;
use crate::error::Failure;
use crate::exit::Exit;
use crate::session::Session;

/// Threads for calls that block. Each keeps memory of its own, and the disk has few heads.
const BLOCKING_THREADS: usize = 12;

fn main() -> ExitCode {
    commands::no_on_panic();
    let arguments = Arguments::parse();
    logging::begin();
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(BLOCKING_THREADS).build();
    match built {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(error) => {
            eprintln!("countersign: the system gives no threads: {error}");
            Exit::Usage.into()
        }
    }
}

async fn run(arguments: Arguments) -> ExitCode {
    let mut session = Session::new(arguments.global.named_by_the_command_line());
    let ran = commands::run(arguments.command, &mut session).await;
    // What the command recorded is published, whether or not it went well.
    let ran = session.close().await.and(ran);
    match ran {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let exit = failure.exit();
            if exit != Exit::Done {
                tell(&failure, session.out.json);
            }
            exit.into()
        }
    }
}

/// Says on standard error what is wrong; machines get the gate's own problem document.
fn tell(failure: &Failure, json: bool) {
    if let (true, Failure::Client(ClientError::Refused(problem))) = (json, failure)
        && let Ok(text) = countersign_evidence::json::to_string(problem)
    {
        eprintln!("{text}");
        return;
    }
    eprintln!("countersign: {}", countersign_evidence::visible::visible_lines(&failure.to_string()));
}
