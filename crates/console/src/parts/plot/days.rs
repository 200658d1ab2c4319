use countersign_wire::{DayView, EndsView};
use maud::{Markup, html};

use super::steps::known;
use super::{WIDTH, at, figure};

const HEIGHT: f64 = 150.0;
const BOTTOM: f64 = 126.0;
const TOP: f64 = 8.0;
const WIDEST: f64 = 26.0;
/// The newest days that are drawn; the table has all.
const MOST_DAYS: usize = 62;

/// The class of a part's colour, its name and its count.
type Part = (&'static str, &'static str, fn(&EndsView) -> u64);

/// Parts of a bar from the bottom up.
const PARTS: [Part; 6] = [
    ("good", "approved", |ends| ends.approved),
    ("advance", "approved in advance", |ends| ends.in_advance),
    ("bad", "denied", |ends| ends.denied),
    ("warn", "expired", |ends| ends.expired),
    ("plain", "cancelled", |ends| ends.cancelled),
    ("accent", "waiting", |ends| ends.waiting),
];

/// One stacked bar a day.
pub(crate) fn days(title: &str, days: &[DayView]) -> Markup {
    let drawn_days = days.get(days.len().saturating_sub(MOST_DAYS)..).unwrap_or_default();
    let most = drawn_days.iter().map(|day| day.ends.reviews).max().unwrap_or(1).max(1) as f64;
    let wide = (WIDTH / drawn_days.len().max(1) as f64).min(WIDEST);
    let date = |day: &DayView| day.day.to_string().chars().take(10).collect::<String>();
    let drawn = html! {
        @for (place, day) in drawn_days.iter().enumerate() {
            @for bar in bars(&day.ends, most) {
                rect class=(bar.class) x=(at(place as f64 * wide + 1.0)) y=(at(bar.top)) width=(at(wide - 2.0)) height=(at(bar.height)) {}
            }
        }
        @if let (Some(first), Some(last)) = (drawn_days.first(), drawn_days.last()) {
            text x="1" y=(at(BOTTOM + 18.0)) { (date(first)) }
            @if drawn_days.len() > 8 {
                text x=(at(drawn_days.len() as f64 * wide)) y=(at(BOTTOM + 18.0)) text-anchor="end" { (date(last)) }
            }
        }
    };
    let table = html! {
        table.changes {
            thead { tr {
                th scope="col" { "Day (UTC)" } th scope="col" { "Reviews" }
                @for (_, name, _) in PARTS { th scope="col" { (name) } }
                th scope="col" { "Median time to a decision" }
            } }
            tbody { @for day in days.iter().rev() { tr {
                th scope="row" { (date(day)) } td { (day.ends.reviews) }
                @for (_, _, count) in PARTS { td { (count(&day.ends)) } }
                td { (known(day.deciding_median_ms)) }
            } } }
        }
    };
    html! {
        p.legend { @for (class, name, _) in PARTS { span class={ "key " (class) } { (name) } " " } }
        (figure(title, HEIGHT, &drawn, &table))
    }
}

struct Bar {
    class: &'static str,
    top: f64,
    height: f64,
}

fn bars(ends: &EndsView, most: f64) -> Vec<Bar> {
    let mut top = BOTTOM;
    let parts = PARTS.iter().filter(|(_, _, count)| count(ends) > 0);
    parts
        .map(|(class, _, count)| {
            let height = count(ends) as f64 / most * (BOTTOM - TOP);
            top -= height;
            Bar { class, top, height }
        })
        .collect()
}
