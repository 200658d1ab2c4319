//! What the matches have in common: when they happened, and which names occur most. Counted over what was looked through,
//! which is always said.

use std::collections::BTreeMap;

use countersign_evidence::time::Timestamp;
use countersign_index::search;
use countersign_wire::SummaryView;
use maud::{Markup, html};

use super::text::text;
use super::time::time;

/// Bars of the histogram, at most.
const BARS: i64 = 48;
/// Names of a facet that are shown.
const MOST_NAMES: usize = 5;
/// Height of the histogram, in its own units; each bar is 10 wide.
const HEIGHT: usize = 60;

/// Makes the link to a question that asks for these keys and values as well.
pub(crate) type Narrow<'a> = dyn Fn(&[(&str, &str)]) -> String + 'a;

/// Histogram and facets. `narrow` makes the link to a narrower question.
pub(crate) fn overview(rows: &[SummaryView], whole: bool, narrow: &Narrow<'_>) -> Markup {
    let (Some(newest), Some(oldest)) = (rows.first(), rows.last()) else { return html! {} };
    html! {
        section.overview {
            p.quiet {
                @if whole { "All " (rows.len()) " matches" } @else { "The newest " (rows.len()) " matches" }
                ", from " (time(oldest.time)) " to " (time(newest.time)) "."
            }
            (histogram(rows, oldest.time, newest.time, narrow))
            details.facets {
                summary { "What they have in common" }
                div.panels {
                    (facet("tool", rows, |row| &row.tool, narrow))
                    (facet("agent", rows, |row| &row.agent, narrow))
                    (facet("state", rows, |row| row.state.as_str(), narrow))
                    (facet("decision", rows, |row| &row.decision, narrow))
                    (facet("category", rows, |row| &row.category, narrow))
                    (facet("environment", rows, |row| &row.environment, narrow))
                }
            }
        }
    }
}

fn facet<'a>(
    key: &str,
    rows: &'a [SummaryView],
    name: impl Fn(&'a SummaryView) -> &'a str,
    narrow: &Narrow<'_>,
) -> Markup {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(name(row)).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    html! {
        section {
            h2 { (key) }
            ul.plain {
                @for (name, count) in counts.iter().take(MOST_NAMES) {
                    li { a href=(narrow(&[(key, name)])) { (text(name)) } " " (count) }
                }
            }
            @if counts.len() > MOST_NAMES { p.quiet { (counts.len() - MOST_NAMES) " more" } }
        }
    }
}

/// One bar a stretch of time; a click asks for that stretch alone. The table behind it says the same in words.
fn histogram(rows: &[SummaryView], oldest: Timestamp, newest: Timestamp, narrow: &Narrow<'_>) -> Markup {
    let span = newest.since(oldest).max(1) + 1;
    let width = (span + BARS - 1) / BARS;
    let bars = usize::try_from((span + width - 1) / width).unwrap_or(1).max(1);
    let mut counts = vec![0_usize; bars];
    for row in rows {
        let at = usize::try_from(row.time.since(oldest) / width).unwrap_or_default().min(bars - 1);
        if let Some(count) = counts.get_mut(at) {
            *count += 1;
        }
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let start = |at: usize| Timestamp::from_micros(oldest.as_micros() + width * i64::try_from(at).unwrap_or_default());
    let link = |at: usize| {
        let (since, until) = (start(at).to_string(), start(at + 1).to_string());
        narrow(&[("since", &since), ("until", &until)])
    };
    let filled = || counts.iter().enumerate().filter(|(_, count)| **count > 0);
    html! {
        svg.histogram viewBox={ "0 0 " (bars * 10) " " (HEIGHT) } preserveAspectRatio="none" role="group" aria-label="Matches over time" data-brush {
            @for (at, count) in filled() {
                @let height = (count * HEIGHT).div_ceil(most);
                a href=(link(at)) aria-label={ (count) " from " (start(at)) } data-until-bar=(start(at + 1)) {
                    rect x=(at * 10 + 1) y=(HEIGHT - height) width="8" height=(height) {}
                }
            }
        }
        details {
            summary { "As a table" }
            table.changes {
                thead { tr { th scope="col" { "From" } th scope="col" { "Matches" } } }
                tbody { @for (at, count) in filled() { tr { td { a href=(link(at)) { (time(start(at))) } } td { (count) } } } }
            }
        }
    }
}

/// A question that asks for these as well; a time stands in place of one that was asked before.
pub(crate) fn narrower(q: &str, terms: &[(&str, &str)]) -> String {
    let replaced = |key: &Option<String>| {
        let time = |key: &str| matches!(key, "since" | "until");
        key.as_deref().is_some_and(|key| time(key) && terms.iter().any(|(new, _)| *new == key))
    };
    let held = search::terms(q).unwrap_or_default();
    let held = held.iter().filter(|term| !replaced(&term.key)).map(search::Term::written);
    let mut all: Vec<String> = held.collect();
    for (key, value) in terms {
        let written = search::term(key, value).written();
        if !all.contains(&written) {
            all.push(written);
        }
    }
    all.join(" ")
}
