use countersign_wire::ReviewerLoadView;
use maud::{Markup, html};

use super::{WIDTH, at, duration, figure};
use crate::parts::text::text;

const ROW: f64 = 24.0;
const LEFT: f64 = 150.0;
const CELL: f64 = (WIDTH - LEFT - 8.0) / 24.0;
/// Shades, the lightest first; nothing is the paper.
const SHADES: u64 = 5;
const MOST_NAME: usize = 20;

/// Answers by person and hour of the day.
pub(crate) fn heat(title: &str, reviewers: &[ReviewerLoadView]) -> Markup {
    let most = reviewers.iter().flat_map(|one| &one.by_hour).copied().max().unwrap_or(1).max(1);
    let bottom = reviewers.len() as f64 * ROW + 4.0;
    let drawn = html! {
        @for (place, one) in reviewers.iter().enumerate() {
            @let y = place as f64 * ROW + 4.0;
            text x=(at(LEFT - 10.0)) y=(at(y + 15.0)) text-anchor="end" {
                (text(&one.name.chars().take(MOST_NAME).collect::<String>()))
            }
            @for (hour, count) in one.by_hour.iter().enumerate() {
                rect class={ "heat shade" (shade(*count, most)) } x=(at(LEFT + hour as f64 * CELL)) y=(at(y))
                    width=(at(CELL - 2.0)) height=(at(ROW - 3.0)) {}
            }
        }
        @for hour in [0_u32, 6, 12, 18] {
            text x=(at(LEFT + f64::from(hour) * CELL)) y=(at(bottom + 16.0)) { (format!("{hour:02}:00")) }
        }
    };
    let table = html! {
        table.changes {
            thead { tr {
                th scope="col" { "Person" } th scope="col" { "Reviews" } th scope="col" { "Approved" }
                th scope="col" { "Edited" } th scope="col" { "Denied" } th scope="col" { "Fast" }
                th scope="col" { "Median looked at" } th scope="col" { "Busy hours" } th scope="col" { "Reviews an hour" }
                th scope="col" { "Answers by hour (UTC)" }
            } }
            tbody { @for one in reviewers { tr {
                th scope="row" { (text(&one.name)) } td { (one.reviews) } td { (one.approved) } td { (one.edited) }
                td { (one.denied) } td { (one.fast) }
                td { @if let Some(ms) = one.active_median_ms { (duration(ms)) } }
                td { (one.busy_hours) } td { (format!("{:.1}", one.per_hour)) } td { (hours(&one.by_hour)) }
            } } }
        }
    };
    figure(title, bottom + 24.0, &drawn, &table)
}

fn shade(count: u64, most: u64) -> u64 {
    (count * SHADES).div_ceil(most)
}

fn hours(counts: &[u64]) -> String {
    let told = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    told.map(|(hour, count)| format!("{hour:02}: {count}")).collect::<Vec<_>>().join(", ")
}
