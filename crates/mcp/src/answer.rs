//! What the client is told when a call does not run, in words for the model.

use countersign_client::ClientError;
use countersign_client::wire::{ActionView, State};
use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::Decision;
use uuid::Uuid;

/// The result's `_meta` member that says what was decided, for programs.
pub(crate) const DECISION_KEY: &str = "dev.countersign/decision";

/// A call that does not run: a tool result with `isError`, because that is what a model gets to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denial {
    pub(crate) text: String,
    pub(crate) action: Option<Uuid>,
    /// `deny` or `review`.
    pub(crate) decision: &'static str,
    /// A stable name.
    pub(crate) reason: String,
}

impl Denial {
    /// The action ended without permission.
    pub(crate) fn ended(view: &ActionView) -> Self {
        let reason = match (view.state, view.decision) {
            (State::Denied, Decision::Review) => "review_denied",
            (State::Denied, _) => "policy_denied",
            (State::Closed, _) => "closed",
            _ => "already_executed",
        };
        let text = match view.state {
            State::Denied | State::Closed if !view.message.is_empty() => view.message.clone(),
            State::Denied => "This call was denied. Do not retry it.".to_owned(),
            State::Closed => "This call was given up, and not executed.".to_owned(),
            _ => "This call was executed before; it is not executed again.".to_owned(),
        };
        Denial { text, action: Some(view.action), decision: "deny", reason: reason.to_owned() }
    }

    /// People have not decided yet.
    pub(crate) fn pending(view: &ActionView) -> Self {
        let text = format!(
            "Approval {} is pending with {}. Call the same tool again with identical arguments after it is approved.",
            view.action,
            groups(view)
        );
        Denial { text, action: Some(view.action), decision: "review", reason: "pending".to_owned() }
    }

    /// The gate gave no permission: it could not be asked, or refused to be.
    pub(crate) fn refused(action: Option<Uuid>, error: &ClientError) -> Self {
        let (reason, text) = match error {
            ClientError::Refused(problem) => {
                let what = if problem.detail.is_empty() { &problem.title } else { &problem.detail };
                (problem.name().replace('-', "_"), format!("This call was refused and not executed: {what}"))
            }
            _ => (
                "gate_unreachable".to_owned(),
                "This call was not executed: the gate that must authorize it gives no usable answer. \
                 Try again later, or tell the user."
                    .to_owned(),
            ),
        };
        Denial { text, action, decision: "deny", reason }
    }

    /// The gateway itself refuses to send: what was authorized is not this call.
    pub(crate) fn unsendable(action: Uuid, why: &str) -> Self {
        let text = format!("This call was not executed: {why}.");
        Denial { text, action: Some(action), decision: "deny", reason: "not_sendable".to_owned() }
    }

    /// The tool is not what it was when the call was judged.
    pub(crate) fn redefined(action: Uuid) -> Self {
        let text = "This call was not executed: the MCP server changed the definition of this tool after the call was \
                    proposed, so no approval of it holds. List the tools again; if the call is still right, make it anew."
            .to_owned();
        Denial { text, action: Some(action), decision: "deny", reason: "definition_changed".to_owned() }
    }

    /// Nobody can say what the tool is by now.
    pub(crate) fn undefined(action: Uuid) -> Self {
        let text = "This call was not executed: the MCP server did not list its tools when it was asked, so nobody knows \
                    whether this tool still is what the call was proposed for. Call the same tool again with identical \
                    arguments a little later.";
        Denial {
            text: text.to_owned(),
            action: Some(action),
            decision: "deny",
            reason: "definition_unknown".to_owned(),
        }
    }

    /// The `tools/call` result; modern peers also want to be told its type.
    pub(crate) fn to_result(&self, modern: bool) -> Value {
        let decision: Object = [
            ("action", Value::from(self.action.map(|action| action.to_string()))),
            ("decision", Value::from(self.decision)),
            ("reason", Value::from(self.reason.as_str())),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect();
        let meta: Object = [(DECISION_KEY, decision)].into_iter().collect();
        let content: Object = [("type", "text"), ("text", self.text.as_str())].into_iter().collect();
        let mut result = Object::new();
        result.insert("content", vec![Value::Object(content)]);
        result.insert("isError", true);
        result.insert("_meta", meta);
        if modern {
            result.insert("resultType", "complete");
        }
        Value::Object(result)
    }
}

/// Who can decide, in words.
pub(crate) fn groups(view: &ActionView) -> String {
    match view.review.as_ref().map(|review| review.groups.as_slice()) {
        None | Some([]) => "its reviewers".to_owned(),
        Some(groups) => groups.iter().map(|group| format!("#{group}")).collect::<Vec<_>>().join(", "),
    }
}
