//! The optional `schema.cedarschema`: Cedar's validator in strict mode over all rules.

use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};

use crate::error::Problem;
use crate::rule::Rule;
use crate::text::{Kind, PolicyText};

const FILE: &str = "schema.cedarschema";

pub(crate) fn check(text: &PolicyText, rules: &[Rule], problems: &mut Vec<Problem>) {
    let Some((_, text)) = text.of(Kind::Schema).next() else { return };
    let schema = match Schema::from_cedarschema_str(text) {
        Ok((schema, _)) => schema,
        Err(error) => return problems.push(Problem::new(FILE, None, format!("not a Cedar schema: {error}"))),
    };
    // Two rules under one id are a problem of their own.
    let Ok(set) = PolicySet::from_policies(rules.iter().map(|rule| rule.as_written.clone())) else { return };
    let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
    for error in result.validation_errors() {
        let id: &str = error.policy_id().as_ref();
        let rule = rules.iter().find(|rule| rule.id == id);
        let (file, line) = rule.map_or((FILE, None), |rule| (rule.file.as_str(), Some(rule.line)));
        problems.push(Problem::new(file, line, format!("does not fit {FILE}: {error}")));
    }
}
