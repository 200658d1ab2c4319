use countersign_index::{ReviewEnd, ReviewRow, ReviewerDid};
use countersign_wire::EndsView;

/// Counts reviews by how they ended.
pub(crate) fn ends<'r>(reviews: impl IntoIterator<Item = &'r ReviewRow>) -> EndsView {
    reviews.into_iter().fold(EndsView::default(), |mut ends, review| {
        ends.reviews += 1;
        ends.escalated += u64::from(review.escalated);
        match review.ended.map(|(_, how)| how) {
            Some(ReviewEnd::Approved) => {
                ends.approved += 1;
                ends.edited += u64::from(review.deeds.iter().any(|deed| deed.did == ReviewerDid::Edited));
            }
            Some(ReviewEnd::InAdvance) => ends.in_advance += 1,
            Some(ReviewEnd::Denied) => ends.denied += 1,
            Some(ReviewEnd::Expired) => ends.expired += 1,
            Some(ReviewEnd::Cancelled) => ends.cancelled += 1,
            None => ends.waiting += 1,
        }
        ends
    })
}
