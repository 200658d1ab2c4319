//! What a command has at hand while it runs.

use countersign_client::Client;
use countersign_client::wire::Resolved;
use countersign_evidence::time::Clock;
use uuid::Uuid;

use crate::connect;
use crate::deployment::Deployment;
use crate::error::Failure;
use crate::global::Global;
use crate::output::Output;
use crate::routes;
use crate::system::SystemClock;

/// Options, output, clock, and the gate once it was asked for.
pub(crate) struct Session {
    /// Options of every command.
    pub(crate) global: Global,
    /// Standard output.
    pub(crate) out: Output,
    /// The time, for telling it.
    pub(crate) clock: Box<dyn Clock>,
    client: Option<Client>,
    deployment: Option<Deployment>,
}

impl Session {
    /// A session of the process.
    pub(crate) fn new(global: Global) -> Self {
        let out = Output::standard(global.json);
        Session { global, out, clock: Box::new(SystemClock), client: None, deployment: None }
    }

    /// A session with a known gate.
    #[cfg(test)]
    pub(crate) fn with(client: Client, out: Output, clock: Box<dyn Clock>) -> Self {
        Session { global: Global::default(), out, clock, client: Some(client), deployment: None }
    }

    /// The gate's client; connects when first asked.
    ///
    /// # Errors
    /// As [`connect::connect`].
    pub(crate) async fn client(&mut self) -> Result<Client, Failure> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let connection = connect::connect(&self.global).await?;
        self.client = Some(connection.client.clone());
        self.deployment = connection.deployment;
        Ok(connection.client)
    }

    /// Publishes what the command recorded, where the gate ran in this process.
    ///
    /// # Errors
    /// [`Failure`] where the last checkpoint could not be published; the records are durable all the same.
    pub(crate) async fn close(&mut self) -> Result<(), Failure> {
        // A client in this process holds the gate, and with it the folder.
        self.client = None;
        match self.deployment.take() {
            Some(deployment) => Ok(deployment.close().await?),
            None => Ok(()),
        }
    }

    /// The one action that an id names: the action itself, or one of its request, review, trace, session, downstream
    /// request…
    ///
    /// # Errors
    /// [`Failure::No`] where it names none or several.
    pub(crate) async fn action(&mut self, id: &str) -> Result<Uuid, Failure> {
        let client = self.client().await?;
        if let Ok(action) = id.trim().parse::<Uuid>() {
            let answer = client.action(action, 0).await;
            // Whatever else is wrong is told by the question that follows.
            if answer.err().and_then(|error| error.problem().map(|problem| problem.status)) != Some(404) {
                return Ok(action);
            }
        }
        let resolved: Resolved = client.get(&routes::resolve(id.trim())).await?;
        match resolved.actions.as_slice() {
            [action] => Ok(*action),
            [] => Err(Failure::No(format!(
                "this id names a {}, and no action",
                countersign_evidence::visible::visible(&resolved.kind)
            ))),
            several => {
                let kind = countersign_evidence::visible::visible(&resolved.kind);
                let ids: Vec<String> = several.iter().take(10).map(Uuid::to_string).collect();
                let more = if several.len() > 10 { ", …" } else { "" };
                Err(Failure::No(format!(
                    "this {kind} ties {} actions together; name one: {}{more}",
                    several.len(),
                    ids.join(", ")
                )))
            }
        }
    }
}
