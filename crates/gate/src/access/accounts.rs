//! Accounts at an OpenID provider, as somebody else has checked them: whose they are, and which groups come with them.

use countersign_evidence::record::{CredentialKind, Role, Strength};
use countersign_wire::PersonRequest;
use uuid::Uuid;

use super::credentials::NewCredential;
use super::sessions::NewSession;
use crate::caller::Caller;
use crate::error::GateError;
use crate::gate::Gate;

/// An account that its owner has just proved to the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedAccount {
    /// Who vouches for it.
    pub issuer: String,
    /// The account as the provider knows it for good.
    pub subject: String,
    /// The name to show.
    pub name: Option<String>,
    /// The address, where the provider has verified it.
    pub email: Option<String>,
    /// Whether more than one factor was asked for.
    pub strength: Strength,
    /// Which groups the provider decides about, and which of them the account has.
    pub groups: Managed,
    /// Whether somebody new is added who has one of these groups.
    pub adds_people: bool,
}

/// Groups that a provider decides about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Managed {
    /// All of them.
    pub all: Vec<String>,
    /// Those that the account has now; `None` where the provider said nothing of groups, and nothing changes.
    pub held: Option<Vec<String>>,
}

impl Gate {
    /// Lets the owner of an account in. Its person is the one that signed in by it before; else the one with its verified
    /// address as user identity; else, where the deployment wants that, a new one. Its groups follow the provider's.
    ///
    /// # Errors
    /// [`GateError::Forbidden`] where the account belongs to nobody here.
    pub async fn sign_in_by_account(&self, account: ProvedAccount) -> Result<NewSession, GateError> {
        let credential = NewCredential::Account { issuer: account.issuer.clone(), subject: account.subject.clone() };
        let known = self.owner_of(&credential)?;
        let person = match known {
            Some(person) => person,
            None => self.owner_by_address(&account).await?,
        };
        self.follow_groups(person, &account.groups).await?;
        if known.is_none() {
            self.add_credential(person, credential, &account.issuer).await?;
        }
        self.sign_in(person, CredentialKind::Oidc, account.strength).await
    }

    async fn owner_by_address(&self, account: &ProvedAccount) -> Result<Uuid, GateError> {
        let found = account.email.as_deref().map(|email| self.by_user(email)).transpose()?.flatten();
        if let Some(person) = found {
            return Ok(person);
        }
        let held = self.in_force(account.groups.held.clone().unwrap_or_default());
        if !account.adds_people || held.is_empty() || account.email.is_none() {
            let address = account.email.as_deref().unwrap_or("without a verified address");
            return Err(GateError::Forbidden(format!(
                "the account {address} belongs to nobody here: an admin can add a person with this user identity"
            )));
        }
        let request = PersonRequest {
            person: None,
            name: account.name.clone().or_else(|| account.email.clone()).unwrap_or_default(),
            user: account.email.clone(),
            groups: held,
            roles: Some(vec![Role::Reviewer]),
            until: None,
        };
        Ok(self.put_person(&Caller::provider(), request).await?.person)
    }

    /// Groups that the provider decides about come and go with what it says; all others stay.
    async fn follow_groups(&self, person: Uuid, managed: &Managed) -> Result<(), GateError> {
        let Some(held) = &managed.held else { return Ok(()) };
        let (known, _) = self.person(person)?.ok_or(GateError::Unauthenticated)?;
        let before = self.in_force(known.groups.clone());
        let own = before.iter().filter(|group| !managed.all.contains(group)).cloned();
        let groups = self.in_force(own.chain(held.iter().cloned()).collect());
        if groups == before {
            return Ok(());
        }
        let request = PersonRequest {
            person: Some(person),
            name: known.name,
            user: None,
            groups,
            roles: Some(known.roles),
            until: known.until,
        };
        self.put_person(&Caller::provider(), request).await.map(drop)
    }

    /// Those that the policy knows, each once, in order: another one gives nothing, and could not be stored again.
    fn in_force(&self, mut groups: Vec<String>) -> Vec<String> {
        let policy = self.review_groups();
        groups.retain(|group| policy.contains(group));
        groups.sort();
        groups.dedup();
        groups
    }
}
