//! The search box's small language: `agent:billing decision:deny tool:stripe/* since:7d "free text"`. One reader for the
//! console, the API and the command line.

use countersign_evidence::record::{Category, Decision};
use countersign_evidence::time::Timestamp;
use countersign_wire::State;

use crate::codes::{DECISIONS, decision_name};
use crate::{Query, Without};

/// What can be asked for by name.
const KEYS: [&str; 14] = [
    "agent",
    "user",
    "tool",
    "category",
    "decision",
    "state",
    "rule",
    "reviewer",
    "environment",
    "resource",
    "session",
    "trace",
    "since",
    "until",
];
/// Longest question in bytes.
const MOST: usize = 2_048;

/// Why a question is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {what}")]
pub struct SearchError {
    /// Where, counted from 1.
    pub at: usize,
    /// What is wrong, and what to write.
    pub what: String,
}

/// One term of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The key before the colon; `None` for free text.
    pub key: Option<String>,
    /// The value, without quotes.
    pub value: String,
    /// What has it is left out: a minus stands before the key.
    pub without: bool,
    /// Where it begins, counted in characters from 1.
    at: usize,
}

impl Term {
    /// The same with a minus before it.
    pub fn left_out(self) -> Self {
        Term { without: true, ..self }
    }

    /// The term as it is written.
    pub fn written(&self) -> String {
        let plain =
            !self.value.is_empty() && !self.value.chars().any(|one| one.is_whitespace() || "\":\\".contains(one));
        let value = match plain {
            true => self.value.clone(),
            false => format!("\"{}\"", self.value.replace('\\', "\\\\").replace('"', "\\\"")),
        };
        let minus = if self.without { "-" } else { "" };
        self.key.as_ref().map_or(value.clone(), |key| format!("{minus}{key}:{value}"))
    }
}

/// A term by itself.
pub fn term(key: &str, value: &str) -> Term {
    Term { key: Some(key.to_owned()), value: value.to_owned(), without: false, at: 1 }
}

/// The terms of a question, in order.
///
/// # Errors
/// [`SearchError`] for a quote that is not closed, or an unknown key.
pub fn terms(text: &str) -> Result<Vec<Term>, SearchError> {
    if text.len() > MOST {
        return Err(SearchError { at: 1, what: format!("a question has at most {MOST} bytes") });
    }
    let mut characters = text.chars().enumerate().peekable();
    let mut terms = Vec::new();
    loop {
        while characters.next_if(|(_, one)| one.is_whitespace()).is_some() {}
        let Some(&(begin, _)) = characters.peek() else { return Ok(terms) };
        let (mut key, mut value, mut quoted, mut without) = (None, String::new(), false, false);
        while let Some(&(at, one)) = characters.peek() {
            match one {
                '"' => {
                    quoted = true;
                    characters.next();
                    value.push_str(&in_quotes(&mut characters, at)?);
                }
                ':' if key.is_none() && !quoted && !value.is_empty() => {
                    characters.next();
                    let named = std::mem::take(&mut value);
                    without = named.starts_with('-');
                    key = Some(checked(named.strip_prefix('-').unwrap_or(&named).to_owned(), begin)?);
                }
                one if one.is_whitespace() => break,
                one => {
                    characters.next();
                    value.push(one);
                }
            }
        }
        if key.is_some() && value.is_empty() {
            let what = "nothing stands behind the colon".to_owned();
            return Err(SearchError { at: begin + 1, what });
        }
        terms.push(Term { key, value, without, at: begin + 1 });
    }
}

/// What stands up to the closing quote.
fn in_quotes(
    characters: &mut std::iter::Peekable<impl Iterator<Item = (usize, char)>>,
    begin: usize,
) -> Result<String, SearchError> {
    let mut value = String::new();
    loop {
        match characters.next() {
            Some((_, '"')) => return Ok(value),
            Some((_, '\\')) => value.extend(characters.next().map(|(_, one)| one)),
            Some((_, one)) => value.push(one),
            None => return Err(SearchError { at: begin + 1, what: "this quote is not closed".to_owned() }),
        }
    }
}

fn checked(key: String, begin: usize) -> Result<String, SearchError> {
    let key = if key == "env" { "environment".to_owned() } else { key };
    match KEYS.contains(&key.as_str()) {
        true => Ok(key),
        false => {
            let what = format!("{key:?} is not known; ask by {}, or put the text in quotes", KEYS.join(", "));
            Err(SearchError { at: begin + 1, what })
        }
    }
}

