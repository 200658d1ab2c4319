//! Counters, and the page that Prometheus reads (text format 0.0.4). Written by hand: it is a dozen lines of text.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::Method;
use countersign_evidence::record::Decision;
use countersign_gate::{Gate, WriterState};
use countersign_tlog::{Checkpoint, Note};
use countersign_wire::OversightView;
use parking_lot::Mutex;

/// Upper bounds of the latency buckets in microseconds, and as Prometheus writes them in seconds.
const BUCKETS: [(u64, &str); 12] = [
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (500_000, "0.5"),
    (2_500_000, "2.5"),
    (30_000_000, "30"),
];

/// What is counted since the start.
#[derive(Default)]
pub(crate) struct Metrics {
    routes: Mutex<BTreeMap<(&'static str, String), Arc<RouteMetrics>>>,
    allow: AtomicU64,
    deny: AtomicU64,
    review: AtomicU64,
}

/// What is counted of one route.
#[derive(Default)]
pub(crate) struct RouteMetrics {
    statuses: Mutex<BTreeMap<u16, u64>>,
    buckets: [AtomicU64; BUCKETS.len()],
    took_us: AtomicU64,
}

impl RouteMetrics {
    /// Counts an answer with this status that took so many microseconds.
    pub(crate) fn answered(&self, status: u16, took_us: u64) {
        *self.statuses.lock().entry(status).or_default() += 1;
        self.took_us.fetch_add(took_us, Ordering::Relaxed);
        let place = BUCKETS.iter().position(|(bound, _)| took_us <= *bound);
        if let Some(bucket) = place.and_then(|place| self.buckets.get(place)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Metrics {
    /// The counters of a route, which are made when first asked for.
    pub(crate) fn route(&self, method: &Method, path: &'static str) -> Arc<RouteMetrics> {
        Arc::clone(self.routes.lock().entry((path, method.to_string())).or_default())
    }

    /// Answers since the start.
    pub(crate) fn answered(&self) -> u64 {
        self.routes.lock().values().map(|route| route.statuses.lock().values().sum::<u64>()).sum()
    }

    /// Counts what a proposal was answered; a repeated one counts again.
    pub(crate) fn decided(&self, decision: Decision) {
        self.decisions(decision).fetch_add(1, Ordering::Relaxed);
    }

    fn decisions(&self, decision: Decision) -> &AtomicU64 {
        match decision {
            Decision::Allow => &self.allow,
            Decision::Deny => &self.deny,
            Decision::Review => &self.review,
        }
    }

    /// The page.
    pub(crate) fn page(&self, gate: &Gate, published: Option<&Note>, reviews: Option<&OversightView>) -> String {
        let mut page = Page::default();
        page.family("countersign_up", "gauge", "1 while records can be made durable.");
        let writing = matches!(gate.writer_state(), WriterState::Writing(_));
        page.sample("countersign_up", "", u64::from(writing));
        page.family("countersign_durable_records", "gauge", "Durable records: the log's size.");
        page.sample("countersign_durable_records", "", gate.durable());
        let tree = published.and_then(|note| Checkpoint::parse(note.text()).ok());
        page.family("countersign_published_records", "gauge", "Records under the last signed checkpoint.");
        page.sample("countersign_published_records", "", tree.map_or(0, |tree| tree.size()));
        page.family("countersign_held_actions", "gauge", "Actions in memory: open, or not yet read by the index.");
        page.sample("countersign_held_actions", "", gate.held_actions() as u64);
        page.family("countersign_decisions_total", "counter", "Answers to proposals, by decision.");
        for (name, decision) in [("allow", Decision::Allow), ("deny", Decision::Deny), ("review", Decision::Review)] {
            let count = self.decisions(decision).load(Ordering::Relaxed);
            page.sample("countersign_decisions_total", &format!("decision=\"{name}\""), count);
        }
        if let Some(reviews) = reviews {
            page.reviews(reviews);
        }
        self.requests(&mut page);
        page.0
    }

    fn requests(&self, page: &mut Page) {
        let routes = self.routes.lock();
        let answered: Vec<_> = routes.iter().map(|(route, metrics)| (label(route), metrics)).collect();
        page.family("countersign_http_requests_total", "counter", "Answers, by route and status.");
        for (route, metrics) in &answered {
            for (status, count) in metrics.statuses.lock().iter() {
                page.sample("countersign_http_requests_total", &format!("{route},status=\"{status}\""), *count);
            }
        }
        page.family("countersign_http_request_seconds", "histogram", "Time to an answer, waits for reviews included.");
        for (route, metrics) in &answered {
            page.histogram("countersign_http_request_seconds", route, metrics);
        }
    }
}

fn label((path, method): &(&'static str, String)) -> String {
    format!("method=\"{method}\",route=\"{path}\"")
}

#[derive(Default)]
struct Page(String);

// Writing to a string cannot fail.
impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: u64) {
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            labels => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }

    /// What people did in the reviews of the last day.
    fn reviews(&mut self, view: &OversightView) {
        let ends = &view.ends;
        let name = "countersign_reviews_last_day";
        self.family(name, "gauge", "Reviews that people were asked in within the last 24 hours, by how they stand.");
        for (end, count) in [
            ("waiting", ends.waiting),
            ("approved", ends.approved),
            ("denied", ends.denied),
            ("expired", ends.expired),
            ("cancelled", ends.cancelled),
        ] {
            self.sample(name, &format!("end=\"{end}\""), count);
        }
        for (name, times, help) in [
            (
                "countersign_review_waiting_seconds_last_day",
                &view.waiting,
                "From asking people to the first one's seeing it: Kaplan-Meier quantiles; NaN where not known yet.",
            ),
            (
                "countersign_review_deciding_seconds_last_day",
                &view.deciding,
                "From asking people to their decision: Kaplan-Meier quantiles; NaN where not known yet.",
            ),
        ] {
            self.family(name, "gauge", help);
            for (quantile, ms) in [("0.5", times.median_ms), ("0.9", times.p90_ms), ("0.99", times.p99_ms)] {
                let seconds = ms.map_or(f64::NAN, |ms| ms as f64 / 1e3);
                let _ = writeln!(self.0, "{name}{{quantile=\"{quantile}\"}} {seconds}");
            }
        }
        for (name, count, help) in [
            ("countersign_review_edits_last_day", ends.edited, "Approved reviews that a reviewer edited."),
            (
                "countersign_review_measured_approvals_last_day",
                view.attention.measured,
                "Approvals whose active viewing was measured.",
            ),
            (
                "countersign_review_fast_approvals_last_day",
                view.attention.fast,
                "Those of them that took less than reading takes.",
            ),
            (
                "countersign_review_repeats_last_day",
                view.repeats.repeated,
                "Denied reviews whose payload was asked about again.",
            ),
        ] {
            self.family(name, "gauge", help);
            self.sample(name, "", count);
        }
    }

    fn histogram(&mut self, name: &str, route: &str, metrics: &RouteMetrics) {
        let total: u64 = metrics.statuses.lock().values().sum();
        if total == 0 {
            return;
        }
        let mut below = 0;
        for ((_, bound), bucket) in BUCKETS.iter().zip(&metrics.buckets) {
            below += bucket.load(Ordering::Relaxed);
            self.sample(&format!("{name}_bucket"), &format!("{route},le=\"{bound}\""), below);
        }
        // An answer that is counted right now may already be in a bucket.
        let total = total.max(below);
        self.sample(&format!("{name}_bucket"), &format!("{route},le=\"+Inf\""), total);
        let _ = writeln!(self.0, "{name}_sum{{{route}}} {:.6}", metrics.took_us.load(Ordering::Relaxed) as f64 / 1e6);
        self.sample(&format!("{name}_count"), route, total);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_nothing_is_lost() {
        let metrics = Metrics::default();
        let route = metrics.route(&Method::GET, "/x");
        for took in [0, 250, 251, 400_000, u64::MAX >> 20] {
            route.answered(200, took);
        }
        route.answered(404, 1);
        let mut page = Page::default();
        metrics.requests(&mut page);
        let line = |wanted: &str| page.0.lines().find(|line| line.starts_with(wanted)).unwrap().to_owned();
        assert!(line("countersign_http_requests_total{method=\"GET\",route=\"/x\",status=\"200\"}").ends_with(" 5"));
        assert!(line("countersign_http_requests_total{method=\"GET\",route=\"/x\",status=\"404\"}").ends_with(" 1"));
        let bucket = |le: &str| {
            line(&format!("countersign_http_request_seconds_bucket{{method=\"GET\",route=\"/x\",le=\"{le}\"}}"))
        };
        assert!(bucket("0.00025").ends_with(" 3"));
        assert!(bucket("0.0005").ends_with(" 4"));
        assert!(bucket("30").ends_with(" 5"));
        assert!(bucket("+Inf").ends_with(" 6"));
        assert!(line("countersign_http_request_seconds_count").ends_with(" 6"));
    }
}
