//! `log prove`

use std::path::PathBuf;

use clap::Args;
use countersign_evidence::json::{Object, Value};

use crate::error::Failure;
use crate::exit::Exit;
use crate::routes;
use crate::session::Session;

/// Prove that a record is in the log (C2SP tlog-proof)
#[derive(Debug, Args)]
pub(crate) struct Prove {
    /// The record's log position
    #[arg(value_name = "POSITION")]
    position: u64,
    /// Write the proof to this file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) async fn run(args: &Prove, session: &mut Session) -> Result<Exit, Failure> {
    let proof = session.client().await?.bytes(&routes::proof(args.position)).await?;
    match &args.output {
        Some(path) => {
            std::fs::write(path, &proof).map_err(Failure::file(path))?;
            if !session.out.json {
                session.out.line(format!("The proof of record #{} is in {}.", args.position, path.display()))?;
            }
        }
        None if session.out.json => {
            let text = String::from_utf8_lossy(&proof).into_owned();
            session.out.json(&Value::from(Object::from_iter([("proof", text)])))?;
        }
        None => session.out.bytes(&proof)?,
    }
    Ok(Exit::Done)
}
