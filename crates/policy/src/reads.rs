//! What a rule reads: found once, at load, by walking its conditions.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::pst::{BinaryOp, Clause, EntityUID, Expr, Literal, Template, UnaryOp, Var};

use crate::catalogue::Catalogue;
use crate::request::FactName;
use crate::scope::type_name;
use crate::spelling::suggestion;

/// Attribute names from `context` down.
pub(crate) type Path = Vec<String>;

/// The one type that the numbers at a path have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberKind {
    Long,
    Decimal,
}

/// What a rule reads of the context, and which entities it names.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// Paths whose values are used.
    pub(crate) values: BTreeSet<Path>,
    /// Paths that `has` asks for.
    pub(crate) presence: BTreeSet<Path>,
    /// Number types that operators imply.
    pub(crate) kinds: Vec<(Path, NumberKind)>,
    /// Paths that are compared with each other: they have the same number type.
    pub(crate) same: Vec<(Path, Path)>,
    /// Entities named in conditions.
    pub(crate) entities: Vec<EntityUID>,
    problems: BTreeSet<String>,
}

impl Reads {
    pub(crate) fn of(rule: &Template) -> Self {
        let mut reads = Reads::default();
        for clause in rule.clauses() {
            let (Clause::When(condition) | Clause::Unless(condition)) = clause;
            reads.visit(condition);
        }
        reads
    }

    /// Whether the rule reads the path, or asks for it.
    pub(crate) fn touches(&self, first: &str) -> bool {
        self.values.iter().chain(&self.presence).any(|path| path.first().is_some_and(|name| name == first))
    }

    /// The facts that the rule reads.
    pub(crate) fn facts(&self, catalogue: &Catalogue) -> BTreeSet<FactName> {
        let mut facts = BTreeSet::new();
        let sums = || catalogue.sums.keys().map(|name| FactName::Sum(name.clone()));
        for path in self.values.iter().chain(&self.presence) {
            let names: Vec<&str> = path.iter().map(String::as_str).collect();
            match names.as_slice() {
                ["history"] => {
                    facts.extend(FactName::FIXED.into_iter().map(|(_, name)| name));
                    facts.extend(sums());
                }
                ["history", "sums"] => facts.extend(sums()),
                ["history", "sums", name, ..] => facts.extend([FactName::Sum((*name).to_owned())]),
                ["history", name, ..] => {
                    facts.extend(FactName::FIXED.into_iter().find(|(fixed, _)| fixed == name).map(|(_, f)| f))
                }
                _ => {}
            }
        }
        facts
    }

    /// What no request could ever satisfy: names that the context does not have, and the like.
    pub(crate) fn problems(&self, catalogue: &Catalogue) -> Vec<String> {
        let paths = self.values.iter().chain(&self.presence);
        let unknown: BTreeSet<String> = paths.filter_map(|path| unknown_name(path, catalogue)).collect();
        unknown.into_iter().chain(self.problems.iter().cloned()).collect()
    }

    fn visit(&mut self, expression: &Expr) {
        if let Some(path) = context_path(expression) {
            if path.is_empty() {
                self.problem("context is used as a whole: name the attribute that is meant");
            }
            self.values.insert(path);
            return;
        }
        match expression {
            Expr::Literal(Literal::EntityUID(uid)) => self.entities.push(uid.clone()),
            Expr::Literal(_) | Expr::Var(_) => {}
            Expr::GetAttr { expr, .. } => self.visit_base(expr),
            Expr::HasAttr { expr, attrs } => match context_path(expr) {
                Some(mut path) => {
                    path.extend(attrs.iter().map(|name| name.to_string()));
                    self.presence.insert(path);
                }
                None => self.visit_base(expr),
            },
            Expr::Like { expr, .. } => self.visit(expr),
            Expr::Is { expr, entity_type, in_expr } => {
                if !type_name(entity_type).is_some_and(|name| ENTITY_TYPES.contains(&name)) {
                    self.problem(&format!("{entity_type} is no entity type: use {}", ENTITY_TYPES.join(", ")));
                }
                self.visit(expr);
                in_expr.iter().for_each(|within| self.visit(within));
            }
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                for part in [cond, then_expr, else_expr] {
                    self.visit(part);
                }
            }
            Expr::Set(items) => items.iter().for_each(|item| self.visit(item)),
            Expr::Record(members) => members.values().for_each(|member| self.visit(member)),
            Expr::UnaryOp { op, expr } => {
                if *op == UnaryOp::Neg {
                    self.assign(expr, NumberKind::Long);
                }
                self.visit(expr);
            }
            Expr::BinaryOp { op, left, right } => {
                self.operands(*op, left, right);
                self.visit(left);
                self.visit(right);
            }
            _ => self.problem("templates (?principal, ?resource) are not supported: write the rule out"),
        }
    }

    /// Entities carry no attributes here, so only records may be asked for them.
    fn visit_base(&mut self, base: &Expr) {
        if let Expr::Var(Var::Principal | Var::Action | Var::Resource) | Expr::Literal(Literal::EntityUID(_)) = base {
            self.problem("principal, action and resource have no attributes: use `in`, or what context holds");
        }
        self.visit(base);
    }

    fn problem(&mut self, message: &str) {
        self.problems.insert(message.to_owned());
    }

    fn operands(&mut self, op: BinaryOp, left: &Expr, right: &Expr) {
        use BinaryOp as Op;
        match op {
            Op::Less | Op::LessEq | Op::Greater | Op::GreaterEq | Op::Add | Op::Sub | Op::Mul => {
                self.assign(left, NumberKind::Long);
                self.assign(right, NumberKind::Long);
            }
            Op::DecimalLessThan | Op::DecimalLessEq | Op::DecimalGreater | Op::DecimalGreaterEq => {
                self.assign(left, NumberKind::Decimal);
                self.assign(right, NumberKind::Decimal);
            }
            Op::Eq | Op::NotEq | Op::Contains | Op::ContainsAll | Op::ContainsAny => {
                if let Some(kind) = kind_of(left) {
                    self.assign(right, kind);
                }
                if let Some(kind) = kind_of(right) {
                    self.assign(left, kind);
                }
                if let (Some(left), Some(right)) = (context_path(left), context_path(right)) {
                    self.same.push((left, right));
                }
            }
            Op::GetTag | Op::HasTag => self.problem("entities have no tags: use `in`, or what context holds"),
            _ => {}
        }
    }

    fn assign(&mut self, expression: &Expr, kind: NumberKind) {
        if let Some(path) = context_path(expression) {
            return self.kinds.push((path, kind));
        }
        match expression {
            Expr::IfThenElse { then_expr, else_expr, .. } => {
                self.assign(then_expr, kind);
                self.assign(else_expr, kind);
            }
            Expr::Set(items) => items.iter().for_each(|item| self.assign(item, kind)),
            _ => {}
        }
    }
}

