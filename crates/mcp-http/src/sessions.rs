//! Conversations with servers: who may go on with them, and when they end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_client::wire::UserRef;
use countersign_client::{Client, Transport};
use countersign_evidence::key::Random;
use countersign_gate::{Caller, GateError};
use countersign_http::{App, in_process_for};
use countersign_mcp::jsonrpc::Id;
use countersign_mcp::{Conversation, Opened, Out, Settings};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::desk::Desk;
use crate::servers::Server;
use crate::upstream::{self, Ends};

/// Seconds without a request after which a conversation ends.
const IDLE_S: u64 = 1_800;
/// Between two looks at who is idle.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Most conversations of one key, and of all.
const MOST_OF_KEY: usize = 64;
const MOST: usize = 1_024;

/// One conversation with a server, over any number of requests.
pub(crate) struct Session {
    pub(crate) conversation: Conversation,
    pub(crate) desk: Arc<Desk>,
    pub(crate) place: Place,
    /// The server has ended it, or is not there any more.
    gone: Arc<AtomicBool>,
    /// It is being ended.
    ending: AtomicBool,
    /// When it was used last, in seconds of the monotonic clock.
    used_s: AtomicU64,
}

/// Whose conversation it is, and with which server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) server: String,
    pub(crate) key: Uuid,
    pub(crate) agent: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) environment: Option<String>,
}

impl Place {
    fn is_of(&self, server: &str, key: Uuid) -> bool {
        self.key == key && self.server == server
    }
}

impl Session {
    /// Nobody waits for the answer to this request any more.
    pub(crate) fn let_go(&self, id: &Id) {
        self.desk.forget(id);
        self.conversation.unheard(id);
    }

    /// Whether the server has ended it.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

/// All conversations.
#[derive(Clone)]
pub(crate) struct Sessions {
    app: App,
    random: Arc<dyn Random>,
    http: reqwest::Client,
    table: Arc<Mutex<Table>>,
}

#[derive(Default)]
struct Table {
    /// Every one that was opened and has not ended.
    all: Vec<Arc<Session>>,
    /// Those that began with `initialize`, by the id that the client shows.
    begun: HashMap<String, Arc<Session>>,
    /// Those of clients that say everything with each request.
    shared: HashMap<Place, Arc<Session>>,
}

/// A conversation that has just been opened: it ends with this, unless it is kept.
pub(crate) struct Opening {
    sessions: Sessions,
    session: Arc<Session>,
    kept: bool,
}

impl Opening {
    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if !self.kept {
            self.sessions.end(&self.session);
        }
    }
}

