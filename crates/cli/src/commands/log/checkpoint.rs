//! `log checkpoint`

use countersign_evidence::json::{Object, Value};

use crate::error::Failure;
use crate::exit::Exit;
use crate::routes;
use crate::session::Session;

pub(super) async fn run(session: &mut Session) -> Result<Exit, Failure> {
    let note = session.client().await?.bytes(routes::CHECKPOINT).await?;
    if session.out.json {
        let text = String::from_utf8_lossy(&note).into_owned();
        session.out.json(&Value::from(Object::from_iter([("checkpoint", text)])))?;
    } else {
        session.out.bytes(&note)?;
    }
    Ok(Exit::Done)
}
