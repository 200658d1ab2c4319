//! `review metrics`

use countersign_client::wire::{OversightView, TimesView};
use countersign_evidence::visible::visible;

use crate::error::Failure;
use crate::exit::Exit;
use crate::routes;
use crate::session::Session;
use crate::table::{Column, Table};

/// How reviews went: times, rates by rule, load, fast approvals, repeats
#[derive(Debug, clap::Args)]
pub(crate) struct Metrics {
    /// Reviews that people were asked in from then on: an age (12h, 30d), a day or an RFC 3339 time
    #[arg(long, default_value = "30d")]
    since: String,
    /// Before then; now where absent
    #[arg(long)]
    until: Option<String>,
}

pub(super) async fn run(args: &Metrics, session: &mut Session) -> Result<Exit, Failure> {
    let path = routes::oversight(&args.since, args.until.as_deref());
    let view: OversightView = session.client().await?.get(&path).await?;
    if session.out.json {
        session.out.json(&view)?;
        return Ok(Exit::Done);
    }
    for line in lines(&view) {
        session.out.line(&line)?;
    }
    session.out.line("")?;
    session.out.table(&rules(&view), "No rule asked people.")?;
    session.out.line("")?;
    session.out.table(&reviewers(&view), "Nobody has looked or answered.")?;
    Ok(Exit::Done)
}

fn lines(view: &OversightView) -> Vec<String> {
    let (ends, attention, repeats) = (&view.ends, &view.attention, &view.repeats);
    let mut lines = vec![
        format!(
            "{} reviews: {} approved ({} edited), {} in advance, {} denied, {} expired, {} cancelled, {} waiting",
            ends.reviews,
            ends.approved,
            ends.edited,
            ends.in_advance,
            ends.denied,
            ends.expired,
            ends.cancelled,
            ends.waiting
        ),
        format!("Seen after     {}", times(&view.waiting)),
        format!("Decided after  {}", times(&view.deciding)),
        format!(
            "Fast           {} of {} measured approvals took less than reading takes; {} left something folded",
            attention.fast, attention.measured, attention.not_expanded
        ),
        format!(
            "Repeats        {} of {} denied came again within a day; {} were approved within a week",
            repeats.repeated, repeats.denied, repeats.overturned
        ),
    ];
    if !view.whole {
        lines.push("These are the newest reviews of that time, not all of them.".to_owned());
    }
    lines
}

fn times(times: &TimesView) -> String {
    let told = |ms: Option<u64>| ms.map_or_else(|| "?".to_owned(), |ms| format!("{:.1} s", ms as f64 / 1e3));
    format!(
        "median {}, 90% {}, 99% {} ({} happened, {} not)",
        told(times.median_ms),
        told(times.p90_ms),
        told(times.p99_ms),
        times.observed,
        times.censored
    )
}

fn rules(view: &OversightView) -> Table<6> {
    let mut table = Table::new([
        Column::up_from("RULE", 12),
        Column::number("REVIEWS"),
        Column::number("APPROVED"),
        Column::number("DENIED"),
        Column::number("EXPIRED").or_drop(1),
        Column::whole("RATE (95%)"),
    ]);
    for rule in &view.rules {
        let percent = |share: f64| format!("{:.0}%", share * 100.0);
        let rate = match (rule.rate, rule.low, rule.high) {
            (Some(rate), Some(low), Some(high)) => format!("{} ({} to {})", percent(rate), percent(low), percent(high)),
            _ => String::new(),
        };
        let count = |count: u64| count.to_string().into();
        let ends = &rule.ends;
        table.row([
            visible(&rule.rule).into(),
            count(ends.reviews),
            count(ends.approved),
            count(ends.denied),
            count(ends.expired),
            rate.into(),
        ]);
    }
    table
}

fn reviewers(view: &OversightView) -> Table<6> {
    let mut table = Table::new([
        Column::up_from("REVIEWER", 12),
        Column::number("REVIEWS"),
        Column::number("APPROVED"),
        Column::number("DENIED"),
        Column::number("FAST").or_drop(1),
        Column::number("AN HOUR").or_drop(2),
    ]);
    for one in &view.reviewers {
        table.row([
            visible(&one.name).into(),
            one.reviews.to_string().into(),
            (one.approved + one.edited).to_string().into(),
            one.denied.to_string().into(),
            one.fast.to_string().into(),
            format!("{:.1}", one.per_hour).into(),
        ]);
    }
    table
}
