use countersign_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/oversight`: how reviews went, computed from the records. Shares are between 0 and 1, times milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OversightView {
    /// Reviews that people were asked in from then on,
    #[schema(value_type = String)]
    pub since: Timestamp,
    /// and before then; what waits is told as it stands then.
    #[schema(value_type = String)]
    pub until: Timestamp,
    /// Whether these are all of them; if not, they are the newest.
    pub whole: bool,
    /// How they ended.
    pub ends: EndsView,
    /// From asking people to the first of them seeing it. Where nobody saw it, the time until it ended or until now is a
    /// lower bound (right-censored).
    pub waiting: TimesView,
    /// From asking people to their decision. Reviews that wait, expired or were given up are lower bounds (right-censored).
    pub deciding: TimesView,
    /// Day by day (UTC), oldest first; days without a review are left out.
    pub days: Vec<DayView>,
    /// By the rules that asked; a review that several asked for counts for each of them.
    pub rules: Vec<RuleRateView>,
    /// By person, by name. Who only reviews is told about itself alone.
    pub reviewers: Vec<ReviewerLoadView>,
    /// The part of all answers that the one person with most of them gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest_share: Option<f64>,
    /// How long people looked before they approved.
    pub attention: AttentionView,
    /// What came again after it was denied.
    pub repeats: RepeatsView,
}

/// How reviews ended, as counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndsView {
    /// All of them.
    pub reviews: u64,
    /// Approved.
    pub approved: u64,
    /// Approved in advance: by standing approvals alone, nobody looked at them. They count in no time and no rate.
    pub in_advance: u64,
    /// Of the approved ones, those that a reviewer edited first.
    pub edited: u64,
    /// Denied.
    pub denied: u64,
    /// Nobody decided in time, which denies.
    pub expired: u64,
    /// The caller gave up, or they were closed for another reason.
    pub cancelled: u64,
    /// They wait.
    pub waiting: u64,
    /// They were passed on to other groups.
    pub escalated: u64,
}

/// Times until something happened: quantiles of the Kaplan–Meier estimate. A quantile is absent where too little of it has
/// happened to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimesView {
    /// How often it happened.
    pub observed: u64,
    /// How often it has not, so that only a lower bound is known.
    pub censored: u64,
    /// Median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_ms: Option<u64>,
    /// 90th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90_ms: Option<u64>,
    /// 99th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<u64>,
    /// The estimate itself, at most 100 points of it.
    pub curve: Vec<CurvePoint>,
}

/// For so large a part it has happened by then.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CurvePoint {
    /// Time.
    pub ms: u64,
    /// Part.
    pub share: f64,
}

/// The reviews that people were asked in on one day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DayView {
    /// Its first moment, UTC.
    #[schema(value_type = String)]
    pub day: Timestamp,
    /// How they ended.
    pub ends: EndsView,
    /// Median time to the decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deciding_median_ms: Option<u64>,
}

/// How often what a rule asked for was approved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuleRateView {
    /// The rule.
    pub rule: String,
    /// How the reviews ended.
    pub ends: EndsView,
    /// Approved, as part of those that people approved or denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Lower end of its 95% Wilson interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

/// What one person did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReviewerLoadView {
    /// The person's id.
    pub person: String,
    /// The name; the id where there is none.
    pub name: String,
    /// Reviews that the person was shown or answered.
    pub reviews: u64,
    /// Answers that approved what was proposed.
    pub approved: u64,
    /// Answers that approved something else.
    pub edited: u64,
    /// Answers that denied.
    pub denied: u64,
    /// Approvals that were faster than one can read, of those that were measured.
    pub fast: u64,
    /// Median of the active viewing before an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_median_ms: Option<u64>,
    /// Hours (of the clock) in which the person did anything here.
    pub busy_hours: u64,
    /// Reviews per such hour.
    pub per_hour: f64,
    /// Answers by hour of the day, UTC: 24 counts.
    pub by_hour: Vec<u64>,
}

/// Approvals beside the time that reading takes: at least `least_ms`, and a second for every `characters_per_s` characters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttentionView {
    /// Approvals whose active viewing was measured: those of the console.
    pub measured: u64,
    /// Of them, those that took less than reading takes.
    pub fast: u64,
    /// Of them, those with something left folded.
    pub not_expanded: u64,
    /// The least time.
    pub least_ms: u64,
    /// How fast one can read at most.
    pub characters_per_s: u64,
    /// The newest of them, at most 500.
    pub approvals: Vec<AttentionPoint>,
}

/// One approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttentionPoint {
    /// Characters of the payload.
    pub characters: u64,
    /// Active viewing.
    pub active_ms: u64,
    /// Less than reading takes.
    pub fast: bool,
}

/// The same payload of the same agent, asked about again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RepeatsView {
    /// Denied reviews.
    pub denied: u64,
    /// Those that came again within 24 hours.
    pub repeated: u64,
    /// Those that came again within seven days and were approved then.
    pub overturned: u64,
    /// Which came again most, at most 10.
    pub most: Vec<RepeatView>,
}

/// What came again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RepeatView {
    /// The tool.
    pub tool: String,
    /// The agent.
    pub agent: String,
    /// How many denied reviews of theirs came again within 24 hours.
    pub repeated: u64,
}
