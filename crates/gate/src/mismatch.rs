//! One call of a client, told twice: by its hook, which is asked first, and by the enforcement point that executes it. Where the
//! two tell different calls, neither runs.

use countersign_evidence::record::{Body, Decision, Effect, Reason};

use crate::caller::Caller;
use crate::command::Command;
use crate::error::GateError;
use crate::gate::Gate;
use crate::judge::Judged;
use crate::open_action::VIA_HOOK;
use crate::prepare::{Checked, via_of};

/// Why the hook's action is given up, and the reason of the other one's denial. No rule of a policy has it by chance: policy is
/// not asked.
const MISMATCH: &str = "call-mismatch";
/// What the model is told.
const MESSAGE: &str = "This call is not the one that was approved before it: it reached the tool with another name or other \
                       arguments. It was not executed. Tell the user.";

impl Gate {
    /// Whether this is a call that a hook told differently. What was authorized for the hook's is given up.
    pub(crate) async fn give_up_mismatched(&self, caller: &Caller, checked: &Checked) -> Result<bool, GateError> {
        let request = &checked.request;
        let by_hook = via_of(request) == VIA_HOOK;
        let Some(call_id) = request.correlation.call_id.as_ref().filter(|_| !by_hook) else { return Ok(false) };
        let Some(asked) = self.shared.board.hooked(caller.key, &request.agent.id, call_id) else { return Ok(false) };
        if asked.identity == checked.identity {
            return Ok(false);
        }
        let cancel = Command::Cancel { action: asked.id(), why: MISMATCH.to_owned(), by: caller.key };
        match self.view_of(cancel).await {
            // It was started, or ended, meanwhile: this call is no more the one that was told.
            Ok(_) | Err(GateError::WrongState { .. } | GateError::NotFound(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

impl Judged {
    /// Denied whatever policy says.
    pub(crate) fn deny_mismatch(&mut self) {
        self.decision = Decision::Deny;
        MESSAGE.clone_into(&mut self.message);
        self.rule_messages.clear();
        if let Body::ActionDecided(decided) = &mut self.draft.body {
            decided.decision = Decision::Deny;
            decided.review = None;
            decided.reasons = vec![Reason { rule: MISMATCH.to_owned(), effect: Effect::Forbid }];
            decided.reasons_total = None;
        }
    }
}
