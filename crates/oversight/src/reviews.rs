use std::collections::BTreeMap;

use countersign_evidence::time::Timestamp;
use countersign_index::{ReviewEnd, ReviewRow};
use countersign_wire::{DayView, OversightView, RuleRateView};

use crate::attention::attention;
use crate::ends::ends;
use crate::kaplan_meier::{KaplanMeier, rounded};
use crate::load::{largest_share, load};
use crate::repeats::repeats;
use crate::wilson::wilson;

const DAY_US: i64 = 86_400_000_000;

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// From then on,
    pub since: Timestamp,
    /// and before then.
    pub until: Timestamp,
    /// It is this time: what waits has waited until now.
    pub now: Timestamp,
    /// Whether `reviews` are all of them.
    pub whole: bool,
}

/// How these reviews went; they are in the order in which people were asked. `name` knows reviewers' names.
pub fn reviews(reviews: &[ReviewRow], asked: Asked, name: impl Fn(&str) -> Option<String>) -> OversightView {
    let reviewers = load(reviews, name);
    OversightView {
        since: asked.since,
        until: asked.until,
        whole: asked.whole,
        ends: ends(reviews),
        waiting: waiting(reviews, asked.now).view(),
        deciding: deciding(reviews, asked.now).view(),
        days: days(reviews, asked.now),
        rules: rules(reviews),
        largest_share: largest_share(&reviewers),
        reviewers,
        attention: attention(reviews),
        repeats: repeats(reviews),
    }
}

fn span(from: Timestamp, to: Timestamp) -> u64 {
    to.since(from).max(0).unsigned_abs()
}

fn waiting(reviews: &[ReviewRow], now: Timestamp) -> KaplanMeier {
    let mut times = KaplanMeier::default();
    for review in reviews {
        // An answer on the command line or by the API comes without a presentation.
        let seen = review.presented.into_iter().chain(review.deeds.first().map(|deed| deed.at)).min();
        let until = review.ended.map_or(now, |(at, _)| at);
        match seen {
            Some(at) => times.happened(span(review.asked, at)),
            // Nobody was to see it.
            None if matches!(review.ended, Some((_, ReviewEnd::InAdvance))) => {}
            None => times.censored(span(review.asked, until)),
        }
    }
    times
}

fn deciding<'r>(reviews: impl IntoIterator<Item = &'r ReviewRow>, now: Timestamp) -> KaplanMeier {
    let mut times = KaplanMeier::default();
    for review in reviews {
        match review.ended {
            Some((at, ReviewEnd::Approved | ReviewEnd::Denied)) => times.happened(span(review.asked, at)),
            Some((_, ReviewEnd::InAdvance)) => {}
            Some((at, ReviewEnd::Expired | ReviewEnd::Cancelled)) => times.censored(span(review.asked, at)),
            None => times.censored(span(review.asked, now)),
        }
    }
    times
}

fn days(reviews: &[ReviewRow], now: Timestamp) -> Vec<DayView> {
    let day = |review: &ReviewRow| review.asked.as_micros().div_euclid(DAY_US);
    let of_one = reviews.chunk_by(|one, next| day(one) == day(next));
    let view = |same: &[ReviewRow]| DayView {
        day: Timestamp::from_micros(same.first().map(day).unwrap_or_default() * DAY_US),
        ends: ends(same),
        deciding_median_ms: deciding(same, now).view().median_ms,
    };
    of_one.map(view).collect()
}

fn rules(reviews: &[ReviewRow]) -> Vec<RuleRateView> {
    let mut by_rule: BTreeMap<&String, Vec<&ReviewRow>> = BTreeMap::new();
    for review in reviews {
        for rule in &review.rules {
            by_rule.entry(rule).or_default().push(review);
        }
    }
    let view = |(rule, of): (&String, Vec<&ReviewRow>)| {
        let ends = ends(of);
        let decided = ends.approved + ends.denied;
        let interval = wilson(ends.approved, decided);
        RuleRateView {
            rule: rule.clone(),
            ends,
            rate: (decided > 0).then(|| rounded(ends.approved as f64 / decided as f64)),
            low: interval.map(|(low, _)| rounded(low)),
            high: interval.map(|(_, high)| rounded(high)),
        }
    };
    by_rule.into_iter().map(view).collect()
}

#[cfg(test)]
mod tests {
    use countersign_index::{ReviewDeed, ReviewerDid};

    use super::*;

