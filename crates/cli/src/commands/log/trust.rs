//! `log trust`

use countersign_client::wire::LogView;
use countersign_evidence::json::{Object, Value};
use countersign_tlog::TrustFile;

use crate::error::Failure;
use crate::exit::Exit;
use crate::routes;
use crate::session::Session;

pub(super) async fn run(session: &mut Session) -> Result<Exit, Failure> {
    let log: LogView = session.client().await?.get(routes::LOG).await?;
    let file = format!("log {}\nquorum none\n", log.vkey);
    TrustFile::parse(file.as_bytes()).map_err(|error| Failure::No(format!("the gate names no usable key: {error}")))?;
    if session.out.json {
        session.out.json(&Value::from(Object::from_iter([("trust", file)])))?;
    } else {
        session.out.bytes(file.as_bytes())?;
    }
    Ok(Exit::Done)
}
