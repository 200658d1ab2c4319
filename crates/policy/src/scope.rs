//! A rule's scope, read once: so that a rule is not evaluated for actions and tools that it cannot match.

use std::collections::BTreeSet;

use cedar_policy::pst::{
    ActionConstraint, EntityOrSlot, EntityType, EntityUID, PrincipalConstraint, ResourceConstraint, Template,
};

use crate::category::Category;

/// Who, what and where a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) principal: Principal,
    pub(crate) categories: BTreeSet<Category>,
    pub(crate) resource: Resource,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Principal {
    Any,
    Agent(String),
    Group(String),
    Never,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    Any,
    /// `<server>/<tool>`
    Tool(String),
    Server(String),
    Never,
}

impl Scope {
    /// Cedar's meaning of the scope, for entities as this crate makes them (`in` includes the entity itself).
    pub(crate) fn of(rule: &Template) -> Self {
        Scope {
            principal: principal(&rule.principal),
            categories: categories(&rule.action),
            resource: resource(&rule.resource),
        }
    }

    pub(crate) fn never_applies(&self) -> bool {
        self.principal == Principal::Never || self.resource == Resource::Never || self.categories.is_empty()
    }

    /// Whether the scope admits a call of `tool` (its full name) at `server`.
    pub(crate) fn admits_tool(&self, server: &str, tool: &str) -> bool {
        match &self.resource {
            Resource::Any => true,
            Resource::Tool(name) => name == tool,
            Resource::Server(name) => name == server,
            Resource::Never => false,
        }
    }
}

impl Principal {
    pub(crate) fn admits<'a>(&self, agent: &str, groups: impl IntoIterator<Item = &'a str>) -> bool {
        match self {
            Principal::Any => true,
            Principal::Agent(id) => id == agent,
            Principal::Group(group) => groups.into_iter().any(|held| held == group),
            Principal::Never => false,
        }
    }
}

/// Type and id of an entity whose type has no namespace; no entity of this crate has one.
pub(crate) fn plain(uid: &EntityUID) -> Option<(&str, &str)> {
    type_name(&uid.ty).map(|name| (name, uid.eid.as_str()))
}

pub(crate) fn type_name(ty: &EntityType) -> Option<&str> {
    ty.0.namespace.is_empty().then_some(ty.0.id.as_str())
}

fn principal(constraint: &PrincipalConstraint) -> Principal {
    let within = |entity: &EntityOrSlot| match entity {
        EntityOrSlot::Entity(uid) => match plain(uid) {
            Some(("Agent", id)) => Principal::Agent(id.to_owned()),
            Some(("AgentGroup", id)) => Principal::Group(id.to_owned()),
            _ => Principal::Never,
        },
        EntityOrSlot::Slot(_) => Principal::Never,
    };
    match constraint {
        PrincipalConstraint::Any => Principal::Any,
        PrincipalConstraint::Eq(entity) => match within(entity) {
            Principal::Agent(id) => Principal::Agent(id),
            _ => Principal::Never,
        },
        PrincipalConstraint::In(entity) => within(entity),
        PrincipalConstraint::Is(ty) if type_name(ty) == Some("Agent") => Principal::Any,
        PrincipalConstraint::IsIn(ty, entity) if type_name(ty) == Some("Agent") => within(entity),
        PrincipalConstraint::Is(_) | PrincipalConstraint::IsIn(..) => Principal::Never,
    }
}

fn categories(constraint: &ActionConstraint) -> BTreeSet<Category> {
    let exactly = |uid: &EntityUID| match plain(uid) {
        Some(("Action", name)) => name.parse().ok(),
        _ => None,
    };
    match constraint {
        ActionConstraint::Any => Category::ALL.into(),
        ActionConstraint::Eq(uid) => exactly(uid).into_iter().collect(),
        ActionConstraint::In(uids) => uids
            .iter()
            .flat_map(|uid| match plain(uid) {
                Some(("Action", "any")) => Category::ALL.to_vec(),
                Some(("Action", "effect")) => {
                    Category::ALL.into_iter().filter(|category| *category != Category::Read).collect()
                }
                _ => exactly(uid).into_iter().collect(),
            })
            .collect(),
    }
}

fn resource(constraint: &ResourceConstraint) -> Resource {
    let within = |entity: &EntityOrSlot| match entity {
        EntityOrSlot::Entity(uid) => match plain(uid) {
            Some(("Tool", id)) => Resource::Tool(id.to_owned()),
            Some(("Server", id)) => Resource::Server(id.to_owned()),
            _ => Resource::Never,
        },
        EntityOrSlot::Slot(_) => Resource::Never,
    };
    match constraint {
        ResourceConstraint::Any => Resource::Any,
        ResourceConstraint::Eq(entity) => match within(entity) {
            Resource::Tool(id) => Resource::Tool(id),
            _ => Resource::Never,
        },
        ResourceConstraint::In(entity) => within(entity),
        ResourceConstraint::Is(ty) if type_name(ty) == Some("Tool") => Resource::Any,
        ResourceConstraint::IsIn(ty, entity) if type_name(ty) == Some("Tool") => within(entity),
        ResourceConstraint::Is(_) | ResourceConstraint::IsIn(..) => Resource::Never,
    }
}
