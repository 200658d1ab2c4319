//! What the pages share besides the gate: passkey ceremonies that have begun.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_evidence::time::Timestamp;
use countersign_http::App;
use countersign_identity::oidc::{Begun, Oidc};
use countersign_identity::passkeys::{PasskeyError, Passkeys, Registration, SignIn};
use parking_lot::Mutex;
use uuid::Uuid;

/// Ceremonies at a time; beyond it the oldest are forgotten.
const MOST: usize = 1_000;
/// Seconds that a ceremony may take.
const HOLDS_S: i64 = 300;

/// A ceremony that waits for the browser's answer.
pub(crate) enum Ceremony {
    /// Somebody registers a passkey.
    Register(Uuid, Registration),
    /// Somebody signs in.
    SignIn(SignIn),
    /// Somebody is away to sign in by an account elsewhere, and goes on to a page of ours.
    Account(Begun, String),
}

/// An OpenID provider, and what its word is worth here.
pub struct Provider {
    /// The provider.
    pub oidc: Oidc,
    /// Its groups and the groups here that come with them.
    pub groups: Vec<(String, String)>,
    /// Whether somebody new is added who has one of these groups.
    pub adds_people: bool,
}

/// What stands around the gate, as the configuration says.
#[derive(Default)]
pub struct Surroundings {
    /// By whose accounts people sign in.
    pub provider: Option<Provider>,
    /// Who is told what waits, each in a few words.
    pub notified: Vec<String>,
    /// Where the last check of the stored files is kept.
    pub last_check: Option<PathBuf>,
}

/// Shared by all pages; cheap to clone.
#[derive(Clone)]
pub(crate) struct Console {
    inner: Arc<Inner>,
}

struct Inner {
    passkeys: Option<Passkeys>,
    around: Surroundings,
    begun: Mutex<HashMap<String, (Timestamp, Ceremony)>>,
}

impl Console {
    pub(crate) fn new(app: &App, around: Surroundings) -> Self {
        let passkeys = Passkeys::new(app.gate().public_url());
        if let Err(error) = &passkeys {
            tracing::warn!(%error, "people cannot use passkeys");
        }
        Console { inner: Arc::new(Inner { passkeys: passkeys.ok(), around, begun: Mutex::default() }) }
    }

    /// Who is told what waits.
    pub(crate) fn notified(&self) -> &[String] {
        &self.inner.around.notified
    }

    /// Where the last check of the stored files is kept.
    pub(crate) fn last_check(&self) -> Option<&Path> {
        self.inner.around.last_check.as_deref()
    }

    /// Whether passkeys can be used at all.
    pub(crate) fn has_passkeys(&self) -> bool {
        self.inner.passkeys.is_some()
    }

    /// Where else people have accounts.
    pub(crate) fn provider(&self) -> Option<&Provider> {
        self.inner.around.provider.as_ref()
    }

    pub(crate) fn passkeys(&self) -> Result<&Passkeys, PasskeyError> {
        self.inner.passkeys.as_ref().ok_or_else(|| PasskeyError::Address("as configured".to_owned()))
    }

    /// Keeps a ceremony until its answer comes; its name is a secret of the browser that began it.
    pub(crate) fn begin(&self, app: &App, ceremony: Ceremony) -> String {
        let name = self.fresh_name(app);
        self.keep(app, name.clone(), ceremony);
        name
    }

    /// A name that nobody guesses.
    pub(crate) fn fresh_name(&self, app: &App) -> String {
        let mut secret = [0; 24];
        app.gate().random().fill(&mut secret);
        URL_SAFE_NO_PAD.encode(secret)
    }

    pub(crate) fn keep(&self, app: &App, name: String, ceremony: Ceremony) {
        let now = app.clock().now();
        let mut begun = self.inner.begun.lock();
        begun.retain(|_, (then, _)| now.since(*then) < HOLDS_S * 1_000_000);
        if begun.len() >= MOST
            && let Some(oldest) = begun.iter().min_by_key(|(_, (then, _))| *then).map(|(name, _)| name.clone())
        {
            begun.remove(&oldest);
        }
        begun.insert(name, (now, ceremony));
    }

    /// A ceremony by its name, once.
    pub(crate) fn take(&self, app: &App, name: &str) -> Option<Ceremony> {
        let (then, ceremony) = self.inner.begun.lock().remove(name)?;
        (app.clock().now().since(then) < HOLDS_S * 1_000_000).then_some(ceremony)
    }
}
