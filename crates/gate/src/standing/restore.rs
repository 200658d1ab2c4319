use std::sync::Arc;

use countersign_evidence::json::Value;
use countersign_evidence::record::Body;
use countersign_evidence::time::Timestamp;
use countersign_evidence::vault;
use uuid::Uuid;

use super::{Grant, Grants, is_listed};
use crate::error::GateError;
use crate::load::Told;
use crate::shared::Shared;

impl Shared {
    /// The standing approvals that are on record, as they stand.
    pub(crate) async fn restore_standing(&self, now: Timestamp) -> Result<Grants, GateError> {
        let mut grants = Grants::new();
        let known = self.parts.index.standing().map_err(|error| GateError::Unavailable(error.to_string()))?;
        for row in known {
            let (told, _) = self.tell(&[row.position]).await?;
            let Some(first) = told.first() else { continue };
            let Some(mut grant) = grant_of(first) else { continue };
            (grant.used, grant.revoked) = (row.used, row.revoked);
            if grant.content.is_some() {
                grant.subject = self.subject_of(row.position).await?;
            }
            if is_listed(&grant, now) {
                grants.insert(grant.granted.standing, Arc::new(grant));
            }
        }
        Ok(grants)
    }

    /// The key that what it covers lies under: its section is the last one.
    async fn subject_of(&self, position: u64) -> Result<Option<Uuid>, GateError> {
        let entry = self.entry(position).await?;
        let sections = vault::sections(&entry.vault).unwrap_or_default();
        Ok(sections.iter().rev().find_map(|section| section.wrapped.map(|(id, _)| id)))
    }
}

fn grant_of(told: &Told) -> Option<Grant> {
    let Body::StandingGranted(granted) = &told.envelope.body else { return None };
    let text = |name: &str| told.opened.fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let person = told.envelope.actor.id.clone();
    Some(Grant {
        granted: granted.clone(),
        name: text("name").unwrap_or_else(|| person.clone()),
        person,
        reason: text("reason"),
        content: text("content_digest").and_then(|digest| digest.parse().ok()),
        subject: None,
        at: told.envelope.time,
        used: 0,
        revoked: None,
    })
}
