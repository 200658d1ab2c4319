use countersign_evidence::record::{Authenticated, Isolation, KeyKind, PublicKey, Role, Strength};
use uuid::Uuid;

use crate::error::GateError;

/// Who asks, as far as it is proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Id of the API key; a fixed one for the data folder's owner on the local socket.
    pub key: Uuid,
    /// What the key may do.
    pub kind: KeyKind,
    /// Environments it is limited to; empty is all.
    pub environments: Vec<String>,
    /// Agents it is limited to; empty is all.
    pub agents: Vec<String>,
    /// The person behind a reviewer's key.
    pub person: Option<Person>,
    /// How far the caller stands from the gate.
    pub isolation: Isolation,
    /// How it was authenticated: `key`, `password`, `passkey`, `oidc`, or `socket` for the data folder's owner.
    pub method: &'static str,
    /// How strong that is.
    pub strength: Strength,
}

/// An authenticated person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Opaque id.
    pub id: Uuid,
    /// The name; sealed in records.
    pub name: String,
    /// Its groups now.
    pub groups: Vec<String>,
    /// The user identity under which agents act for it.
    pub user: Option<String>,
    /// Its roles now.
    pub roles: Vec<Role>,
    /// The passkeys with which it can sign.
    pub passkeys: Vec<Passkey>,
    /// The people who are away and let it decide with their groups.
    pub stands_in_for: Vec<StandIn>,
}

/// A passkey that a person registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// Id of the credential as the authenticator knows it.
    pub credential: Vec<u8>,
    /// The public key that its signatures verify under.
    pub public_key: PublicKey,
}

/// Somebody who is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandIn {
    /// Who is away.
    pub person: Uuid,
    /// The groups, as they are now.
    pub groups: Vec<String>,
    /// The user identity under which agents act for that person: such actions are not decided with its groups.
    pub user: Option<String>,
}

impl Caller {
    /// The owner of the data folder, through its local socket: may do everything that an operator and a gateway may.
    pub fn owner() -> Self {
        Caller {
            key: Uuid::nil(),
            kind: KeyKind::Operator,
            environments: Vec::new(),
            agents: Vec::new(),
            person: None,
            isolation: Isolation::SameUser,
            method: "socket",
            strength: Strength::SingleFactor,
        }
    }

    /// Whether this is the data folder's owner.
    pub fn is_owner(&self) -> bool {
        self.method == "socket"
    }

    pub(crate) fn authenticated(&self) -> Authenticated {
        let kind = if self.is_owner() { KeyKind::Gateway } else { self.kind };
        Authenticated { key: self.key, kind }
    }

    /// Whether the key may act for this agent in this environment.
    pub fn covers(&self, environment: &str, agent: &str) -> bool {
        let within = |limits: &[String], text: &str| limits.is_empty() || limits.iter().any(|limit| limit == text);
        within(&self.environments, environment) && within(&self.agents, agent)
    }

    /// May propose, start and finish.
    ///
    /// # Errors
    /// [`GateError::Forbidden`].
    pub fn must_act(&self) -> Result<(), GateError> {
        let may = self.is_owner() || matches!(self.kind, KeyKind::Agent | KeyKind::Gateway);
        may.then_some(()).ok_or_else(|| forbidden("propose or execute actions", "agent or gateway"))
    }

    /// May configure.
    ///
    /// # Errors
    /// [`GateError::Forbidden`].
    pub fn must_operate(&self) -> Result<(), GateError> {
        if self.kind != KeyKind::Operator {
            return Err(forbidden("change the configuration", "operator"));
        }
        // The configuration is everybody's: a key for some environments or agents does not reach it.
        match self.environments.is_empty() && self.agents.is_empty() {
            true => Ok(()),
            false => Err(GateError::Forbidden("this operator key is limited: it may look, not configure".to_owned())),
        }
    }

    /// May look at everything of its environments and agents.
    ///
    /// # Errors
    /// [`GateError::Forbidden`].
    pub fn must_look(&self) -> Result<(), GateError> {
        let may = matches!(self.kind, KeyKind::Operator | KeyKind::Auditor | KeyKind::Reviewer);
        may.then_some(()).ok_or_else(|| forbidden("search the trail", "operator, auditor or reviewer"))
    }
}

fn forbidden(what: &str, kinds: &str) -> GateError {
    GateError::Forbidden(format!("this key may not {what}: that takes a key of kind {kinds}"))
}
