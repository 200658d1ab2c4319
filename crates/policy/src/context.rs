//! From a request to Cedar's context: built directly from the parsed values, and only what the rules read.
//!
//! Never through Cedar's own JSON, where `{"__entity": …}` and `{"__extn": …}` in a payload would turn into entities and
//! extension values.

use cedar_policy::RestrictedExpression as Expr;
use countersign_evidence::json::{Number, Value};

use crate::amount::Amount;
use crate::catalogue::Catalogue;
use crate::decision::ErrorCode;
use crate::reads::NumberKind;
use crate::request::{Facts, Request, User};
use crate::tree::Node;

/// A value that has no place in Cedar, though rules read it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault<'a> {
    /// Attribute names from `context` down.
    pub(crate) path: Vec<&'a str>,
    pub(crate) code: ErrorCode,
    /// Whether the value itself is `null`, so that nothing below it can be asked for either.
    pub(crate) null: bool,
}

/// What the context is built from, and what could not be.
#[derive(Debug, Default)]
pub(crate) struct Built<'a> {
    pub(crate) members: Vec<(String, Expr)>,
    pub(crate) faults: Vec<Fault<'a>>,
}

/// Everything that a context is built from.
pub(crate) struct Source<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) request: &'a Request<'a>,
    /// `<server>/<tool>`
    pub(crate) tool: &'a str,
    pub(crate) facts: &'a Facts,
}

/// Builds the context as far as `reads` asks for it; `context.risk` is not part of it.
pub(crate) fn build<'a>(reads: &'a Node, of: &Source<'a>) -> Built<'a> {
    let mut builder = Builder::default();
    let mut members = Vec::new();
    for (name, node) in &reads.children {
        let member = builder.top(name, node, of);
        members.extend(member.map(|member| (name.clone(), member)));
    }
    Built { members, faults: builder.faults }
}

/// For what rules only ask for, or look for members in that it does not have: anything but a record will do.
fn placeholder() -> Expr {
    Expr::new_bool(true)
}

fn text(text: &str) -> Expr {
    Expr::new_string(text.to_owned())
}

fn record<const N: usize>(members: [(&str, Option<Expr>); N]) -> Expr {
    collect(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))))
}

/// Names are unique wherever this is called, so that Cedar has nothing to refuse; were it otherwise, rules find nothing.
fn collect(members: impl Iterator<Item = (String, Expr)>) -> Expr {
    Expr::new_record(members).unwrap_or_else(|_| Expr::new_set([]))
}

fn user(user: User<'_>) -> Expr {
    let groups = Expr::new_set(user.groups.iter().map(|group| text(group)));
    record([("id", Some(text(user.id))), ("groups", Some(groups))])
}

/// `hour` from 0 to 23, `weekday` from 1 (Monday) to 7 (Sunday), as ISO 8601 counts.
fn time(request: &Request<'_>) -> Expr {
    let local = request.zone.to_datetime(request.time);
    let weekday = local.weekday().to_monday_one_offset();
    record([
        ("hour", Some(Expr::new_long(i64::from(local.hour())))),
        ("weekday", Some(Expr::new_long(i64::from(weekday)))),
    ])
}

#[derive(Default)]
struct Builder<'a> {
    path: Vec<&'a str>,
    faults: Vec<Fault<'a>>,
}

impl<'a> Builder<'a> {
    fn top(&mut self, name: &'a str, node: &'a Node, of: &Source<'a>) -> Option<Expr> {
        let request = of.request;
        match name {
            "environment" => Some(text(request.environment)),
            "source" => Some(text(request.source)),
            "model" => request.model.map(text),
            "intent" => request.intent.map(text),
            "user" => request.user.map(user),
            "resource" => request.resource.map(|of| record([("type", Some(text(of.kind))), ("id", of.id.map(text))])),
            "time" => Some(time(request)),
            "history" => Some(self.history(node, of)),
            "payload" => {
                self.path = vec!["payload"];
                Some(self.value(request.payload, Some(node), false, None))
            }
            _ => None,
        }
    }

    /// Reports the fault. What stands for the value is there but good for nothing: left out, it would switch `has` off,
    /// and with it the rule.
    fn fault(&mut self, code: ErrorCode) -> Expr {
        self.faults.push(Fault { path: self.path.clone(), code, null: code == ErrorCode::NullValue });
        placeholder()
    }

