//! Calls whose tool is not what it was when they were judged: an approval holds for the definition that was seen.

use countersign_evidence::digest::Digest;
use countersign_evidence::json::Value;
use uuid::Uuid;

use crate::answer::Denial;
use crate::call::{Asked, Proposal};
use crate::gate;
use crate::gateway::Gateway;
use crate::outcome::not_sent;
use crate::payload::with_definition;

/// Why such a call is given up.
const REDEFINED: &str = "definition_changed";

impl Gateway {
    /// The tool's definition by now, where it is not the one that was judged: the server may have listed another while the
    /// call was held, or list none any more.
    pub(crate) async fn redefined(&self, asked: &Asked, proposal: &Proposal) -> Option<Option<Digest>> {
        let now = self.definition(&asked.call).await.map(|definition| definition.digest);
        (now != proposal.definition).then_some(now)
    }

    /// Gives up what was approved for another definition. The start asks for the call as it would be executed now, so the
    /// gate refuses it as a mismatch, and that record holds what the tool has become.
    pub(crate) async fn refuse_redefined(
        &self,
        proposal: &Proposal,
        payload: &Value,
        definition: Option<Digest>,
        action: Uuid,
    ) -> Denial {
        let client = &self.settings.client;
        let by_now = with_definition(payload, definition);
        match gate::start(client, action, &proposal.start(&by_now)).await {
            Ok(_) => self.leave_redefined(proposal, action).await,
            Err(_) => {
                gate::cancel(client, action, REDEFINED).await;
                Denial::redefined(action)
            }
        }
    }

    /// Records that what was started is not sent.
    pub(crate) async fn leave_redefined(&self, proposal: &Proposal, action: Uuid) -> Denial {
        self.record(action, not_sent(&proposal.attempt, REDEFINED)).await;
        Denial::redefined(action)
    }
}
