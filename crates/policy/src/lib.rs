//! Cedar policy sets: allow, deny or review, purely decided. The only crate that names Cedar.
//!
//! A policy folder ([`PolicyText`]) is loaded and checked as a whole into a [`PolicySet`]; [`PolicySet::decide`] is a pure
//! function of a [`Request`] and the [`Facts`] that the trail knows. Any evaluation error denies.
//!
//! At load the rules part into three sets, each evaluated once per request: risk rules, whose points become
//! `context.risk`; review rules, turned into permits so that every one that fires is listed; permits with final forbids.

mod amount;
mod cases;
mod catalogue;
mod category;
mod context;
mod decide;
mod decision;
#[cfg(test)]
mod differential;
mod duration;
mod entities;
mod error;
mod explain;
mod found;
mod lint;
mod message;
mod names;
mod parse;
mod reads;
mod request;
mod rule;
mod schema;
mod scope;
mod set;
mod slice;
mod spelling;
mod split;
mod text;
mod tree;

pub use amount::{Amount, AmountError};
pub use cases::{Case, TestOutcome, run_tests};
pub use catalogue::{Agent, Catalogue, MOST_REVIEW_GROUPS, OnUnreachable, ResourceMapping, Sum, Tool};
pub use category::{Category, UnknownCategory};
pub use decision::{Decision, Effect, ErrorCode, Escalation, Factor, Outcome, Reason, Requirement, Risk, RuleError};
pub use error::{LoadErrors, Problem};
pub use explain::{Explanation, RuleExplanation, Verdict};
pub use request::{FactName, Facts, Request, Resource, User};
pub use rule::{DEFAULT_EXPIRES_S, Rule};
pub use set::PolicySet;
pub use text::PolicyText;
