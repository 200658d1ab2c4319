//! A recorded decision's own question and facts, out of the records that an action's story holds.

use countersign_client::wire::{RecordView, Story};
use countersign_evidence::json::{self, Object, Value};
use countersign_evidence::record::{ActionDecided, ActionProposed, Body, Envelope};
use countersign_evidence::seal::Disclosures;
use countersign_policy::{Facts, Request, Resource, User};
use jiff::tz::TimeZone;
use serde::Deserialize;

/// What a decision was asked, and what it answered.
pub(super) struct Asked {
    proposed: ActionProposed,
    environment: String,
    payload: Value,
    user: Option<(String, Vec<String>)>,
    resource: Option<String>,
    intent: Option<String>,
    facts: DecidedFacts,
    zone: TimeZone,
    /// The recorded decision.
    pub(super) decided: ActionDecided,
}

/// The sealed facts of `action.decided`.
#[derive(Deserialize)]
struct DecidedFacts {
    history: Facts,
    time: String,
    zone: String,
}

/// A record and what of it is open.
struct Open {
    envelope: Envelope,
    disclosures: Disclosures,
}

impl Asked {
    /// The last decision of the action.
    ///
    /// # Errors
    /// What is not there, or may not be seen, in a sentence.
    pub(super) fn last(story: &Story) -> Result<Self, String> {
        let records: Vec<Open> = story.records.iter().map(Open::read).collect::<Result<_, _>>()?;
        let decision = records.iter().rev().find_map(|record| match &record.envelope.body {
            Body::ActionDecided(body) => Some((record, body.clone())),
            _ => None,
        });
        let (decision, decided) = decision.ok_or("the story has no decision")?;
        let proposal = records.iter().find_map(|record| match &record.envelope.body {
            Body::ActionProposed(body) => Some((record, body.clone())),
            _ => None,
        });
        let (proposal, proposed) = proposal.ok_or("the story has no proposal")?;
        let payload = match decided.payload_version {
            0 => proposal.field("payload")?,
            version => edited_payload(&records, version)?,
        };
        let facts = decision.field("facts")?.ok_or("the decision has no facts")?;
        let facts: DecidedFacts = json::from_value(facts).map_err(|error| format!("the facts: {error}"))?;
        let zone = TimeZone::get(&facts.zone).map_err(|error| format!("the facts' time zone: {error}"))?;
        let text = |value: Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
        Ok(Asked {
            environment: proposal.envelope.environment.clone(),
            payload: payload.ok_or("the story has no payload of the version that was decided")?,
            user: proposal.field("user")?.map(user),
            resource: text(proposal.field("resource")?),
            intent: text(proposal.field("intent")?),
            proposed,
            facts,
            zone,
            decided,
        })
    }

    /// What policy was asked.
    ///
    /// # Errors
    /// Where the recorded time or category is none.
    pub(super) fn request(&self) -> Result<Request<'_>, String> {
        let proposed = &self.proposed;
        let category = proposed.category.as_str();
        Ok(Request {
            agent: &proposed.agent.id,
            agent_groups: &[],
            server: &proposed.tool.server,
            tool: &proposed.tool.name,
            category: category.parse().map_err(|_| format!("unknown category {category}"))?,
            environment: &self.environment,
            user: self.user.as_ref().map(|(id, groups)| User { id, groups }),
            model: proposed.model.as_deref(),
            payload: &self.payload,
            resource: proposed.resource_type.as_deref().map(|kind| Resource { kind, id: self.resource.as_deref() }),
            intent: self.intent.as_deref(),
            source: &proposed.source.via,
            time: self.facts.time.parse().map_err(|error| format!("the facts' time: {error}"))?,
            zone: &self.zone,
        })
    }

    /// What the trail said then.
    pub(super) fn facts(&self) -> &Facts {
        &self.facts.history
    }
}

impl Open {
    fn read(record: &RecordView) -> Result<Self, String> {
        let envelope = Envelope::parse(record.envelope.as_bytes());
        let envelope = envelope.map_err(|error| format!("record #{}: {error}", record.position))?;
        Ok(Open { envelope, disclosures: record.disclosures.iter().cloned().collect() })
    }

    /// A sealed field; `None` where the record has none of that name.
    fn field(&self, name: &str) -> Result<Option<Value>, String> {
        let Some(digest) = self.envelope.sealed.get(name) else { return Ok(None) };
        match self.disclosures.open(name, *digest).map_err(|error| format!("the sealed {name}: {error}"))? {
            Some(opened) if opened.withheld == 0 => Ok(Some(opened.value)),
            _ => Err(format!("the sealed {name} is withheld or erased, so the decision cannot be made again")),
        }
    }
}

fn edited_payload(records: &[Open], version: u32) -> Result<Option<Value>, String> {
    let edit = records.iter().find(|record| match &record.envelope.body {
        Body::ReviewDecided(body) => body.payload_version == version && record.envelope.sealed.contains_key("payload"),
        _ => false,
    });
    edit.map_or(Ok(None), |record| record.field("payload"))
}

fn user(value: Value) -> (String, Vec<String>) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let groups = value.get("groups").and_then(Value::as_array).unwrap_or_default();
    let id = value.as_object().and_then(|user: &Object| user.get("id")).and_then(text);
    (id.unwrap_or_default(), groups.iter().filter_map(text).collect())
}
