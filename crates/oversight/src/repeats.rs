use std::collections::{BTreeMap, HashMap};

use countersign_evidence::time::Timestamp;
use countersign_index::{ReviewEnd, ReviewRow};
use countersign_wire::{RepeatView, RepeatsView};

const HOUR_US: i64 = 3_600_000_000;
const SOON_US: i64 = 24 * HOUR_US;
const WEEK_US: i64 = 7 * SOON_US;
const MOST: usize = 10;

/// The same payload of the same agent and tool after a denial. Of what was erased nobody can tell any more that it is the
/// same: it is counted as denied alone.
pub(crate) fn repeats(reviews: &[ReviewRow]) -> RepeatsView {
    let mut alike: HashMap<_, Vec<&ReviewRow>> = HashMap::new();
    for review in reviews {
        if let Some(fingerprint) = review.fingerprint {
            alike.entry((&review.agent, &review.tool, fingerprint)).or_default().push(review);
        }
    }
    let denied_at = |review: &ReviewRow| match review.ended {
        Some((at, ReviewEnd::Denied)) => Some(at),
        _ => None,
    };
    let within = |at: Timestamp, later: &ReviewRow, span: i64| later.asked >= at && later.asked.since(at) <= span;
    let mut told = RepeatsView { denied: 0, repeated: 0, overturned: 0, most: Vec::new() };
    told.denied = reviews.iter().filter_map(denied_at).count() as u64;
    let mut by_tool: BTreeMap<(&String, &String), u64> = BTreeMap::new();
    for ((agent, tool, _), same) in &alike {
        for at in same.iter().filter_map(|review| denied_at(review)) {
            if same.iter().any(|later| within(at, later, SOON_US)) {
                told.repeated += 1;
                *by_tool.entry((tool, agent)).or_default() += 1;
            }
            let approved = |later: &ReviewRow| matches!(later.ended, Some((_, ReviewEnd::Approved)));
            told.overturned += u64::from(same.iter().any(|later| approved(later) && within(at, later, WEEK_US)));
        }
    }
    let mut most: Vec<_> = by_tool.into_iter().collect();
    most.sort_by_key(|(_, repeated)| std::cmp::Reverse(*repeated));
    let view = |((tool, agent), repeated): ((&String, &String), u64)| RepeatView {
        tool: tool.clone(),
        agent: agent.clone(),
        repeated,
    };
    told.most = most.into_iter().take(MOST).map(view).collect();
    told
}
