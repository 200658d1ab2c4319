use countersign_wire::AttentionView;
use maud::{Markup, html};

use super::{WIDTH, at, duration, figure};

const HEIGHT: f64 = 240.0;
const LEFT: f64 = 52.0;
const BOTTOM: f64 = 206.0;
const TOP: f64 = 12.0;
/// Rows of the table.
const MOST_ROWS: usize = 100;

/// How long people looked before they approved, beside how much there was to read; both axes are logarithmic. Below the
/// line one cannot have read it.
pub(crate) fn scatter(title: &str, attention: &AttentionView) -> Markup {
    let points = &attention.approvals;
    let span = |values: &mut dyn Iterator<Item = u64>, floor: u64| {
        let (low, high) = values.fold((floor, floor), |(low, high), value| (low.min(value), high.max(value)));
        ((low.max(1) as f64).ln() - 0.2, (high.max(1) as f64).ln() + 0.2)
    };
    let across = span(&mut points.iter().map(|point| point.characters), 100);
    let up = span(&mut points.iter().map(|point| point.active_ms), attention.least_ms);
    let place = |value: u64, (low, high): (f64, f64)| ((value.max(1) as f64).ln() - low) / (high - low);
    let x = |characters: u64| LEFT + place(characters, across) * (WIDTH - LEFT - 12.0);
    let y = |ms: u64| BOTTOM - place(ms, up).clamp(0.0, 1.0) * (BOTTOM - TOP);
    let floor = |characters: u64| attention.least_ms.max(characters * 1_000 / attention.characters_per_s.max(1));
    let (first, last) = (across.0.exp() as u64 + 1, across.1.exp() as u64);
    let bend = (attention.least_ms * attention.characters_per_s / 1_000).clamp(first, last.max(first));
    let drawn = html! {
        @for (ms, name) in [(100, "0.1 s"), (1_000, "1 s"), (10_000, "10 s"), (60_000, "1 min"), (600_000, "10 min")] {
            @if (0.0..=1.0).contains(&place(ms, up)) {
                line.grid x1=(at(LEFT)) x2=(at(WIDTH - 12.0)) y1=(at(y(ms))) y2=(at(y(ms))) {}
                text x=(at(LEFT - 6.0)) y=(at(y(ms) + 4.0)) text-anchor="end" { (name) }
            }
        }
        @for characters in [10, 100, 1_000, 10_000, 100_000, 1_000_000] {
            @if (0.0..=1.0).contains(&place(characters, across)) {
                text x=(at(x(characters))) y=(at(BOTTOM + 18.0)) text-anchor="middle" { (characters) }
            }
        }
        polyline.floor points={
            (at(x(first))) "," (at(y(floor(first)))) " " (at(x(bend))) "," (at(y(floor(bend)))) " "
            (at(x(last))) "," (at(y(floor(last))))
        } {}
        @for point in points {
            circle class=(if point.fast { "bad" } else { "accent" }) cx=(at(x(point.characters))) cy=(at(y(point.active_ms))) r="3.5" {}
        }
    };
    let table = html! {
        table.changes {
            thead { tr { th scope="col" { "Characters" } th scope="col" { "Looked at" } th scope="col" { "Reading takes at least" } th scope="col" { "Which is" } } }
            tbody { @for point in points.iter().take(MOST_ROWS) { tr {
                td { (point.characters) } td { (duration(point.active_ms)) } td { (duration(floor(point.characters))) }
                td { @if point.fast { "fast" } }
            } } }
        }
        @if points.len() > MOST_ROWS { p.quiet { "The newest " (MOST_ROWS) " of " (points.len()) "." } }
    };
    figure(title, HEIGHT, &drawn, &table)
}