/// The question as a query. `now` is what `since:7d` counts from.
///
/// # Errors
/// [`SearchError`].
pub fn search(text: &str, now: Timestamp) -> Result<Query, SearchError> {
    let (mut query, mut words) = (Query::default(), Vec::new());
    for term in terms(text)? {
        let Some(key) = &term.key else {
            words.push(term.value);
            continue;
        };
        let (text, value) = (term.value.as_str(), Some(term.value.clone()));
        let place = Place { at: term.at, key };
        if term.without {
            query.without.push(without(key, text, &place)?);
            continue;
        }
        match key.as_str() {
            "agent" => place.set(&mut query.agent, value, String::new),
            "user" => place.set(&mut query.user, value, String::new),
            "tool" => place.set(&mut query.tool, value, String::new),
            "rule" => place.set(&mut query.rule, value, String::new),
            "reviewer" => place.set(&mut query.reviewer, value, String::new),
            "environment" => place.set(&mut query.environment, value, String::new),
            "resource" => place.set(&mut query.resource, value, String::new),
            "session" => place.set(&mut query.session, value, String::new),
            "category" => {
                let known = || names(&Category::ALL, Category::as_str);
                place.set(&mut query.category, Category::from_name(text), known)
            }
            "decision" => place.set(&mut query.decision, decision(text), || names(&DECISIONS, decision_name)),
            "state" => place.set(&mut query.state, state(text), || names(&State::ALL, State::as_str)),
            "since" => place.set(&mut query.since, point(text, now), || TIMES.to_owned()),
            "until" => place.set(&mut query.until, point(text, now), || TIMES.to_owned()),
            _ => place.set(&mut query.trace, value, String::new),
        }?;
    }
    query.text = (!words.is_empty()).then(|| words.join(" "));
    Ok(query)
}

/// What `-key:value` leaves out.
fn without(key: &str, text: &str, place: &Place<'_>) -> Result<Without, SearchError> {
    let value = text.to_owned();
    Ok(match key {
        "agent" => Without::Agent(value),
        "user" => Without::User(value),
        "tool" => Without::Tool(value),
        "rule" => Without::Rule(value),
        "reviewer" => Without::Reviewer(value),
        "environment" => Without::Environment(value),
        "resource" => Without::Resource(value),
        "session" => Without::Session(value),
        "trace" => Without::Trace(value),
        "category" => {
            let known = || names(&Category::ALL, Category::as_str);
            Without::Category(place.known(Category::from_name(text), known)?)
        }
        "decision" => Without::Decision(place.known(decision(text), || names(&DECISIONS, decision_name))?),
        "state" => Without::State(place.known(state(text), || names(&State::ALL, State::as_str))?),
        _ => {
            let what = format!("{key} cannot be left out: ask with the other of since and until");
            return Err(SearchError { at: place.at, what });
        }
    })
}

/// What a time is written as.
pub const TIMES: &str = "7d, 24h, 30m, 2026-11-26, or a whole time in RFC 3339";

/// A term's place in the question.
struct Place<'a> {
    at: usize,
    key: &'a str,
}

impl Place<'_> {
    /// Asks for a value, once; `known` lists the ones there are.
    fn set<T>(&self, of: &mut Option<T>, value: Option<T>, known: impl FnOnce() -> String) -> Result<(), SearchError> {
        if of.is_some() {
            return Err(self.wrong(format!("{} is asked for twice: an action has one", self.key)));
        }
        *of = Some(self.known(value, known)?);
        Ok(())
    }

    /// The value, where it is one of the `known` ones.
    fn known<T>(&self, value: Option<T>, known: impl FnOnce() -> String) -> Result<T, SearchError> {
        value.ok_or_else(|| self.wrong(format!("{} is one of {}", self.key, known())))
    }

    fn wrong(&self, what: String) -> SearchError {
        SearchError { at: self.at, what }
    }
}

fn decision(name: &str) -> Option<Decision> {
    DECISIONS.into_iter().find(|decision| decision_name(*decision) == name)
}

fn state(name: &str) -> Option<State> {
    State::ALL.into_iter().find(|state| state.as_str() == name)
}

