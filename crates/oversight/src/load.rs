use std::collections::{BTreeMap, BTreeSet};

use countersign_index::{ReviewRow, ReviewerDid};
use countersign_wire::ReviewerLoadView;

use crate::attention::measured;
use crate::kaplan_meier::rounded;

const HOUR_US: i64 = 3_600_000_000;
const HOURS_OF_A_DAY: usize = 24;

#[derive(Default)]
struct Load {
    reviews: BTreeSet<usize>,
    approved: u64,
    edited: u64,
    denied: u64,
    fast: u64,
    active_ms: Vec<u64>,
    hours: BTreeSet<i64>,
    by_hour: [u64; HOURS_OF_A_DAY],
}

/// By person. `name` knows their names; who has none is called by the id.
pub(crate) fn load(reviews: &[ReviewRow], name: impl Fn(&str) -> Option<String>) -> Vec<ReviewerLoadView> {
    let mut loads: BTreeMap<&str, Load> = BTreeMap::new();
    for (at, review) in reviews.iter().enumerate() {
        for deed in &review.deeds {
            let load = loads.entry(&deed.reviewer).or_default();
            let hour = deed.at.as_micros().div_euclid(HOUR_US);
            load.reviews.insert(at);
            load.hours.insert(hour);
            match deed.did {
                ReviewerDid::Saw => continue,
                ReviewerDid::Approved => load.approved += 1,
                ReviewerDid::Edited => load.edited += 1,
                ReviewerDid::Denied => load.denied += 1,
            }
            load.active_ms.extend(deed.active_ms);
            let of_the_day = usize::try_from(hour.rem_euclid(HOURS_OF_A_DAY as i64)).unwrap_or_default();
            load.by_hour.iter_mut().skip(of_the_day).take(1).for_each(|count| *count += 1);
        }
        for (deed, point) in measured(review) {
            loads.entry(&deed.reviewer).or_default().fast += u64::from(point.fast);
        }
    }
    let mut told: Vec<_> = loads.into_iter().map(|(person, load)| load.view(person, name(person))).collect();
    told.sort_by(|one, other| one.name.cmp(&other.name).then_with(|| one.person.cmp(&other.person)));
    told
}

impl Load {
    fn view(mut self, person: &str, name: Option<String>) -> ReviewerLoadView {
        self.active_ms.sort_unstable();
        let (reviews, hours) = (self.reviews.len() as u64, self.hours.len() as u64);
        ReviewerLoadView {
            person: person.to_owned(),
            name: name.unwrap_or_else(|| person.to_owned()),
            reviews,
            approved: self.approved,
            edited: self.edited,
            denied: self.denied,
            fast: self.fast,
            active_median_ms: self.active_ms.get(self.active_ms.len() / 2).copied(),
            busy_hours: hours,
            per_hour: rounded(reviews as f64 / hours.max(1) as f64),
            by_hour: self.by_hour.to_vec(),
        }
    }
}

/// The part of all answers that the person with most of them gave.
pub(crate) fn largest_share(loads: &[ReviewerLoadView]) -> Option<f64> {
    let answers = |load: &ReviewerLoadView| load.approved + load.edited + load.denied;
    let (most, all) = (loads.iter().map(answers).max()?, loads.iter().map(answers).sum::<u64>());
    (all > 0).then(|| rounded(most as f64 / all as f64))
}
