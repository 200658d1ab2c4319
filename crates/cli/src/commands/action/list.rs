//! `action list`

use clap::Args;
use clap::builder::PossibleValuesParser;
use countersign_client::Client;
use countersign_client::wire::{Page, State, SummaryView};
use countersign_evidence::record::Category;
use countersign_evidence::time::Timestamp;

use super::paint_of;
use crate::error::Failure;
use crate::exit::Exit;
use crate::routes;
use crate::session::Session;
use crate::style::Paint;
use crate::table::{Cell, Column, Table};
use crate::when;
use countersign_evidence::visible::visible;

/// Most rows that one request asks for.
const PAGE: u32 = 200;

/// List actions, newest first
#[derive(Debug, Args)]
pub(crate) struct List {
    /// A question as in the console's search box: agent:billing decision:deny tool:stripe/* since:7d "text"; in place of the
    /// options
    #[arg(value_name = "QUESTION")]
    question: Option<String>,
    /// Of this agent
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// On behalf of this user
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Of this tool
    #[arg(long, value_name = "SERVER/TOOL")]
    tool: Option<String>,
    /// Of this kind of side effect
    #[arg(long, value_parser = PossibleValuesParser::new(Category::ALL.map(Category::as_str)))]
    category: Option<String>,
    /// That policy decided so
    #[arg(long, value_parser = ["allow", "deny", "review"])]
    decision: Option<String>,
    /// That stand so
    #[arg(long, value_parser = PossibleValuesParser::new(State::ALL.map(State::as_str)))]
    state: Option<String>,
    /// That this rule decided
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// In this environment
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Of this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Of this W3C trace
    #[arg(long, value_name = "ID")]
    trace: Option<String>,
    /// That contain these words
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
    /// Proposed at or after: an age (90s, 15m, 24h, 7d), a date or an RFC 3339 time
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Proposed before
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Go on from this log position, as an earlier list said
    #[arg(long, value_name = "POSITION")]
    before: Option<u64>,
    /// Most rows
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

pub(super) async fn run(args: &List, session: &mut Session) -> Result<Exit, Failure> {
    let now = session.clock.now();
    let filters = args.filters(now)?;
    let client = session.client().await?;
    let page = fetch(&client, filters, args.before, args.limit).await?;
    if session.out.json {
        session.out.json(&page)?;
        return Ok(Exit::Done);
    }
    session.out.table(&table(&page.actions, now), &none_found(args))?;
    if let Some(next) = page.next {
        session.out.painted(Paint::Dim, format!("There are older ones: --before {next}"))?;
    }
    if page.behind > 0 {
        let text = format!("{} newer records are not searched yet: ask again in a moment.", page.behind);
        session.out.painted(Paint::Yellow, text)?;
    }
    Ok(Exit::Done)
}

/// What is said where nothing was found: an id is no word of the texts that are searched.
fn none_found(args: &List) -> String {
    let word = args.question.as_deref().or(args.text.as_deref()).filter(|word| !word.contains([':', ' ', '*']));
    match word {
        Some(word) => format!("No action matches. If this is an id: countersign action show {}", visible(word)),
        None => "No action matches.".to_owned(),
    }
}

impl List {
    fn filters(&self, now: Timestamp) -> Result<Vec<(&'static str, Option<String>)>, Failure> {
        let point = |option: &str, text: &Option<String>| {
            let parsed = text.as_deref().map(|text| when::parse_point(text, now)).transpose();
            parsed
                .map(|time| time.map(|time| time.to_string()))
                .map_err(|what| Failure::Usage(format!("{option}: {what}")))
        };
        Ok(vec![
            ("q", self.question.clone()),
            ("agent", self.agent.clone()),
            ("user", self.user.clone()),
            ("tool", self.tool.clone()),
            ("category", self.category.clone()),
            ("decision", self.decision.clone()),
            ("state", self.state.clone()),
            ("rule", self.rule.clone()),
            ("environment", self.environment.clone()),
            ("session", self.session.clone()),
            ("trace", self.trace.clone()),
            ("text", self.text.clone()),
            ("since", point("--since", &self.since)?),
            ("until", point("--until", &self.until)?),
        ])
    }
}

/// Page after page, until `limit` rows are there or no more follow.
async fn fetch(
    client: &Client,
    filters: Vec<(&str, Option<String>)>,
    before: Option<u64>,
    limit: u32,
) -> Result<Page, Failure> {
    let ask = async |before: Option<u64>, most: u32| {
        let mut query = filters.clone();
        query.push(("before", before.map(|before| before.to_string())));
        query.push(("limit", Some(most.to_string())));
        client.get::<Page>(&routes::with_query(routes::ACTIONS, &query)).await
    };
    let mut page = ask(before, limit.min(PAGE)).await?;
    while let Some(next) = page.next {
        let have = u32::try_from(page.actions.len()).unwrap_or(u32::MAX);
        if have >= limit {
            break;
        }
        let more = ask(Some(next), (limit - have).min(PAGE)).await?;
        // A cursor that does not move on would ask for ever.
        page.next = more.next.filter(|later| *later < next);
        page.actions.extend(more.actions);
    }
    Ok(page)
}

fn table(actions: &[SummaryView], now: Timestamp) -> Table<10> {
    let mut table = Table::new([
        Column::whole("PROPOSED"),
        Column::whole("STATE"),
        Column::whole("DECISION").or_drop(3),
        Column::number("RISK").or_drop(1),
        Column::up_from("AGENT", 6),
        Column::up_from("TOOL", 10),
        Column::up_from("RESOURCE", 8).or_drop(2),
        Column::up_from("RULES", 8).or_drop(4),
        Column::up_from("ENVIRONMENT", 11).or_drop(5),
        Column::whole("ACTION"),
    ]);
    for action in actions {
        table.row([
            when::relative(action.time, now).into(),
            Cell::painted(action.state.as_str(), paint_of(action.state)),
            visible(&action.decision).into(),
            action.risk.to_string().into(),
            visible(&action.agent).into(),
            visible(&action.tool).into(),
            visible(action.resource.as_deref().unwrap_or_default()).into(),
            visible(&action.rules.join(" ")).into(),
            visible(&action.environment).into(),
            Cell::painted(action.action.to_string(), Paint::Dim),
        ]);
    }
    table
}
