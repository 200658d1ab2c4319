//! Columns of the explorer's table: which ones stand in the URL.

use countersign_wire::SummaryView;
use maud::{Markup, html};

use super::badge;
use super::text::text;

/// Makes the cell's links to a narrower question: with this value, and without it.
pub(crate) type Narrowing<'a> = dyn Fn(&str, &str) -> Markup + 'a;

/// A column beside the time, which is always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Tool,
    State,
    Agent,
    Policy,
    Risk,
    Environment,
    Category,
    User,
    Resource,
}

use Column::*;

impl Column {
    /// In the order in which they stand.
    pub(crate) const ALL: [Column; 9] = [Tool, State, Agent, Policy, Risk, Environment, Category, User, Resource];
    const USUAL: [Column; 6] = [Tool, State, Agent, Policy, Risk, Environment];

    /// Its name in the URL.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tool => "tool",
            State => "state",
            Agent => "agent",
            Policy => "policy",
            Risk => "risk",
            Environment => "environment",
            Category => "category",
            User => "user",
            Resource => "resource",
        }
    }

    /// Its heading.
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Tool => "Tool",
            State => "State",
            Agent => "Agent",
            Policy => "Policy",
            Risk => "Risk",
            Environment => "Where",
            Category => "Category",
            User => "User",
            Resource => "Resource",
        }
    }

    /// Those that are named in a list such as `tool,state`; the usual ones where nothing is named, or nothing known.
    pub(crate) fn read(list: Option<&str>) -> Vec<Column> {
        let named: Vec<&str> = list.unwrap_or_default().split(',').collect();
        let found: Vec<Column> = Self::ALL.into_iter().filter(|one| named.contains(&one.name())).collect();
        if found.is_empty() { Self::USUAL.to_vec() } else { found }
    }

    pub(crate) fn cell(self, row: &SummaryView, narrowing: &Narrowing<'_>) -> Markup {
        let optional =
            |key: &str, value: &Option<String>| html! { @if let Some(value) = value { (narrowing(key, value)) } };
        match self {
            Tool => narrowing("tool", &row.tool),
            State => badge::state(row.state.as_str()),
            Agent => narrowing("agent", &row.agent),
            Policy => html! {
                (narrowing("decision", &row.decision)) " "
                @for rule in &row.rules { (narrowing("rule", rule)) " " }
            },
            Risk => html! { (row.risk) },
            Environment => narrowing("environment", &row.environment),
            Category => html! { (text(&row.category)) },
            User => optional("user", &row.user),
            Resource => optional("resource", &row.resource),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Column;

    #[test]
    fn what_is_not_known_is_left_out() {
        assert_eq!(Column::read(Some("risk,tool,nonsense")), [Column::Tool, Column::Risk]);
        assert_eq!(Column::read(Some("nonsense")), Column::read(None));
    }
}