    /// `node` is what rules read of this value; `whole` says that a rule uses something above it as a value.
    fn value(&mut self, value: &'a Value, node: Option<&'a Node>, whole: bool, kind: Option<NumberKind>) -> Expr {
        let whole = whole || node.is_some_and(|node| node.whole);
        let kind = node.and_then(|node| node.kind).or(kind);
        match value {
            Value::Null => self.fault(ErrorCode::NullValue),
            Value::Object(object) if whole => {
                let child = |name: &str| node.and_then(|node| node.child(name));
                collect(object.iter().map(|(name, member)| self.member(name, member, child(name), true)))
            }
            Value::Object(object) => {
                let children = node.map(|node| &node.children).into_iter().flatten();
                let members = children.filter_map(|(name, node)| Some((name.as_str(), object.get(name)?, node)));
                collect(members.map(|(name, member, node)| self.member(name, member, Some(node), false)))
            }
            _ if !whole => placeholder(),
            Value::Bool(value) => Expr::new_bool(*value),
            Value::String(value) => text(value),
            Value::Number(number) => self.number(number, kind),
            Value::Array(items) => self.array(items, kind),
        }
    }

    fn member(&mut self, name: &'a str, value: &'a Value, node: Option<&'a Node>, whole: bool) -> (String, Expr) {
        self.path.push(name);
        let member = self.value(value, node, whole, None);
        self.path.pop();
        (name.to_owned(), member)
    }

    /// No path leads into an array: its elements' faults are its own.
    fn array(&mut self, items: &'a [Value], kind: Option<NumberKind>) -> Expr {
        let before = self.faults.len();
        let items: Vec<Expr> = items.iter().map(|item| self.value(item, None, true, kind)).collect();
        for fault in self.faults.iter_mut().skip(before) {
            fault.path.clone_from(&self.path);
            fault.null = false;
        }
        Expr::new_set(items)
    }

    fn number(&mut self, number: &Number, kind: Option<NumberKind>) -> Expr {
        match kind {
            Some(NumberKind::Decimal) => match Amount::try_from(number) {
                Ok(amount) => Expr::new_decimal(amount.to_cedar()),
                Err(_) => self.fault(ErrorCode::NotADecimal),
            },
            Some(NumberKind::Long) | None => match number.as_i64() {
                Some(integer) => Expr::new_long(integer),
                None => self.fault(ErrorCode::NotAnInteger),
            },
        }
    }

    fn history(&mut self, node: &'a Node, of: &Source<'a>) -> Expr {
        let count = |count: Option<u32>| count.map(|count| Expr::new_long(i64::from(count)));
        let facts = of.facts;
        let sums = node.child("sums");
        let all = node.whole || sums.is_some_and(|sums| sums.whole);
        let mut members = Vec::new();
        for (name, sum) in &of.catalogue.sums {
            let node = sums.and_then(|sums| sums.child(name));
            if let Some(before) = facts.sums.get(name).filter(|_| all || node.is_some()) {
                self.path = vec!["history", "sums", name];
                let total = sum.amount_of(of.tool, of.request.payload).ok().and_then(|own| before.checked_add(own));
                members.push((name.clone(), self.sum(total, node.and_then(|node| node.kind))));
            }
        }
        record([
            ("actions_last_hour", count(facts.actions_last_hour)),
            ("denials_of_payload_last_day", count(facts.denials_of_payload_last_day)),
            ("first_use_of_tool", facts.first_use_of_tool.map(Expr::new_bool)),
            ("reviews_pending", count(facts.reviews_pending)),
            ("sums", Some(collect(members.into_iter()))),
            ("tool_changed", facts.tool_changed.map(Expr::new_bool)),
        ])
    }

    fn sum(&mut self, total: Option<Amount>, kind: Option<NumberKind>) -> Expr {
        match (kind, total) {
            (Some(NumberKind::Long), Some(total)) => match total.as_integer() {
                Some(integer) => Expr::new_long(integer),
                None => self.fault(ErrorCode::NotAnInteger),
            },
            (_, Some(total)) => Expr::new_decimal(total.to_cedar()),
            (_, None) => self.fault(ErrorCode::NotADecimal),
        }
    }
}
