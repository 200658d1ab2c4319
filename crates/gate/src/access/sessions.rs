//! Who is signed in. The browser holds a random token; its hash is stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_evidence::digest::Digest;
use countersign_evidence::record::{CredentialKind, Isolation, KeyKind, Role, SessionEnded, SignedIn, Strength};
use countersign_evidence::time::Timestamp;
use countersign_journal::Session;
use countersign_wire::SessionView;
use uuid::Uuid;

use crate::caller::{Caller, Person};
use crate::error::GateError;
use crate::gate::Gate;

const PREFIX: &str = "cs_session_";
/// Microseconds between two notes of when a session was used.
const NOTED_EVERY: i64 = 60 * 1_000_000;
/// Sessions of one person at a time; the oldest end.
const MOST_SESSIONS: usize = 50;

/// A session that has begun: the only time that its token is shown.
pub struct NewSession {
    /// Its id, as records name it.
    pub session: Uuid,
    /// What the browser keeps.
    pub token: String,
}

/// A session as it is remembered between two changes of access.
pub(crate) struct KnownSession {
    caller: Caller,
    row: Session,
    seen: AtomicI64,
}

/// The token that a form must hold beside the session's own: only pages of this origin show it.
pub fn csrf_of(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Digest::of(format!("csrf/v1 {token}").as_bytes()).0)
}

/// What a person's roles come to, in terms of keys.
fn kind_of(person: &Person) -> KeyKind {
    let has = |role| person.roles.contains(&role);
    if has(Role::Admin) || has(Role::Operator) {
        KeyKind::Operator
    } else if has(Role::Reviewer) {
        KeyKind::Reviewer
    } else {
        KeyKind::Auditor
    }
}

impl Gate {
    /// Lets somebody in who has proved who it is. Recorded before the token leaves.
    ///
    /// # Errors
    /// [`GateError::Unauthenticated`] where that person has no access.
    pub async fn sign_in(
        &self,
        person: Uuid,
        method: CredentialKind,
        strength: Strength,
    ) -> Result<NewSession, GateError> {
        let _one_at_a_time = self.shared.access.lock().await;
        let (known, _) = self.person(person)?.ok_or(GateError::Unauthenticated)?;
        let caller = Caller::of_person(known);
        let own = self.credentials().sessions()?.into_iter().filter(|row| row.person == person);
        for row in own.skip(MOST_SESSIONS - 1) {
            self.drop_session(&caller, &row, "too_many").await?;
        }
        let (token, session) = (self.fresh_token(), self.shared.new_id());
        let now = self.shared.now().as_micros();
        let hash = Digest::of(token.as_bytes()).0;
        let row = Session { id: session, hash, person, method, strength, created: now, proved: now, seen: now };
        let body = SignedIn { person, session, method, strength };
        self.record(&caller, body, Vec::new(), &self.shared.workspace_key).await?;
        self.credentials().insert_session(&row)?;
        Ok(NewSession { session, token })
    }

    /// Somebody who is signed in has proved again who it is: the session goes on under another token.
    ///
    /// # Errors
    /// [`GateError::Unauthenticated`] where the session is over.
    pub async fn step_up(
        &self,
        caller: &Caller,
        method: CredentialKind,
        strength: Strength,
    ) -> Result<NewSession, GateError> {
        let _one_at_a_time = self.shared.access.lock().await;
        let row = self.credentials().session(caller.key)?.ok_or(GateError::Unauthenticated)?;
        let (token, person, session) = (self.fresh_token(), row.person, row.id);
        let renewed = Session {
            hash: Digest::of(token.as_bytes()).0,
            method,
            strength,
            proved: self.shared.now().as_micros(),
            ..row
        };
        self.record(caller, SignedIn { person, session, method, strength }, Vec::new(), &self.shared.workspace_key)
            .await?;
        self.credentials().renew_session(&renewed)?;
        self.forget_callers();
        Ok(NewSession { session, token })
    }

    fn fresh_token(&self) -> String {
        format!("{PREFIX}{}", self.shared.new_secret())
    }

