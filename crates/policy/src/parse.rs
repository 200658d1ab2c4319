//! One rule's text through Cedar's parser.

use cedar_policy::{Policy, PolicyId, pst};
use miette::Diagnostic as _;

/// A parsed rule.
pub(crate) struct Parsed {
    pub(crate) body: pst::Template,
    policy: Policy,
}

/// Parses one rule. Errors come with their line within the text, counted from 0.
pub(crate) fn parse(text: &str) -> Result<Parsed, Vec<(u32, String)>> {
    let policy = Policy::parse(None, text).map_err(|errors| {
        let error = |error: &cedar_policy::ParseError| (line_of(error, text), explain(error));
        errors.iter().map(error).collect::<Vec<_>>()
    })?;
    match policy.to_pst() {
        Ok(pst::Policy::Static(rule)) => Ok(Parsed { body: rule.body().clone(), policy }),
        Ok(_) => Err(vec![(0, "templates (?principal, ?resource) are not supported: write the rule out".to_owned())]),
        Err(error) => Err(vec![(0, error.to_string())]),
    }
}

fn line_of(error: &cedar_policy::ParseError, text: &str) -> u32 {
    let offset = error.labels().and_then(|mut labels| labels.next()).map_or(0, |label| label.offset());
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    u32::try_from(before.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(0)
}

fn explain(error: &cedar_policy::ParseError) -> String {
    let label = error.labels().and_then(|mut labels| labels.next()).and_then(|label| label.label().map(str::to_owned));
    let help = error.help().map(|help| help.to_string());
    let parts = [Some(format!("not Cedar: {error}")), label, help];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The rule under its own id: as it was written, and as a permit.
pub(crate) fn variants(parsed: &Parsed, id: &str) -> Result<(Policy, Policy), String> {
    let as_written = parsed.policy.new_id(PolicyId::new(id));
    let mut body = parsed.body.clone().with_id(pst::PolicyID(id.into()));
    body.effect = pst::Effect::Permit;
    let rule = pst::StaticPolicy::try_from(body).map_err(|error| error.to_string())?;
    let as_permit = Policy::from_pst(pst::Policy::Static(rule)).map_err(|error| error.to_string())?;
    Ok((as_written, as_permit))
}

/// Effect, scope and conditions, in one spelling.
pub(crate) fn without_annotations(body: &pst::Template) -> String {
    body.clone().with_annotations(std::collections::BTreeMap::new()).to_string()
}

/// Entities named in the scope.
pub(crate) fn scope_entities(body: &pst::Template) -> Vec<pst::EntityUID> {
    use pst::{ActionConstraint, EntityOrSlot, PrincipalConstraint, ResourceConstraint};
    let mut entities = Vec::new();
    if let PrincipalConstraint::Eq(entity) | PrincipalConstraint::In(entity) | PrincipalConstraint::IsIn(_, entity) =
        &body.principal
        && let EntityOrSlot::Entity(uid) = entity
    {
        entities.push(uid.clone());
    }
    if let ResourceConstraint::Eq(entity) | ResourceConstraint::In(entity) | ResourceConstraint::IsIn(_, entity) =
        &body.resource
        && let EntityOrSlot::Entity(uid) = entity
    {
        entities.push(uid.clone());
    }
    match &body.action {
        ActionConstraint::Any => {}
        ActionConstraint::Eq(uid) => entities.push(uid.clone()),
        ActionConstraint::In(uids) => entities.extend(uids.iter().cloned()),
    }
    entities
}
