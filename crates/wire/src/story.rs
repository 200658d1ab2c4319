use countersign_evidence::digest::Digest;
use countersign_evidence::json::Value;
use countersign_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{State, SummaryView};

/// One of the four answers: a sentence, and the facts behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Answer {
    /// The question.
    pub question: String,
    /// The answer in a sentence.
    pub sentence: String,
    /// The facts, by name.
    #[schema(value_type = Object)]
    pub facts: Value,
}

/// A record as far as its reader may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordView {
    /// Its log position.
    pub position: u64,
    /// When.
    #[schema(value_type = String)]
    pub time: Timestamp,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The canonical envelope, as text: the Merkle leaf.
    pub envelope: String,
    /// The disclosures that open its sealed fields, as far as the reader may see them and they were not erased.
    pub disclosures: Vec<String>,
    /// Sealed fields that stay closed, with why: `withheld`, `erased`, or `lost` where the key store does not know
    /// their key.
    #[schema(value_type = Object)]
    pub closed: Value,
    /// The envelope's leaf hash.
    #[schema(value_type = String)]
    pub leaf: Digest,
}

/// `GET /v1/actions/{id}/story`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Story {
    /// The action.
    pub action: Uuid,
    /// Where it stands.
    pub state: State,
    /// `EXACT`, `EDITED`, `MISMATCH`, `NOT EXECUTED` or `UNKNOWN`.
    pub badge: String,
    /// The row of lists.
    pub summary: SummaryView,
    /// What did the agent intend? Which rule applied? Who approved, and what did they see? Did the executed payload match?
    pub answers: Vec<Answer>,
    /// The records, in order.
    pub records: Vec<RecordView>,
}
