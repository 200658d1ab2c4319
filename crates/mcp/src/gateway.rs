//! What the pumps and the calls of one connection share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_evidence::id::uuid_v7;
use countersign_evidence::json::{Object, Value};
use tokio::sync::{Semaphore, mpsc, watch};
use uuid::Uuid;

use crate::catalogue::Catalogue;
use crate::config::Settings;
use crate::conversation::{Out, Outgoing};
use crate::flights::Flights;
use crate::gate::define;
use crate::jsonrpc::Id;
use crate::peers::Caller;

/// One client, one server, and what is between them.
pub(crate) struct Gateway {
    pub(crate) settings: Settings,
    /// This process's run, as the evidence names the executor.
    pub(crate) instance: String,
    pub(crate) flights: Flights,
    /// Free places for calls.
    pub(crate) places: Arc<Semaphore>,
    /// One listing of tools at a time.
    pub(crate) listing: tokio::sync::Mutex<()>,
    catalogue: Mutex<Catalogue>,
    initialized: Mutex<Caller>,
    to_client: mpsc::Sender<Out>,
    to_server: mpsc::Sender<Out>,
    /// Nothing more is to be said to the server, whatever still waits to be.
    over: watch::Sender<bool>,
}

impl Gateway {
    /// A gateway that hands its lines to these two writers.
    pub(crate) fn new(settings: Settings, to_client: mpsc::Sender<Out>, to_server: mpsc::Sender<Out>) -> Self {
        let instance = uuid_v7(settings.clock.now(), &*settings.random);
        Gateway {
            instance: format!("mcp-{instance}"),
            flights: Flights::default(),
            places: Arc::new(Semaphore::new(settings.most_calls)),
            listing: tokio::sync::Mutex::default(),
            catalogue: Mutex::default(),
            initialized: Mutex::default(),
            to_client,
            to_server,
            over: watch::Sender::new(false),
            settings,
        }
    }

    /// The tools as last listed.
    pub(crate) fn catalogue(&self) -> MutexGuard<'_, Catalogue> {
        self.catalogue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads one page of a `tools/list` result, `from_start` where all before it was read as well. Definitions that are new go
    /// to the gate behind everybody's back: reviewers are shown them, no call waits for it.
    pub(crate) fn observe(&self, result: &Value, from_start: bool) {
        let tools = {
            let mut catalogue = self.catalogue();
            catalogue.observe(result, from_start);
            catalogue.take_untold()
        };
        if tools.is_empty() {
            return;
        }
        let (client, server) = (self.settings.client.clone(), self.settings.server.clone());
        tokio::spawn(async move { define(&client, &server, tools).await });
    }

    /// The client as `initialize` named it.
    pub(crate) fn initialized(&self) -> MutexGuard<'_, Caller> {
        self.initialized.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message for the client. A client that is gone gets nothing, which is no error here: its end of input says so.
    pub(crate) async fn tell_client(&self, body: Object) {
        self.pass_to_client(body, None).await;
    }

    /// The same, said by the server in the exchange of the request `about`.
    pub(crate) async fn pass_to_client(&self, body: Object, about: Option<&Id>) {
        drop(self.to_client.send(Out::Message(Outgoing { body, about: about.cloned() })).await);
    }

    /// A message for the server; `false` where it takes no more.
    pub(crate) async fn tell_server(&self, body: Object) -> bool {
        self.to_server.send(Out::Message(Outgoing { body, about: None })).await.is_ok()
    }

    /// A place in the queue to the server, taken before a call is marked as sent.
    pub(crate) async fn place_to_server(&self) -> Option<mpsc::Permit<'_, Out>> {
        self.to_server.reserve().await.ok()
    }

    /// Nothing more for the server: its input ends.
    pub(crate) async fn end_server(&self) {
        drop(self.to_server.send(Out::End).await);
    }

    /// Waits until no call is under way.
    pub(crate) async fn calls_ended(&self) {
        let all = u32::try_from(self.settings.most_calls).unwrap_or(u32::MAX);
        // Each holds its place to its end. The semaphore is never closed.
        drop(self.places.acquire_many(all).await);
    }

    /// The conversation is over: whoever carries messages to the server lets go of it.
    pub(crate) fn is_over(&self) {
        self.over.send_replace(true);
    }

    /// Waits until the conversation is over.
    pub(crate) async fn over(&self) {
        // The sender lives as long as this.
        let _ = self.over.subscribe().wait_for(|over| *over).await;
    }

    /// Nothing more for the client.
    pub(crate) async fn end_client(&self) {
        drop(self.to_client.send(Out::End).await);
    }

    /// An id that nobody can guess.
    pub(crate) fn fresh_id(&self) -> Uuid {
        uuid_v7(self.settings.clock.now(), &*self.settings.random)
    }
}
