use countersign_wire::RuleRateView;
use maud::{Markup, html};

use super::{WIDTH, at, figure, percent};
use crate::parts::text::text;

const ROW: f64 = 26.0;
const LEFT: f64 = 210.0;
const RIGHT: f64 = WIDTH - 16.0;
/// Fewer decisions than these say little.
const FEW: u64 = 20;
/// Characters of a rule's name that fit; the table has all of it.
const MOST_NAME: usize = 30;

/// How often what each rule asked for was approved: a dot, and the line in which the true rate lies with 95% confidence.
/// The rules with most room for denial come first.
pub(crate) fn intervals(title: &str, rules: &[RuleRateView]) -> Markup {
    let mut rules: Vec<&RuleRateView> = rules.iter().collect();
    rules.sort_by(|one, other| {
        one.low.unwrap_or(2.0).total_cmp(&other.low.unwrap_or(2.0)).then(one.rule.cmp(&other.rule))
    });
    let drawn_rules: Vec<_> = rules.iter().filter_map(|rule| Some((rule, rule.rate?, rule.low?, rule.high?))).collect();
    let bottom = drawn_rules.len() as f64 * ROW + 8.0;
    let x = |share: f64| LEFT + share * (RIGHT - LEFT);
    let few = |rule: &RuleRateView| rule.ends.approved + rule.ends.denied < FEW;
    let name = |rule: &str| match rule.chars().count() > MOST_NAME {
        true => rule.chars().take(MOST_NAME - 1).chain(['…']).collect::<String>(),
        false => rule.to_owned(),
    };
    let drawn = html! {
        @for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
            line.grid x1=(at(x(share))) x2=(at(x(share))) y1="4" y2=(at(bottom)) {}
            text x=(at(x(share))) y=(at(bottom + 16.0)) text-anchor="middle" { (percent(share)) }
        }
        @for (place, (rule, rate, low, high)) in drawn_rules.iter().enumerate() {
            @let y = place as f64 * ROW + 18.0;
            g class=(if few(rule) { "few" } else { "enough" }) {
                text x=(at(LEFT - 10.0)) y=(at(y + 4.0)) text-anchor="end" { (text(&name(&rule.rule))) }
                line.interval x1=(at(x(*low))) x2=(at(x(*high))) y1=(at(y)) y2=(at(y)) {}
                circle cx=(at(x(*rate))) cy=(at(y)) r="4" {}
            }
        }
    };
    let share = |share: Option<f64>| share.map(percent).unwrap_or_default();
    let table = html! {
        table.changes {
            thead { tr {
                th scope="col" { "Rule" } th scope="col" { "Reviews" } th scope="col" { "Approved" } th scope="col" { "Edited" }
                th scope="col" { "Denied" } th scope="col" { "Expired" } th scope="col" { "Waiting" }
                th scope="col" { "Rate" } th scope="col" { "95% interval" }
            } }
            tbody { @for rule in &rules { tr {
                th scope="row" { code { (text(&rule.rule)) } } td { (rule.ends.reviews) } td { (rule.ends.approved) }
                td { (rule.ends.edited) } td { (rule.ends.denied) } td { (rule.ends.expired) } td { (rule.ends.waiting) }
                td { (share(rule.rate)) }
                td { @if rule.low.is_some() { (share(rule.low)) " to " (share(rule.high)) @if few(rule) { " (few)" } } }
            } } }
        }
    };
    figure(title, bottom + 24.0, &drawn, &table)
}
