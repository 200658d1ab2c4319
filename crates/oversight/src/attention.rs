use countersign_index::{ReviewDeed, ReviewRow, ReviewerDid};
use countersign_wire::{AttentionPoint, AttentionView};

/// Milliseconds that the shortest thing takes to read.
pub const LEAST_MS: u64 = 2_000;
/// Characters that one can read in a second at most: some 700 words a minute, which is skimming.
pub const CHARACTERS_PER_S: u64 = 60;

const MOST_POINTS: usize = 500;

/// Whether this is less than reading takes.
pub fn is_fast(characters: u64, active_ms: u64) -> bool {
    active_ms < LEAST_MS.max(characters.saturating_mul(1_000) / CHARACTERS_PER_S)
}

/// The approvals of a review whose viewing was measured, each beside what it takes to read.
pub(crate) fn measured(review: &ReviewRow) -> impl Iterator<Item = (&ReviewDeed, AttentionPoint)> {
    let characters = review.characters.unwrap_or_default();
    let approvals = review.deeds.iter().filter(|deed| matches!(deed.did, ReviewerDid::Approved | ReviewerDid::Edited));
    approvals.filter_map(move |deed| {
        let active_ms = deed.active_ms?;
        Some((deed, AttentionPoint { characters, active_ms, fast: is_fast(characters, active_ms) }))
    })
}

/// `reviews` are in the order of time.
pub(crate) fn attention(reviews: &[ReviewRow]) -> AttentionView {
    let approvals: Vec<_> = reviews.iter().flat_map(measured).collect();
    let count = |wanted: &dyn Fn(&ReviewDeed, &AttentionPoint) -> bool| {
        approvals.iter().filter(|(deed, point)| wanted(deed, point)).count() as u64
    };
    AttentionView {
        measured: approvals.len() as u64,
        fast: count(&|_, point| point.fast),
        not_expanded: count(&|deed, _| deed.expanded_all == Some(false)),
        least_ms: LEAST_MS,
        characters_per_s: CHARACTERS_PER_S,
        approvals: approvals.iter().rev().take(MOST_POINTS).map(|(_, point)| *point).collect(),
    }
}
