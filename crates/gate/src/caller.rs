use countersign_evidence::record::{Actor, ActorKind, Authenticated, Isolation, KeyKind, PublicKey, Role, Strength};
use countersign_evidence::time::Timestamp;
use uuid::Uuid;

use crate::draft::actor;
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
    /// When the person of a session proved last who it is; absent for keys.
    pub proved: Option<Timestamp>,
    /// The gate's own gateway executes for it: what it reports was seen on the wire.
    pub on_the_wire: bool,
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
    /// When all of it ends.
    pub until: Option<Timestamp>,
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
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

impl Person {
    /// The people for whom it decides at this time.
    pub fn stands_in(&self, now: Timestamp) -> impl Iterator<Item = &StandIn> {
        self.stands_in_for.iter().filter(move |absent| absent.since <= now && now < absent.until)
    }
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
            proved: None,
            on_the_wire: false,
        }
    }

    /// The same caller, whose calls a gateway in this process executes.
    pub fn at_gateway(self) -> Self {
        Caller { on_the_wire: true, ..self }
    }

    /// What an OpenID provider says of people, by the deployment's configuration.
    pub(crate) fn provider() -> Self {
        Caller { method: "oidc", ..Caller::owner() }
    }

    /// Who it is in records about the system.
    pub(crate) fn actor(&self) -> Actor {
        match (self.method, self.is_session()) {
            ("oidc", false) => actor(ActorKind::System, "oidc"),
            _ => actor(ActorKind::Operator, self.key),
        }
    }

    /// A person, before it is known how it came in.
    pub(crate) fn of_person(person: Person) -> Self {
        Caller {
            key: person.id,
            kind: KeyKind::Reviewer,
            person: Some(person),
            isolation: Isolation::SeparateUser,
            method: "person",
            ..Caller::owner()
        }
    }

    /// Whether it is somebody who is signed in.
    pub fn is_session(&self) -> bool {
        self.proved.is_some()
    }

    /// Whether it may do what this role does.
    pub fn has(&self, role: Role) -> bool {
        let of_person = |role| self.person.as_ref().is_some_and(|person| person.roles.contains(&role));
        match self.kind {
            _ if self.is_session() => of_person(role),
            KeyKind::Operator => matches!(role, Role::Operator | Role::Admin),
            KeyKind::Auditor => role == Role::Auditor,
            KeyKind::Reviewer => role == Role::Reviewer && of_person(role),
            KeyKind::Agent | KeyKind::Gateway => false,
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
        self.unlimited(Role::Operator, "change the configuration")
    }

    /// May change people and keys.
    ///
    /// # Errors
    /// [`GateError::Forbidden`].
    pub fn must_administer(&self) -> Result<(), GateError> {
        self.unlimited(Role::Admin, "change people and keys")
    }

    /// Is this person, or may administer.
    ///
    /// # Errors
    /// [`GateError::Forbidden`].
    pub fn must_be(&self, person: Uuid) -> Result<(), GateError> {
        match self.person.as_ref().is_some_and(|own| own.id == person) {
            true => Ok(()),
            false => self.must_administer(),
        }
    }

    fn unlimited(&self, role: Role, what: &str) -> Result<(), GateError> {
        if !self.has(role) {
            return Err(match self.is_session() {
                true => GateError::Forbidden(format!("you may not {what}: that takes the role {}", role.as_str())),
                false => forbidden(what, "operator"),
            });
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
        let may = match self.is_session() {
            true => self.person.as_ref().is_some_and(|person| !person.roles.is_empty()),
            false => matches!(self.kind, KeyKind::Operator | KeyKind::Auditor | KeyKind::Reviewer),
        };
        may.then_some(()).ok_or_else(|| forbidden("search the trail", "operator, auditor or reviewer"))
    }
}

fn forbidden(what: &str, kinds: &str) -> GateError {
    GateError::Forbidden(format!("this key may not {what}: that takes a key of kind {kinds}"))
}

/// How identities and names are compared: who writes one in capitals or with a space behind it is the same person.
pub(crate) fn plain_identity(identity: &str) -> String {
    identity.trim().to_lowercase()
}