    /// Who is signed in under this token.
    ///
    /// # Errors
    /// [`GateError::Unauthenticated`] where nobody is, or not any more.
    pub fn session(&self, token: &str, isolation: Isolation) -> Result<Caller, GateError> {
        if !token.starts_with(PREFIX) {
            return Err(GateError::Unauthenticated);
        }
        let hash = Digest::of(token.as_bytes()).0;
        let held = self.shared.sessions.read().get(&hash).cloned();
        let known = match held {
            Some(known) => known,
            None => self.look_session_up(hash)?,
        };
        let now = self.shared.now().as_micros();
        let (seen, settings) = (known.seen.load(Ordering::Relaxed), self.shared.settings());
        let idle = now - seen > i64::from(settings.session_idle_s) * 1_000_000;
        let old = now - known.row.created > i64::from(settings.session_s) * 1_000_000;
        if idle || old {
            self.credentials().remove_session(known.row.id)?;
            self.shared.sessions.write().remove(&hash);
            return Err(GateError::Unauthenticated);
        }
        if now - seen > NOTED_EVERY {
            known.seen.store(now, Ordering::Relaxed);
            self.credentials().touch_session(known.row.id, now)?;
        }
        self.still(Caller { isolation, ..known.caller.clone() })
    }

    fn look_session_up(&self, hash: [u8; 32]) -> Result<Arc<KnownSession>, GateError> {
        let generation = self.shared.callers_generation.load(Ordering::Acquire);
        let row = self.credentials().find_session(&hash)?.ok_or(GateError::Unauthenticated)?;
        let person = self.person(row.person)?.ok_or(GateError::Unauthenticated)?.0;
        let caller = Caller {
            key: row.id,
            kind: kind_of(&person),
            method: row.method.as_str(),
            strength: row.strength,
            proved: Some(Timestamp::from_micros(row.proved)),
            on_the_wire: false,
            ..Caller::of_person(person)
        };
        let known = Arc::new(KnownSession { caller, seen: AtomicI64::new(row.seen), row });
        let mut sessions = self.shared.sessions.write();
        // A change in between must not leave an older caller behind.
        if self.shared.callers_generation.load(Ordering::Acquire) == generation {
            sessions.insert(hash, Arc::clone(&known));
        }
        Ok(known)
    }

    /// Who is signed in: the caller's own sessions; all of them for an admin.
    ///
    /// # Errors
    /// [`GateError::Forbidden`].
    pub fn sessions(&self, caller: &Caller) -> Result<Vec<SessionView>, GateError> {
        caller.must_look()?;
        let all = caller.must_administer().is_ok();
        let own = caller.person.as_ref().map(|person| person.id);
        let shown = self.credentials().sessions()?.into_iter().filter(|row| all || Some(row.person) == own);
        let view = |row: Session| SessionView {
            session: row.id,
            person: row.person,
            method: row.method,
            strength: row.strength,
            created_at: Timestamp::from_micros(row.created),
            seen_at: Timestamp::from_micros(row.seen),
            current: row.id == caller.key,
        };
        Ok(shown.map(view).collect())
    }

    /// Ends a session: one's own, or anybody's for an admin. It is over before this answers.
    ///
    /// # Errors
    /// [`GateError::NotFound`].
    pub async fn end_session(&self, caller: &Caller, session: Uuid, why: &str) -> Result<(), GateError> {
        let _one_at_a_time = self.shared.access.lock().await;
        let row = self.credentials().session(session)?;
        let row = row.filter(|row| caller.must_be(row.person).is_ok()).ok_or(GateError::NotFound("session"))?;
        self.drop_session(caller, &row, why).await
    }

    /// Ends all sessions of a person. For whoever holds the lock.
    pub(super) async fn end_sessions_of(&self, caller: &Caller, person: Uuid, why: &str) -> Result<(), GateError> {
        for row in self.credentials().sessions()?.into_iter().filter(|row| row.person == person) {
            self.drop_session(caller, &row, why).await?;
        }
        Ok(())
    }

    async fn drop_session(&self, caller: &Caller, row: &Session, why: &str) -> Result<(), GateError> {
        self.credentials().remove_session(row.id)?;
        self.shared.sessions.write().remove(&row.hash);
        let body = SessionEnded { person: row.person, session: row.id, why: why.to_owned() };
        self.record(caller, body, Vec::new(), &self.shared.workspace_key).await
    }
}
