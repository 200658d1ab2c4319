//! The entities of one request: agent, action and tool with what they are in. Made on the fly, so that unknown agents and
//! tools are entities like any other.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use cedar_policy::{Entities, Entity, EntityId, EntityTypeName, EntityUid};

use crate::category::Category;

/// Casts that are kept for the next request like it.
const MOST_KEPT: usize = 1_024;

/// What is the same in every request.
#[derive(Debug)]
pub(crate) struct Fixed {
    agent: EntityTypeName,
    agent_group: EntityTypeName,
    tool: EntityTypeName,
    server: EntityTypeName,
    actions: Vec<Entity>,
    kept: RwLock<HashMap<String, Arc<Cast>>>,
}

/// A request's entities, and the three that it is about.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) agent: EntityUid,
    pub(crate) action: EntityUid,
    pub(crate) tool: EntityUid,
    pub(crate) entities: Entities,
}

impl Fixed {
    pub(crate) fn new() -> Result<Self, String> {
        let name = |name: &str| name.parse::<EntityTypeName>().map_err(|error| error.to_string());
        let action = name("Action")?;
        let uid = |id: &str| EntityUid::from_type_name_and_id(action.clone(), EntityId::new(id));
        let actions = Category::ALL.map(|category| {
            let groups = if category == Category::Read { vec![uid("any")] } else { vec![uid("any"), uid("effect")] };
            Entity::new_no_attrs(uid(category.as_str()), groups.into_iter().collect())
        });
        Ok(Fixed {
            agent: name("Agent")?,
            agent_group: name("AgentGroup")?,
            tool: name("Tool")?,
            server: name("Server")?,
            actions: actions.into(),
            kept: RwLock::default(),
        })
    }

    /// What `cast` makes of an agent, a category and a tool, made once: for agents that are in the same groups each time.
    pub(crate) fn kept(
        &self,
        agent: &str,
        category: Category,
        tool: &str,
        cast: impl FnOnce() -> Result<Cast, String>,
    ) -> Result<Arc<Cast>, String> {
        let name = format!("{} {} {agent} {tool}", category.as_str(), agent.len());
        if let Some(cast) = self.kept.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return Ok(Arc::clone(cast));
        }
        let cast = Arc::new(cast()?);
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(name, Arc::clone(&cast));
        Ok(cast)
    }

    /// The entities of a call of `tool` (`<server>/<tool>`) by `agent`.
    pub(crate) fn cast<'a>(
        &self,
        agent: &str,
        groups: impl Iterator<Item = &'a str>,
        category: Category,
        server: &str,
        tool: &str,
    ) -> Result<Cast, String> {
        let uid = |name: &EntityTypeName, id: &str| EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id));
        let action = self.actions.get(category.index()).cloned().ok_or("an action without entity")?;
        let (agent, tool) = (uid(&self.agent, agent), uid(&self.tool, tool));
        let groups: HashSet<EntityUid> = groups.map(|group| uid(&self.agent_group, group)).collect();
        let server = HashSet::from([uid(&self.server, server)]);
        let action_uid = action.uid();
        let entities =
            [Entity::new_no_attrs(agent.clone(), groups), action, Entity::new_no_attrs(tool.clone(), server)];
        let entities = Entities::from_entities(entities, None).map_err(|error| error.to_string())?;
        Ok(Cast { agent, action: action_uid, tool, entities })
    }
}
