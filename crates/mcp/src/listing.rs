//! Asking the server for its tools, unseen by the client.

use std::time::Duration;

use countersign_evidence::json::{Object, Value};
use tokio::time::{Instant, timeout_at};

use crate::catalogue::Definition;
use crate::flights::Reply;
use crate::gateway::Gateway;
use crate::jsonrpc::{Id, request};
use crate::modern::{CLIENT_CAPABILITIES, CLIENT_INFO, PROTOCOL_VERSION};
use crate::payload::Call;

/// How long the server may take for a whole listing: a call waits for it, once even after its go-ahead.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most pages of one listing.
const MOST_PAGES: usize = 100;
/// What a modern server wants to be told with every request.
const MODERN_META: [&str; 3] = [PROTOCOL_VERSION, CLIENT_INFO, CLIENT_CAPABILITIES];

impl Gateway {
    /// The definition of the tool that `call` names, asked for where it is not known.
    pub(crate) async fn definition(&self, call: &Call) -> Option<Definition> {
        self.list_if_due(call).await;
        self.catalogue().find(&call.name)
    }

    /// Has the server list its tools where that is due; one listing at a time, for all calls that wait for it.
    pub(crate) async fn list_if_due(&self, call: &Call) {
        let failures = {
            let catalogue = self.catalogue();
            catalogue.needs_listing(&call.name).then(|| catalogue.failures())
        };
        let Some(failures) = failures else { return };
        let _only_one = self.listing.lock().await;
        let due = {
            let catalogue = self.catalogue();
            catalogue.needs_listing(&call.name) && catalogue.failures() == failures
        };
        if due {
            self.list_tools(call).await;
        }
    }

    /// Lists all pages. Where that fails a new call goes on without a definition, and policy sees that it has none.
    async fn list_tools(&self, call: &Call) {
        let until = Instant::now() + PATIENCE;
        let mut cursor = None;
        for _ in 0..MOST_PAGES {
            let Some(page) = self.list_page(call, cursor, until).await else { break };
            self.observe(&page, true);
            cursor = page.get("nextCursor").filter(|cursor| !cursor.is_null()).cloned();
            if cursor.is_none() {
                return;
            }
        }
        tracing::warn!(
            server = self.settings.server,
            "the server does not list its tools; calls go without a definition"
        );
        self.catalogue().give_up();
    }

    async fn list_page(&self, call: &Call, cursor: Option<Value>, until: Instant) -> Option<Value> {
        let id = Id::new(&Value::from(format!("countersign-{}", self.fresh_id())))?;
        let reply = self.flights.own(&id).ok()?;
        let asked = async {
            match self.tell_server(request(&id, "tools/list", params(call, cursor))).await {
                true => reply.await.ok(),
                false => None,
            }
        };
        match timeout_at(until, asked).await.ok().flatten() {
            Some(Reply::Answer(mut answer)) => answer.remove("result"),
            Some(Reply::Lost(_)) => None,
            None => {
                drop(self.flights.land(&id));
                None
            }
        }
    }
}

/// A modern server gets the `_meta` of the call that made us ask.
fn params(call: &Call, cursor: Option<Value>) -> Value {
    let meta: Object = MODERN_META
        .into_iter()
        .filter_map(|name| call.transport.get(name).map(|value| (name, value.clone())))
        .collect();
    let mut params = Object::new();
    if !meta.is_empty() {
        params.insert("_meta", meta);
    }
    if let Some(cursor) = cursor {
        params.insert("cursor", cursor);
    }
    Value::Object(params)
}