impl Sessions {
    pub(crate) fn new(app: App, random: Arc<dyn Random>, http: reqwest::Client) -> Self {
        Sessions { app, random, http, table: Arc::default() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a conversation that nobody finds yet.
    pub(crate) fn open(&self, server: &Server, place: Place, caller: &Caller) -> Result<Opening, GateError> {
        let mut table = self.table();
        let own = table.all.iter().filter(|session| session.place.key == place.key).count();
        if own >= MOST_OF_KEY || table.all.len() >= MOST {
            return Err(GateError::TooMany(format!(
                "{MOST_OF_KEY} conversations of one key, and {MOST} in all, may be open: end some first"
            )));
        }
        let client = Client::new(Transport::InProcess(in_process_for(&self.app, caller.clone())), None);
        let settings = Settings {
            agent: place.agent.clone(),
            user: place.user.clone().map(|id| UserRef { id, groups: Vec::new() }),
            environment: place.environment.clone(),
            hold: server.hold,
            deadline: server.deadline,
            ..Settings::new(&server.name, client, Arc::clone(&self.random), self.app.shared_clock())
        };
        let Opened { conversation, to_client, to_server } = Conversation::open(settings);
        let (desk, gone) = (Arc::new(Desk::default()), Arc::new(AtomicBool::new(false)));
        let session = Arc::new(Session {
            conversation: conversation.clone(),
            desk: Arc::clone(&desk),
            place,
            gone: Arc::clone(&gone),
            ending: AtomicBool::new(false),
            used_s: AtomicU64::new(self.now_s()),
        });
        table.all.push(Arc::clone(&session));
        drop(table);
        tokio::spawn(deliver(Arc::clone(&session), to_client));
        upstream::connect(server, &self.http, conversation, to_server, Ends { desk, gone });
        Ok(Opening { sessions: self.clone(), session, kept: false })
    }

    /// Lets a conversation be found under a new id.
    pub(crate) fn begin(&self, opening: Opening) -> String {
        let id = unguessable(&*self.random);
        self.table().begun.insert(id.clone(), Arc::clone(opening.session()));
        opening.keep();
        id
    }

    /// A conversation is used now.
    pub(crate) fn used(&self, session: &Session) {
        session.used_s.store(self.now_s(), Ordering::Relaxed);
    }

    /// The conversation of that id, for the key that began it.
    pub(crate) fn find(&self, id: &str, server: &str, key: Uuid) -> Option<Arc<Session>> {
        let table = self.table();
        let found = table.begun.get(id).filter(|found| found.place.is_of(server, key))?;
        self.used(found);
        Some(Arc::clone(found)).filter(|found| !found.is_gone())
    }

    /// The conversation that all of a place's requests share.
    pub(crate) fn shared(&self, server: &Server, place: &Place, caller: &Caller) -> Result<Arc<Session>, GateError> {
        let known = self.table().shared.get(place).filter(|known| !known.is_gone()).cloned();
        let session = match known {
            Some(known) => known,
            None => {
                let opening = self.open(server, place.clone(), caller)?;
                self.share(place, opening)
            }
        };
        self.used(&session);
        Ok(session)
    }

    /// The conversation that a place has from now on: this one, or one that another request was quicker to open.
    fn share(&self, place: &Place, opening: Opening) -> Arc<Session> {
        let mut table = self.table();
        if let Some(known) = table.shared.get(place).filter(|known| !known.is_gone()) {
            let known = Arc::clone(known);
            drop(table);
            return known;
        }
        let opened = Arc::clone(opening.session());
        let replaced = table.shared.insert(place.clone(), Arc::clone(&opened));
        drop(table);
        opening.keep();
        replaced.iter().for_each(|replaced| self.end(replaced));
        opened
    }

    /// Ends the conversation of that id; whether there was one.
    pub(crate) fn delete(&self, id: &str, server: &str, key: Uuid) -> bool {
        let removed = {
            let mut table = self.table();
            let theirs = table.begun.get(id).is_some_and(|found| found.place.is_of(server, key));
            theirs.then(|| table.begun.remove(id)).flatten()
        };
        removed.map(|session| self.end(&session)).is_some()
    }

    /// Ends a conversation: what runs is recorded first.
    pub(crate) fn end(&self, session: &Arc<Session>) {
        self.table().all.retain(|other| !Arc::ptr_eq(other, session));
        session.gone.store(true, Ordering::Relaxed);
        if !session.ending.swap(true, Ordering::Relaxed) {
            tokio::spawn(session.conversation.clone().client_gone());
        }
    }

    /// Ends those that nobody uses any more, for as long as this runs.
    pub(crate) async fn look_after(self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = self.now_s();
            let over = |session: &Arc<Session>| {
                let idle = now.saturating_sub(session.used_s.load(Ordering::Relaxed)) >= IDLE_S;
                session.is_gone() || (idle && !session.desk.is_busy() && !session.conversation.is_busy())
            };
            let ended: Vec<Arc<Session>> = {
                let mut table = self.table();
                table.begun.retain(|_, session| !over(session));
                table.shared.retain(|_, session| !over(session));
                table.all.extract_if(.., |session| over(session)).collect()
            };
            ended.iter().for_each(|session| self.end(session));
        }
    }

    fn now_s(&self) -> u64 {
        u64::try_from(self.app.clock().monotonic_us() / 1_000_000).unwrap_or_default()
    }
}

/// A session's id.
pub(crate) fn unguessable(random: &dyn Random) -> String {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hands what the conversation has for its client to whoever it is for.
async fn deliver(session: Arc<Session>, mut to_client: mpsc::Receiver<Out>) {
    while let Some(Out::Message(outgoing)) = to_client.recv().await {
        session.desk.deliver(outgoing);
    }
    // Whoever still waits gets no answer any more, and is told that by the end of its stream.
    session.desk.close();
}