    const MINUTE: i64 = 60_000_000;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(minute * MINUTE)
    }

    fn deed(reviewer: &str, minute: i64, did: ReviewerDid, active_ms: Option<u64>) -> ReviewDeed {
        let expanded_all = active_ms.map(|_| true);
        ReviewDeed { reviewer: reviewer.to_owned(), at: at(minute), did, active_ms, expanded_all }
    }

    fn review(asked: i64, ended: Option<(i64, ReviewEnd)>, deeds: Vec<ReviewDeed>) -> ReviewRow {
        ReviewRow {
            tool: "mail/send".to_owned(),
            agent: "a".to_owned(),
            rules: vec!["money".to_owned()],
            asked: at(asked),
            presented: deeds.iter().find(|deed| deed.did == ReviewerDid::Saw).map(|deed| deed.at),
            ended: ended.map(|(minute, how)| (at(minute), how)),
            escalated: false,
            characters: Some(600),
            fingerprint: Some([1; 16]),
            deeds,
        }
    }

    fn told(rows: &[ReviewRow], now: i64) -> OversightView {
        let asked = Asked { since: at(0), until: at(now), now: at(now), whole: true };
        reviews(rows, asked, |person| (person == "p1").then(|| "Ada".to_owned()))
    }

    #[test]
    fn times_count_what_has_not_ended() {
        let saw = |minute| deed("p1", minute, ReviewerDid::Saw, None);
        let rows = [
            review(0, Some((4, ReviewEnd::Approved)), vec![saw(2), deed("p1", 4, ReviewerDid::Approved, Some(9_000))]),
            review(0, Some((30, ReviewEnd::Expired)), vec![]),
            review(10, None, vec![saw(12)]),
        ];
        let view = told(&rows, 100);
        assert_eq!((view.waiting.observed, view.waiting.censored), (2, 1));
        assert_eq!(view.waiting.median_ms, Some(120_000));
        assert_eq!((view.deciding.observed, view.deciding.censored), (1, 2));
        // A third is decided: nobody knows the median yet.
        assert_eq!(view.deciding.median_ms, None);
        assert_eq!((view.ends.approved, view.ends.expired, view.ends.waiting, view.ends.reviews), (1, 1, 1, 3));
    }

    #[test]
    fn rates_leave_out_what_nobody_decided() {
        let ended = |minute, how| review(minute, Some((minute + 1, how)), vec![]);
        let rows = [ended(0, ReviewEnd::Approved), ended(1, ReviewEnd::Denied), ended(2, ReviewEnd::Expired)];
        let view = told(&rows, 9);
        let rule = view.rules.first().map(|rule| (rule.rate, rule.low, rule.high, rule.ends.reviews));
        assert_eq!(rule, Some((Some(0.5), Some(0.0945), Some(0.9055), 3)));
    }

    #[test]
    fn fast_is_less_than_reading_takes() {
        // 600 characters take ten seconds.
        let approved = |active| vec![deed("p1", 1, ReviewerDid::Approved, active)];
        let rows =
            [Some(9_999), Some(10_000), None].map(|active| review(0, Some((1, ReviewEnd::Approved)), approved(active)));
        let view = told(&rows, 9);
        assert_eq!((view.attention.measured, view.attention.fast, view.attention.not_expanded), (2, 1, 0));
        let load = view.reviewers.first().map(|load| (load.name.as_str(), load.reviews, load.fast, load.busy_hours));
        assert_eq!(load, Some(("Ada", 3, 1, 1)));
    }

    #[test]
    fn load_is_by_person_and_hour() {
        let rows = [
            review(0, None, vec![deed("p2", 1, ReviewerDid::Saw, None), deed("p1", 2, ReviewerDid::Denied, Some(5))]),
            review(0, None, vec![deed("p2", 59, ReviewerDid::Approved, None), deed("p2", 61, ReviewerDid::Saw, None)]),
        ];
        let view = told(&rows, 100);
        let load: Vec<_> =
            view.reviewers.iter().map(|one| (&*one.name, one.reviews, one.busy_hours, one.per_hour)).collect();
        assert_eq!(load, [("Ada", 1, 1, 1.0), ("p2", 2, 2, 1.0)]);
        assert_eq!(view.largest_share, Some(0.5));
        let of_ada: u64 = view.reviewers.iter().take(1).flat_map(|one| &one.by_hour).sum();
        assert_eq!(of_ada, 1);
    }

    #[test]
    fn repeats_are_the_same_payload_after_a_denial() {
        let denied = |minute: i64| review(minute, Some((minute + 1, ReviewEnd::Denied)), vec![]);
        let day = 24 * 60;
        let mut other = denied(5);
        other.fingerprint = Some([2; 16]);
        let mut erased = denied(6);
        erased.fingerprint = None;
        let rows = [
            denied(0),
            other,
            erased,
            review(10, Some((11, ReviewEnd::Denied)), vec![]),
            review(2 * day, Some((2 * day + 1, ReviewEnd::Approved)), vec![]),
        ];
        let repeats = told(&rows, 3 * day).repeats;
        assert_eq!((repeats.denied, repeats.repeated, repeats.overturned), (4, 1, 2));
        assert_eq!(repeats.most.first().map(|most| most.repeated), Some(1));
    }

    #[test]
    fn nothing_is_nothing() {
        let view = told(&[], 1);
        assert_eq!((view.ends, view.largest_share, view.days.len()), (Default::default(), None, 0));
    }
}
