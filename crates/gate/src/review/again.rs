//! A question that is asked again about an action that exists.

use countersign_evidence::digest::Digest;
use countersign_evidence::json::{self, Value};
use countersign_evidence::key::Key;
use countersign_evidence::record::ActionProposed;
use countersign_evidence::time::Timestamp;
use countersign_policy::PolicySet;
use countersign_wire::UserRef;

use crate::error::GateError;
use crate::history::Subject;
use crate::judge::{Judged, Question};
use crate::open_action::{OpenAction, VIA_MCP};
use crate::prepare::amounts;
use crate::shared::Shared;

/// A question that is asked again about an action that exists.
pub(crate) struct Again {
    proposed: ActionProposed,
    environment: String,
    user: Option<UserRef>,
    resource: Option<(String, Option<String>)>,
    intent: Option<String>,
    in_question: Value,
    /// The payload as proposed: that is what the facts have counted already.
    counted: Value,
    proposed_at: Timestamp,
    time: Timestamp,
}

impl Again {
    /// The payload in question.
    pub(super) fn payload(&self) -> &Value {
        &self.in_question
    }

    fn question(&self) -> Question<'_> {
        Question {
            agent: &self.proposed.agent.id,
            tool: &self.proposed.tool,
            category: self.proposed.category,
            environment: &self.environment,
            user: self.user.as_ref(),
            model: self.proposed.model.as_deref(),
            payload: &self.in_question,
            resource: self.resource.as_ref(),
            intent: self.intent.as_deref(),
            source: &self.proposed.source.via,
            time: self.time,
        }
    }
}

impl Shared {
    /// What policy is asked about an action that exists, with another payload where it was edited.
    pub(crate) async fn question_of(&self, open: &OpenAction, edited: Option<Value>) -> Result<Again, GateError> {
        let (told, _) = self.tell(open.positions.get(..1).unwrap_or_default()).await?;
        let first = told.first().ok_or(GateError::NotFound("action"))?;
        let field = |name: &str| first.opened.fields.get(name);
        let text = |name: &str| field(name).and_then(Value::as_str).map(str::to_owned);
        let proposed = &open.action.proposed;
        let user: Option<UserRef> = field("user").cloned().and_then(|user| json::from_value(user).ok());
        let counted = field("payload").cloned().ok_or(GateError::NotFound("payload"))?;
        let in_question = edited.or_else(|| open.edited.as_deref().cloned()).unwrap_or_else(|| counted.clone());
        Ok(Again {
            proposed: proposed.clone(),
            environment: open.action.environment.clone(),
            user,
            resource: proposed.resource_type.clone().map(|kind| (kind, text("resource"))),
            intent: text("intent"),
            in_question,
            counted,
            proposed_at: open.action.proposed_at,
            time: self.now(),
        })
    }

    /// Decides again.
    pub(crate) fn judge_again(&self, policy: &PolicySet, again: &Again, key: &Key, version: u32) -> Judged {
        let question = again.question();
        let tool = format!("{}/{}", question.tool.server, question.tool.name);
        let subject = Subject {
            agent: question.agent,
            tool: &tool,
            definition: question.tool.definition,
            sees_definitions: question.source == VIA_MCP,
            fingerprint: self.fingerprint(Digest::of(question.payload.to_canonical().as_bytes())),
            amounts: amounts(policy.catalogue(), &tool, &again.counted),
        };
        let (wanted, catalogue) = (policy.facts_wanted(), policy.catalogue());
        let facts = self.history.look(&subject, wanted, catalogue, again.proposed_at, question.time);
        self.judge(policy, &question, facts, key, version)
    }
}
