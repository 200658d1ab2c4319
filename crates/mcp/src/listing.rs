//! Asking the server for its tools, unseen by the client.

use std::time::Duration;

use countersign_evidence::json::{Object, Value};

use crate::catalogue::Definition;
use crate::flights::Reply;
use crate::gateway::Gateway;
use crate::jsonrpc::{Id, request};
use crate::payload::Call;

/// How long the server may take for one page.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most pages of one listing.
const MOST_PAGES: usize = 100;
/// What a modern server wants to be told with every request.
const MODERN_META: [&str; 3] = [
    "io.modelcontextprotocol/protocolVersion",
    "io.modelcontextprotocol/clientInfo",
    "io.modelcontextprotocol/clientCapabilities",
];

impl Gateway {
    /// The definition of the tool that `call` names, asked for where it is not known.
    pub(crate) async fn definition(&self, call: &Call) -> Option<Definition> {
        if self.catalogue().needs_listing() {
            let _only_one = self.listing.lock().await;
            if self.catalogue().needs_listing() {
                self.list_tools(call).await;
            }
        }
        self.catalogue().find(&call.name)
    }

    /// Lists all pages. Where that fails the call goes on without a definition, and policy sees that it has none.
    async fn list_tools(&self, call: &Call) {
        let mut cursor = None;
        for _ in 0..MOST_PAGES {
            let Some(page) = self.list_page(call, cursor).await else { break };
            self.catalogue().observe(&page);
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

    async fn list_page(&self, call: &Call, cursor: Option<Value>) -> Option<Value> {
        let id = Id::new(&Value::from(format!("countersign-{}", self.fresh_id())))?;
        let reply = self.flights.own(&id).ok()?;
        let sent = self.tell_server(request(&id, "tools/list", params(call, cursor))).await;
        let reply = if sent { tokio::time::timeout(PATIENCE, reply).await.ok() } else { None };
        match reply {
            Some(Ok(Reply::Answer(mut answer))) => answer.remove("result"),
            Some(_) => None,
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
