use countersign_wire::{CurvePoint, TimesView};

const US_PER_MS: u64 = 1_000;
const MOST_POINTS: usize = 100;

/// The product-limit estimate of how long something takes, where some of it has not happened yet (Kaplan and Meier, 1958).
/// Leaving out what has not happened makes times look shorter than they are.
#[derive(Debug, Clone, Default)]
pub struct KaplanMeier {
    /// Microseconds, and whether it happened then.
    times: Vec<(u64, bool)>,
}

impl KaplanMeier {
    /// It happened after so many microseconds.
    pub fn happened(&mut self, after_us: u64) {
        self.times.push((after_us, true));
    }

    /// It had not happened after so many microseconds, and nobody looked on.
    pub fn censored(&mut self, after_us: u64) {
        self.times.push((after_us, false));
    }

    /// Rising times at which it happened, each with the part for which it has happened by then.
    pub fn curve(&self) -> Vec<(u64, f64)> {
        let mut times = self.times.clone();
        // What happens at the moment when others are censored happened while those were still looked at.
        times.sort_unstable_by_key(|(after, happened)| (*after, !happened));
        let mut at_risk = times.len();
        let (mut surviving, mut curve) = (1.0, Vec::new());
        for same in times.chunk_by(|(one, _), (next, _)| one == next) {
            let happened = same.iter().filter(|(_, happened)| *happened).count();
            if let (true, Some((after, _))) = (happened > 0, same.first()) {
                surviving *= 1.0 - happened as f64 / at_risk as f64;
                curve.push((*after, 1.0 - surviving));
            }
            at_risk -= same.len();
        }
        curve
    }

    /// As the API tells it.
    pub fn view(&self) -> TimesView {
        let curve = self.curve();
        let observed = self.times.iter().filter(|(_, happened)| *happened).count() as u64;
        let ms = |part: f64| quantile(&curve, part).map(|us| us.div_ceil(US_PER_MS));
        TimesView {
            observed,
            censored: self.times.len() as u64 - observed,
            median_ms: ms(0.5),
            p90_ms: ms(0.9),
            p99_ms: ms(0.99),
            curve: thinned(&curve),
        }
    }
}

/// The first time by which it has happened for that part.
fn quantile(curve: &[(u64, f64)], part: f64) -> Option<u64> {
    // Products of fractions miss round numbers by a hair.
    curve.iter().find(|(_, happened)| *happened >= part - 1e-9).map(|(after, _)| *after)
}

/// Every so many points, the last among them.
fn thinned(curve: &[(u64, f64)]) -> Vec<CurvePoint> {
    let every = curve.len().div_ceil(MOST_POINTS).max(1);
    let kept = curve.iter().rev().step_by(every).rev();
    kept.map(|(after, share)| CurvePoint { ms: after.div_ceil(US_PER_MS), share: rounded(*share) }).collect()
}

/// To four places: more is noise.
pub(crate) fn rounded(share: f64) -> f64 {
    (share * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::KaplanMeier;

    fn of(happened: &[u64], censored: &[u64]) -> KaplanMeier {
        let mut times = KaplanMeier::default();
        happened.iter().for_each(|after| times.happened(*after));
        censored.iter().for_each(|after| times.censored(*after));
        times
    }

    /// Remission of 21 patients under 6-mercaptopurine (Freireich and others, 1963), the textbooks' example: 6, 6, 6, 6+, 7,
    /// 9+, 10, 10+, 11+, 13, 16, 17+, 19+, 20+, 22, 23, 25+, 32+, 32+, 34+, 35+ weeks.
    #[test]
    fn the_textbooks_numbers() {
        let times = of(&[6, 6, 6, 7, 10, 13, 16, 22, 23], &[6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]);
        let surviving: Vec<(u64, String)> =
            times.curve().iter().map(|(after, gone)| (*after, format!("{:.4}", 1.0 - gone))).collect();
        let told = [
            (6, "0.8571"),
            (7, "0.8067"),
            (10, "0.7529"),
            (13, "0.6902"),
            (16, "0.6275"),
            (22, "0.5378"),
            (23, "0.4482"),
        ];
        assert_eq!(surviving, told.map(|(after, part)| (after, part.to_owned())));
        let view = of(&[6_000], &[]).view();
        assert_eq!((view.median_ms, view.p99_ms, view.observed, view.censored), (Some(6), Some(6), 1, 0));
    }

    #[test]
    fn without_censoring_it_is_the_share_that_has_happened() {
        let times = of(&[1_000, 2_000, 3_000, 4_000], &[]).view();
        assert_eq!((times.median_ms, times.p90_ms), (Some(2), Some(4)));
        assert_eq!(times.curve.last().map(|point| (point.ms, point.share)), Some((4, 1.0)));
    }

    #[test]
    fn what_waits_long_moves_the_median_out_of_reach() {
        assert_eq!(of(&[1, 2], &[50, 60, 70]).view().median_ms, None);
        assert_eq!(KaplanMeier::default().view().median_ms, None);
    }

    #[test]
    fn a_long_curve_keeps_its_end() {
        let view = of(&(1..=1_234).map(|at| at * 1_000).collect::<Vec<_>>(), &[]).view();
        assert!(view.curve.len() <= 100);
        assert_eq!(view.curve.last().map(|point| (point.ms, point.share)), Some((1_234, 1.0)));
        assert!(view.curve.is_sorted_by_key(|point| point.ms));
    }
}
