use countersign_wire::TimesView;
use maud::{Markup, html};

use super::{WIDTH, at, duration, figure, percent};

const HEIGHT: f64 = 220.0;
const LEFT: f64 = 44.0;
const BOTTOM: f64 = 190.0;
const TOP: f64 = 12.0;
/// Times on the axis, in milliseconds.
const MARKS: [(u64, &str); 6] =
    [(1_000, "1 s"), (10_000, "10 s"), (60_000, "1 min"), (600_000, "10 min"), (3_600_000, "1 h"), (86_400_000, "1 d")];

/// For which part something has happened by when: one stepped line each, over a logarithmic axis of time.
pub(crate) fn steps(title: &str, lines: &[(&str, &str, &TimesView)]) -> Markup {
    let times = || lines.iter().flat_map(|(_, _, times)| &times.curve).map(|point| point.ms.max(1));
    let (least, most) = (times().min().unwrap_or(1), times().max().unwrap_or(1));
    let (low, high) = ((least as f64).ln(), (most.max(least + 1) as f64).ln());
    let x = |ms: u64| LEFT + ((ms.max(1) as f64).ln() - low) / (high - low).max(f64::EPSILON) * (WIDTH - LEFT - 12.0);
    let y = |share: f64| BOTTOM - share * (BOTTOM - TOP);
    let drawn = html! {
        @for share in [0.0, 0.5, 0.9, 1.0] {
            line.grid x1=(at(LEFT)) x2=(at(WIDTH - 12.0)) y1=(at(y(share))) y2=(at(y(share))) {}
            text x=(at(LEFT - 6.0)) y=(at(y(share) + 4.0)) text-anchor="end" { (percent(share)) }
        }
        @for (ms, name) in MARKS.iter().filter(|(ms, _)| (least..=most).contains(ms)) {
            line.grid x1=(at(x(*ms))) x2=(at(x(*ms))) y1=(at(TOP)) y2=(at(BOTTOM)) {}
            text x=(at(x(*ms))) y=(at(BOTTOM + 18.0)) text-anchor="middle" { (name) }
        }
        @for (_, class, times) in lines { path class={ "step " (class) } d=(path(times, &x, &y)) {} }
    };
    let table = html! {
        table.changes {
            thead { tr {
                th scope="col" { "What" } th scope="col" { "Happened" } th scope="col" { "Not yet, or never" }
                th scope="col" { "Median" } th scope="col" { "90%" } th scope="col" { "99%" }
            } }
            tbody { @for (name, _, times) in lines { tr {
                th scope="row" { (name) } td { (times.observed) } td { (times.censored) }
                td { (known(times.median_ms)) } td { (known(times.p90_ms)) } td { (known(times.p99_ms)) }
            } } }
        }
    };
    html! {
        p.legend { @for (name, class, _) in lines { span class={ "key " (class) } { (name) } " " } }
        (figure(title, HEIGHT, &drawn, &table))
    }
}

/// A quantile, or that it is not known.
pub(crate) fn known(ms: Option<u64>) -> String {
    ms.map_or_else(|| "not known yet".to_owned(), duration)
}

fn path(times: &TimesView, x: &impl Fn(u64) -> f64, y: &impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    for point in &times.curve {
        match path.is_empty() {
            true => path = format!("M{} {}", at(x(point.ms)), at(y(0.0))),
            false => path.push_str(&format!("H{}", at(x(point.ms)))),
        }
        path.push_str(&format!("V{}", at(y(point.share))));
    }
    path
}
