//! `policy explain`

use std::path::PathBuf;

use clap::Args;
use countersign_client::wire::{PolicyView, Story};
use countersign_policy::{Explanation, PolicySet, PolicyText, RuleExplanation, Verdict};

use super::evidence::Asked;
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::{Facts, name_of};
use crate::output::Output;
use crate::routes;
use crate::session::Session;
use crate::style::Paint;
use countersign_evidence::visible::visible;

/// Say of every rule whether it fires for a recorded action, and why
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The action, or any id that names one
    #[arg(value_name = "ID")]
    action: String,
    /// Ask this policy folder [default: the version that decided]
    #[arg(long, value_name = "DIR")]
    policy: Option<PathBuf>,
    /// Also tell rules that are about other agents, actions or tools
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(args: &Explain, session: &mut Session) -> Result<Exit, Failure> {
    let action = session.action(&args.action).await?;
    let client = session.client().await?;
    let story: Story = client.get(&routes::story(action)).await?;
    let asked = match Asked::last(&story) {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!("countersign: {}", visible(&why));
            return Ok(Exit::NotChecked);
        }
    };
    let set = match &args.policy {
        Some(folder) => super::load(folder)?,
        None => {
            let policy: PolicyView = client.get(&routes::policy(&asked.decided.policy_set.version)).await?;
            let loaded = PolicySet::from_text(PolicyText(policy.files.unwrap_or_default()));
            loaded.map_err(|problems| Failure::No(format!("the recorded policy does not load:\n{problems}")))?
        }
    };
    let explanation = set.explain(&asked.request().map_err(Failure::No)?, asked.facts());
    if session.out.json {
        session.out.json(&explanation)?;
    } else {
        print(&explanation, &asked, &set, args.all, &mut session.out)?;
    }
    Ok(Exit::Done)
}

fn print(
    explanation: &Explanation,
    asked: &Asked,
    set: &PolicySet,
    all: bool,
    out: &mut Output,
) -> Result<(), Failure> {
    let (now, then) = (name_of(&explanation.decision.outcome), name_of(&asked.decided.decision));
    out.painted(
        Paint::Bold,
        format!("Policy {} decides {now}, risk {}.", set.version(), explanation.decision.risk.score),
    )?;
    let recorded = format!("Recorded: policy {} decided {then}", visible(&asked.decided.policy_set.version));
    let paint = if now == then { Paint::Dim } else { Paint::Yellow };
    out.painted(paint, format!("{recorded}, risk {}.", asked.decided.risk.score))?;
    let (about, other): (Vec<_>, Vec<_>) =
        explanation.rules.iter().partition(|rule| all || !matches!(rule.verdict, Verdict::OutOfScope { .. }));
    for rule in about {
        out.line("")?;
        print_rule(rule, out)?;
    }
    if !other.is_empty() {
        out.line("")?;
        let text = format!("{} rules are about other agents, actions or tools (--all tells them).", other.len());
        out.painted(Paint::Dim, text)?;
    }
    Ok(())
}

fn print_rule(rule: &RuleExplanation, out: &mut Output) -> Result<(), Failure> {
    let (paint, text) = match &rule.verdict {
        Verdict::Fired => (Paint::Bold, "fires".to_owned()),
        Verdict::ConditionFalse => (Paint::Dim, "does not fire: its condition does not hold".to_owned()),
        Verdict::OutOfScope { because } => (Paint::Dim, format!("is about another {}", because.join(" and "))),
        Verdict::Error { code, text } => {
            (Paint::Red, format!("fails, which denies: {} ({})", visible(text), name_of(code)))
        }
    };
    let effect = name_of(&rule.effect);
    let place = out.style.paint(Paint::Dim, &format!("{}:{}", visible(&rule.file), rule.line));
    let text = out.style.paint(paint, &format!("{} ({effect}) {text}", visible(&rule.rule)));
    out.line(format!("{text}  {place}"))?;
    let mut facts = Facts::default();
    for (path, value) in &rule.read {
        facts.add(
            path,
            value.as_ref().map_or_else(|| "not there".to_owned(), countersign_evidence::visible::pretty_json),
        );
    }
    facts.print(out)?;
    Ok(())
}
