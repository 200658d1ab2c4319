//! Policy sets: activated by a record that holds their whole text, and found again from there.

use std::sync::Arc;

use countersign_evidence::json::{self, Value};
use countersign_evidence::key::Key;
use countersign_evidence::open::ActionOpener;
use countersign_evidence::record::{Envelope, PolicyActivated};
use countersign_policy::{PolicySet, PolicyText, TestOutcome, run_tests};
use countersign_wire::{ImportPolicy, PolicyTestView, PolicyView, ToolView};
use uuid::Uuid;

use crate::caller::Caller;
use crate::command::{Answer, Command};
use crate::desk::OwnerKey;
use crate::draft::{Draft, Field, Fields};
use crate::error::GateError;
use crate::gate::{Gate, value_of};
use crate::judge::policy_ref;
use crate::shared::Shared;

impl Gate {
    /// Brings a policy set into force. A bad one is refused and the old one stays.
    ///
    /// # Errors
    /// [`GateError::BadPolicy`] with every problem and every failed test.
    pub async fn activate_policy(&self, caller: &Caller, request: ImportPolicy) -> Result<PolicyView, GateError> {
        caller.must_operate()?;
        let text = PolicyText(request.files);
        let loading = tokio::task::spawn_blocking(move || load_checked(text));
        let (policy, tests_passed) = loading.await.map_err(|error| GateError::Broken(error.to_string()))??;
        let policy = Arc::new(policy);
        let named = policy_ref(&policy);
        let body = PolicyActivated { version: named.version.clone(), digest: named.digest, tests_passed };
        let fields = vec![Field::new("text", value_of(policy.text()))];
        let draft = self.shared.system_draft(caller, body, fields, &self.shared.workspace_key);
        match self.send(Command::Activate { draft: Box::new(draft), policy: Arc::clone(&policy) }).await? {
            Answer::Position(position) => Ok(PolicyView {
                version: named.version,
                digest: named.digest,
                active: true,
                activated_at: self.shared.now(),
                position,
                activated_by: Some(self.name_of(&caller.actor().id)),
                tests_passed,
                files: None,
            }),
            _ => Err(GateError::Broken("another answer was due".to_owned())),
        }
    }

    /// The versions that were ever in force, latest activation first.
    ///
    /// # Errors
    /// [`GateError::Forbidden`].
    pub async fn policies(&self, caller: &Caller) -> Result<Vec<PolicyView>, GateError> {
        caller.must_look()?;
        self.catch_up().await;
        let active = self.shared.policy().version().to_owned();
        let mut latest = self.shared.indexed_policies()?;
        latest.sort_by_key(|policy| std::cmp::Reverse(policy.position));
        for policy in &mut latest {
            policy.active = policy.version == active;
            let entry = self.shared.entry(policy.position).await?;
            let by = Envelope::parse(&entry.envelope).ok().map(|envelope| envelope.actor.id);
            policy.activated_by = by.map(|by| self.name_of(&by));
        }
        Ok(latest)
    }

    /// One version with its text.
    ///
    /// # Errors
    /// [`GateError::NotFound`].
    pub async fn policy(&self, caller: &Caller, version: &str) -> Result<PolicyView, GateError> {
        let all = self.policies(caller).await?;
        let found = all.into_iter().find(|policy| policy.version == version);
        let mut found = found.ok_or(GateError::NotFound("policy version"))?;
        found.files = Some(self.shared.policy_text(found.position).await?.0);
        Ok(found)
    }

    /// Runs a version's own tests.
    ///
    /// # Errors
    /// [`GateError::NotFound`].
    pub async fn policy_tests(&self, caller: &Caller, version: &str) -> Result<Vec<PolicyTestView>, GateError> {
        let files = self.policy(caller, version).await?.files.unwrap_or_default();
        let running = tokio::task::spawn_blocking(move || {
            let policy =
                PolicySet::from_text(PolicyText(files)).map_err(|errors| GateError::BadPolicy(errors.to_string()))?;
            let view = |test: TestOutcome| PolicyTestView {
                passed: test.passed(),
                file: test.file,
                name: test.name,
                differences: test.differences,
            };
            Ok(run_tests(&policy).into_iter().map(view).collect())
        });
        running.await.map_err(|error| GateError::Broken(error.to_string()))?
    }

    /// The tools that were called lately, and what policy said about them.
    ///
    /// # Errors
    /// [`GateError::Forbidden`].
    pub async fn tools(&self, caller: &Caller) -> Result<Vec<ToolView>, GateError> {
        caller.must_look()?;
        self.catch_up().await;
        let (environments, agents) = (caller.environments.clone(), caller.agents.clone());
        let index = Arc::clone(&self.shared.parts.index);
        let asking = tokio::task::spawn_blocking(move || index.tools(&environments, &agents));
        let found = asking.await.map_err(|error| GateError::Broken(error.to_string()))?;
        found.map_err(|error| GateError::Broken(error.to_string()))
    }

    /// The name of whoever acted under the id of a session, where that is still known; else the id.
    fn name_of(&self, id: &str) -> String {
        let person_of = |id: Uuid| {
            let session = self.credentials().session(id).ok()??;
            let (person, _) = self.person(session.person).ok()??;
            Some(person.name)
        };
        id.parse().ok().and_then(person_of).unwrap_or_else(|| id.to_owned())
    }
}

impl Shared {
    /// A record that an operator causes, with fields sealed under a key of their own that the given one wraps: the key of the
    /// person whom they are about, else the workspace's.
    pub(crate) fn system_draft(
        &self,
        caller: &Caller,
        body: impl Into<countersign_evidence::record::Body>,
        fields: Vec<Field>,
        under: &OwnerKey,
    ) -> Draft {
        let own = Key::generate(self.random());
        let sections = vec![Fields { key: &own, wrapped_by: Some((under.0, &under.1)), fields }];
        Draft::sealed(self.new_id(), caller.actor(), body, &self.settings().origin, sections, self.random())
    }

    /// The text that the `policy.activated` at this position holds.
    pub(crate) async fn policy_text(&self, position: u64) -> Result<PolicyText, GateError> {
        let broken = |error: String| GateError::Broken(format!("the policy of position {position}: {error}"));
        let entry = self.entry(position).await?;
        let envelope = Envelope::parse(&entry.envelope).map_err(|error| broken(error.to_string()))?;
        let mut opener = ActionOpener::new(&*self.ring, &self.settings().origin);
        let opened = opener.open(&envelope, Some(&entry.vault)).map_err(crate::load::unopened)?;
        let text: Value = opened.fields.get("text").cloned().ok_or_else(|| broken("its text is gone".to_owned()))?;
        json::from_value(text).map_err(|error| broken(error.to_string()))
    }
}

/// A set that loads, with all of its own tests passed.
fn load_checked(text: PolicyText) -> Result<(PolicySet, u64), GateError> {
    let policy = PolicySet::from_text(text).map_err(|errors| GateError::BadPolicy(errors.to_string()))?;
    let outcomes = run_tests(&policy);
    let told = |test: &TestOutcome| format!("{}: {}: {}", test.file, test.name, test.differences.join("; "));
    let failed: Vec<String> = outcomes.iter().filter(|test| !test.passed()).map(told).collect();
    match failed.is_empty() {
        true => Ok((policy, outcomes.len() as u64)),
        false => Err(GateError::BadPolicy(failed.join("\n"))),
    }
}