fn names<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> String {
    all.iter().map(|one| name(*one)).collect::<Vec<_>>().join(", ")
}

/// A time, a day, or so long before now; `None` for anything else: say [`TIMES`] then.
pub fn point(text: &str, now: Timestamp) -> Option<Timestamp> {
    let unit = match text.chars().last()? {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => 0,
    };
    let number = text.get(..text.len().saturating_sub(1)).and_then(|number| number.parse::<u32>().ok());
    if let (Some(number), 1..) = (number, unit) {
        return Some(now.plus_seconds(-i64::from(number).checked_mul(unit)?));
    }
    let whole = if text.len() == 10 { format!("{text}T00:00:00.000000Z") } else { text.to_owned() };
    whole.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-26T12:00:00.000000Z".parse().unwrap()
    }

    #[test]
    fn a_question_says_what_it_means() {
        let query = search(r#"agent:billing decision:deny tool:stripe/* since:7d "two words" third"#, now()).unwrap();
        let expected = Query {
            agent: Some("billing".to_owned()),
            decision: Some(Decision::Deny),
            tool: Some("stripe/*".to_owned()),
            since: Some("2026-11-19T12:00:00.000000Z".parse().unwrap()),
            text: Some("two words third".to_owned()),
            ..Query::default()
        };
        assert_eq!(query, expected);
        assert_eq!(search("", now()).unwrap(), Query::default());
        assert_eq!(search("env:prod", now()).unwrap().environment.as_deref(), Some("prod"));
        assert_eq!(search(r#"user:"a \"b\" c""#, now()).unwrap().user.as_deref(), Some(r#"a "b" c"#));
        assert_eq!(search(r#""agent:x""#, now()).unwrap().text.as_deref(), Some("agent:x"));
        assert_eq!(
            search("until:2026-11-20", now()).unwrap().until.unwrap().to_string(),
            "2026-11-20T00:00:00.000000Z"
        );
        assert_eq!(search("state:succeeded", now()).unwrap().state, Some(State::Succeeded));
    }

    #[test]
    fn a_minus_leaves_out() {
        let query =
            search(r#"-agent:bot agent:b -tool:"stripe/*" -state:waiting -rule:a -rule:b -word"#, now()).unwrap();
        let without = [
            Without::Agent("bot".to_owned()),
            Without::Tool("stripe/*".to_owned()),
            Without::State(State::Waiting),
            Without::Rule("a".to_owned()),
            Without::Rule("b".to_owned()),
        ];
        assert_eq!(
            (query.without.as_slice(), query.agent.as_deref(), query.text.as_deref()),
            (&without[..], Some("b"), Some("-word"))
        );
        for term in terms("-agent:bot -tool:\"a b\"").unwrap() {
            assert_eq!(terms(&term.written()).unwrap(), [Term { at: 1, ..term }]);
        }
        let told = |text| search(text, now()).unwrap_err().what;
        assert!(told("-since:7d").contains("cannot be left out"));
        assert!(told("-state:wating").contains("state is one of"));
        assert!(told("--agent:x").contains("is not known"));
    }

    #[test]
    fn what_is_not_understood_is_told_with_its_place() {
        let told = |text: &str| search(text, now()).unwrap_err().to_string();
        assert!(told("x agnt:1").starts_with("at character 3: \"agnt\" is not known; ask by agent, "));
        assert!(told("a \"b").starts_with("at character 3: this quote is not closed"));
        assert!(told("agent:").starts_with("at character 1: nothing stands behind the colon"));
        assert!(told("decision:no").contains("decision is one of allow, deny, review"));
        assert!(told("since:yesterday").contains("since is one of 7d"));
        assert!(told("agent:a agent:b").contains("agent is asked for twice"));
        assert!(told("category:x").contains("read"));
        assert!(told(&"x".repeat(MOST + 1)).contains("at most"));
    }

    proptest! {
        #[test]
        fn whatever_is_asked_is_answered_or_refused(text in any::<String>()) {
            drop(search(&text, now()));
        }

        #[test]
        fn a_term_reads_as_it_is_written(key in 0..KEYS.len(), value in "[^\u{0}]{1,20}", free in any::<bool>()) {
            let key = (!free).then(|| KEYS[key].to_owned());
            let term = Term { key, value, without: false, at: 1 };
            prop_assert_eq!(terms(&term.written()).unwrap(), vec![term]);
        }
    }
}