/// `["payload", "amount"]` for `context.payload.amount`.
fn context_path(expression: &Expr) -> Option<Path> {
    match expression {
        Expr::Var(Var::Context) => Some(Vec::new()),
        Expr::GetAttr { expr, attr } => {
            let mut path = context_path(expr)?;
            path.push(attr.to_string());
            Some(path)
        }
        _ => None,
    }
}

fn kind_of(expression: &Expr) -> Option<NumberKind> {
    match expression {
        Expr::Literal(Literal::Long(_)) => Some(NumberKind::Long),
        Expr::UnaryOp { op: UnaryOp::Neg, .. } => Some(NumberKind::Long),
        Expr::UnaryOp { op: UnaryOp::Decimal, .. } => Some(NumberKind::Decimal),
        Expr::BinaryOp { op: BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul, .. } => Some(NumberKind::Long),
        Expr::Set(items) => items.iter().find_map(|item| kind_of(item)),
        Expr::IfThenElse { then_expr, else_expr, .. } => kind_of(then_expr).or_else(|| kind_of(else_expr)),
        _ => None,
    }
}

/// The types of entities that rules may name.
pub(crate) const ENTITY_TYPES: [&str; 5] = ["Agent", "AgentGroup", "Action", "Tool", "Server"];

/// Members of `context`, and those of them that are records with fixed members.
const CONTEXT: [&str; 10] =
    ["environment", "user", "model", "payload", "resource", "intent", "risk", "source", "time", "history"];
const RECORDS: [(&str, &[&str]); 4] = [
    ("user", &["id", "groups"]),
    ("resource", &["type", "id"]),
    ("time", &["hour", "weekday"]),
    (
        "history",
        &[
            "actions_last_hour",
            "denials_of_payload_last_day",
            "first_use_of_tool",
            "reviews_pending",
            "sums",
            "tool_changed",
        ],
    ),
];

fn unknown_name(path: &Path, catalogue: &Catalogue) -> Option<String> {
    let first = path.first()?;
    if !CONTEXT.contains(&first.as_str()) {
        return Some(format!("context has no {first:?}{}: it has {}", suggestion(first, CONTEXT), CONTEXT.join(", ")));
    }
    let second = path.get(1)?;
    let (_, members) = RECORDS.iter().find(|(record, _)| record == first)?;
    if !members.contains(&second.as_str()) {
        let near = suggestion(second, members.iter().copied());
        return Some(format!("context.{first} has no {second:?}{near}: it has {}", members.join(", ")));
    }
    let third = path.get(2).filter(|_| second == "sums")?;
    if catalogue.sums.contains_key(third) {
        return None;
    }
    let near = suggestion(third, catalogue.sums.keys().map(String::as_str));
    Some(format!("unknown sum {third:?}{near}: define it under \"sums\" in entities.json"))
}

/// The number type of each path in all rules. `Err` names a path that has both.
pub(crate) fn number_kinds<'a>(
    rules: impl Iterator<Item = &'a Reads> + Clone,
) -> Result<BTreeMap<Path, NumberKind>, Path> {
    let mut kinds = BTreeMap::new();
    for (path, kind) in rules.clone().flat_map(|reads| &reads.kinds) {
        if kinds.insert(path.clone(), *kind).is_some_and(|before| before != *kind) {
            return Err(path.clone());
        }
    }
    spread(&mut kinds, rules)?;
    Ok(kinds)
}

/// Paths compared with each other have the same type: goes on until nothing more is learnt.
fn spread<'a>(
    kinds: &mut BTreeMap<Path, NumberKind>,
    rules: impl Iterator<Item = &'a Reads> + Clone,
) -> Result<(), Path> {
    let mut learnt = true;
    while learnt {
        learnt = false;
        for (left, right) in rules.clone().flat_map(|reads| &reads.same) {
            match (kinds.get(left).copied(), kinds.get(right).copied()) {
                (Some(a), Some(b)) if a != b => return Err(left.clone()),
                (Some(kind), None) => {
                    kinds.insert(right.clone(), kind);
                    learnt = true;
                }
                (None, Some(kind)) => {
                    kinds.insert(left.clone(), kind);
                    learnt = true;
                }
                _ => {}
            }
        }
    }
    Ok(())
}
