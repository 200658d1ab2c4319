//! What tools say of themselves: each definition is on record once, so that reviewers can see what a tool takes, and anyone
//! later what it took then.

use std::collections::BTreeMap;

use countersign_evidence::digest::Digest;
use countersign_evidence::id::is_identifier;
use countersign_evidence::json::Value;
use countersign_evidence::record::{KeyKind, ToolDefined, ToolRef};
use countersign_wire::{DefineToolsRequest, ToolsDefined};

use crate::caller::Caller;
use crate::command::Command;
use crate::draft::Field;
use crate::error::GateError;
use crate::gate::Gate;
use crate::prepare::check_paths;
use crate::shared::Shared;

/// Tools of one request at most.
const MOST_TOOLS: u32 = 1_000;
/// Bytes of one definition at most.
const MOST_BYTES: usize = 64 << 10;

impl Gate {
    /// Puts definitions on record that are not yet: what an enforcement point saw a server list. It says nothing about whether
    /// the tool may be used.
    ///
    /// # Errors
    /// [`GateError::Forbidden`]; [`GateError::Invalid`] for a tool without a name, or one that is too large.
    pub async fn define_tools(&self, caller: &Caller, request: DefineToolsRequest) -> Result<ToolsDefined, GateError> {
        let at_gateway = caller.on_the_wire || caller.is_owner() || caller.authenticated().kind == KeyKind::Gateway;
        if !at_gateway {
            let detail = "what servers list is an enforcement point's word: that takes a key of kind gateway";
            return Err(GateError::Forbidden(detail.to_owned()));
        }
        if request.tools.len() > MOST_TOOLS as usize || !is_identifier(&request.server) {
            return Err(GateError::Invalid(format!("a request names one server and at most {MOST_TOOLS} tools")));
        }
        self.catch_up().await;
        let mut drafts = Vec::new();
        for definition in request.tools {
            let canonical = definition.to_canonical();
            let name = definition.get("name").and_then(Value::as_str).filter(|name| is_identifier(name));
            let name =
                name.ok_or_else(|| GateError::Invalid("a tool has a name without spaces".to_owned()))?.to_owned();
            if canonical.len() > MOST_BYTES {
                return Err(GateError::Invalid(format!("the definition of {name:?} has more than {MOST_BYTES} bytes")));
            }
            check_paths(&definition)?;
            let digest = Digest::of(canonical.as_bytes());
            let known = self.shared.parts.index.definition(&request.server, digest);
            if known.map_err(|error| GateError::Broken(error.to_string()))?.is_some() {
                continue;
            }
            let tool = ToolRef { name, server: request.server.clone(), definition: Some(digest) };
            let fields = vec![Field::new("definition", definition)];
            drafts.push(self.shared.system_draft(caller, ToolDefined { tool }, fields, &self.shared.workspace_key));
        }
        let recorded = drafts.len() as u64;
        if recorded > 0 {
            self.send(Command::System(drafts)).await?;
        }
        Ok(ToolsDefined { recorded })
    }

    /// The latest definition on record of each of a server's tools.
    ///
    /// # Errors
    /// [`GateError::Forbidden`] for keys that neither propose nor search.
    pub async fn tools_of(&self, caller: &Caller, server: &str) -> Result<Vec<Value>, GateError> {
        caller.must_act().or_else(|_| caller.must_look())?;
        self.catch_up().await;
        let found = self.shared.parts.index.definitions(server, MOST_TOOLS);
        let positions = found.map_err(|error| GateError::Broken(error.to_string()))?;
        let mut latest = BTreeMap::new();
        for position in positions {
            let (told, _) = self.shared.tell(&[position]).await?;
            let definition = told.first().and_then(|first| first.opened.fields.get("definition"));
            let name = definition.and_then(|definition| definition.get("name")).and_then(Value::as_str);
            if let (Some(definition), Some(name)) = (definition, name) {
                latest.entry(name.to_owned()).or_insert_with(|| definition.clone());
            }
        }
        Ok(latest.into_values().collect())
    }
}

impl Shared {
    /// What this tool says of itself, where that is on record.
    pub(crate) async fn definition_of(&self, tool: &ToolRef) -> Result<Option<Value>, GateError> {
        let Some(digest) = tool.definition else { return Ok(None) };
        let known = self.parts.index.definition(&tool.server, digest);
        let Some(position) = known.map_err(|error| GateError::Broken(error.to_string()))? else { return Ok(None) };
        let (told, _) = self.tell(&[position]).await?;
        let definition = told.first().and_then(|first| first.opened.fields.get("definition").cloned());
        // The digest is the proposer's word: it must be that of this very tool.
        Ok(definition.filter(|found| found.get("name").and_then(Value::as_str) == Some(&tool.name)))
    }
}
