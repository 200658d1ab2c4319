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
/// Why a call is not sent whose tool the server does not describe any more when it is asked.
const UNKNOWN: &str = "definition_unknown";
/// Why a call is not sent that could not be sent in time.
const TOO_LATE: &str = "deadline";

/// The tool as the server lists it by now.
pub(crate) enum Now {
    /// As it was judged.
    Same,
    /// The server listed another while the call was held, or lists none any more.
    Other(Option<Digest>),
    /// The server was asked and did not say.
    Unknown,
}

impl Gateway {
    /// What the tool is by now, beside what was judged.
    pub(crate) async fn redefined(&self, asked: &Asked, proposal: &Proposal) -> Now {
        self.list_if_due(&asked.call).await;
        let catalogue = self.catalogue();
        let now = catalogue.find(&asked.call.name).map(|definition| definition.digest);
        match now == proposal.definition {
            true => Now::Same,
            false if catalogue.knows(&asked.call.name) => Now::Other(now),
            false => Now::Unknown,
        }
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
            Ok(_) => drop(self.record(action, not_sent(&proposal.attempt, REDEFINED)).await),
            Err(_) => gate::cancel(client, action, REDEFINED).await,
        }
        Denial::redefined(action)
    }

    /// Looks once more between the go-ahead and the sending: the tool may have been redefined while the gate was asked, and
    /// what was started must not take effect after its deadline. What is not sent is recorded so.
    pub(crate) async fn must_not_be_sent(&self, asked: &Asked, proposal: &Proposal, action: Uuid) -> Option<Denial> {
        let (why, denial) = match self.redefined(asked, proposal).await {
            Now::Other(_) => (REDEFINED, Denial::redefined(action)),
            Now::Unknown => (UNKNOWN, Denial::undefined(action)),
            Now::Same if self.since(proposal.begun_at) >= proposal.lasts_us() => {
                (TOO_LATE, Denial::unsendable(action, "its deadline passed before it could be sent"))
            }
            Now::Same => return None,
        };
        self.record(action, not_sent(&proposal.attempt, why)).await;
        Some(denial)
    }
}
