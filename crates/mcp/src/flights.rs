//! Requests to the server that have no answer yet, and calls that have not been sent yet.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use countersign_evidence::json::Object;
use tokio::sync::{oneshot, watch};

use crate::jsonrpc::Id;

/// Most requests without an answer.
const MOST_FLIGHTS: usize = 16_384;

/// Why a call that was not sent yet never will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// `notifications/cancelled`.
    Cancelled,
    /// Nobody listens for the answer any more, which takes nothing back: what waits for people goes on waiting, for whoever asks
    /// again, and is not begun.
    Unheard,
    /// The client closed its side: what waits for people is given up, what is allowed goes on.
    ClientGone,
    /// The client closed its side, and the grace period is over.
    Over,
    /// The server ended.
    ServerGone,
}

/// What came back for a call that was sent.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The server's answer: an object with `result` or `error`.
    Answer(Object),
    /// There will be none; a stable name of why.
    Lost(&'static str),
}

/// A request under way.
#[derive(Debug)]
enum Flight {
    /// Passed on as it came.
    Passed { id: Id, passed: Passed },
    /// A call that is being decided or held.
    Held { stop: watch::Sender<Option<Stop>> },
    /// A call that was sent.
    Sent { stop: watch::Sender<Option<Stop>>, reply: oneshot::Sender<Reply> },
    /// The gateway's own request.
    Own { reply: oneshot::Sender<Reply> },
}

impl Flight {
    /// Whether a task here waits for the answer.
    fn is_awaited(&self) -> bool {
        matches!(self, Flight::Sent { .. } | Flight::Own { .. })
    }
}

/// What was asked by a request that was passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passed {
    /// The tools, from the first one on.
    Tools,
    /// The rest of the tools.
    MoreTools,
    /// Anything else.
    Other,
}

/// Whom an answer of the server is for.
#[derive(Debug)]
pub(crate) enum Landed {
    /// The client, as it is; what it answers.
    Client(Passed),
    /// A call's or the gateway's own task.
    Waiting(oneshot::Sender<Reply>),
    /// Nobody asked (or the request was never sent).
    Nobody,
}

/// Why a request cannot take off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Grounded {
    #[error("the id of this request belongs to another one that has no answer yet: use a new id")]
    Duplicate,
    #[error("too many requests have no answer yet: wait for some of them")]
    TooMany,
    #[error("the MCP server has ended")]
    ServerGone,
}

/// All requests under way, by id.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    flights: HashMap<String, Flight>,
    server_gone: bool,
}

impl Table {
    fn insert(&mut self, id: &Id, flight: Flight) -> Result<(), Grounded> {
        if self.server_gone {
            return Err(Grounded::ServerGone);
        }
        if self.flights.len() >= MOST_FLIGHTS {
            return Err(Grounded::TooMany);
        }
        let key = id.key();
        if self.flights.contains_key(&key) {
            return Err(Grounded::Duplicate);
        }
        self.flights.insert(key, flight);
        Ok(())
    }
}

impl Flights {
    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request that is passed on as it is.
    pub(crate) fn pass(&self, id: &Id, passed: Passed) -> Result<(), Grounded> {
        self.table().insert(id, Flight::Passed { id: id.clone(), passed })
    }

    /// A call that begins to be decided. The receiver tells when it shall stop.
    pub(crate) fn hold(&self, id: &Id) -> Result<watch::Receiver<Option<Stop>>, Grounded> {
        let (stop, stopped) = watch::channel(None);
        self.table().insert(id, Flight::Held { stop })?;
        Ok(stopped)
    }

    /// The gateway's own request.
    pub(crate) fn own(&self, id: &Id) -> Result<oneshot::Receiver<Reply>, Grounded> {
        let (reply, replied) = oneshot::channel();
        self.table().insert(id, Flight::Own { reply })?;
        Ok(replied)
    }

    /// Marks a held call as sent and hands its line to `send`, in one step: a cancellation comes either before (then it
    /// is never sent) or after (then the server is told, behind the call).
    pub(crate) fn send(&self, id: &Id, send: impl FnOnce()) -> Result<oneshot::Receiver<Reply>, Stop> {
        let mut table = self.table();
        let key = id.key();
        match table.flights.remove(&key) {
            Some(Flight::Held { stop }) => {
                let stopped = *stop.borrow();
                // Who is gone did not take the go-ahead back: what was allowed before is still done.
                match stopped.filter(|stopped| !matches!(stopped, Stop::ClientGone | Stop::Unheard)) {
                    Some(stopped) => {
                        table.flights.insert(key, Flight::Held { stop });
                        Err(stopped)
                    }
                    None => {
                        let (reply, replied) = oneshot::channel();
                        table.flights.insert(key, Flight::Sent { stop, reply });
                        send();
                        Ok(replied)
                    }
                }
            }
            _ => Err(Stop::ServerGone),
        }
    }

    /// The client cancels. `true` where the server must be told too.
    pub(crate) fn cancel(&self, id: &Id) -> bool {
        match self.table().flights.get(&id.key()) {
            Some(Flight::Held { stop }) => {
                stop.send_replace(Some(Stop::Cancelled));
                false
            }
            Some(Flight::Sent { stop, .. }) => {
                stop.send_replace(Some(Stop::Cancelled));
                true
            }
            Some(Flight::Own { .. }) => false,
            Some(Flight::Passed { .. }) | None => true,
        }
    }

    /// Nobody listens for the answer any more. What was sent goes on.
    pub(crate) fn unheard(&self, id: &Id) {
        let mut table = self.table();
        match table.flights.get(&id.key()) {
            Some(Flight::Held { stop }) => {
                stop.send_if_modified(|said| said.is_none() && said.replace(Stop::Unheard).is_none());
            }
            // A server may never answer: its place is free again.
            Some(Flight::Passed { .. }) => drop(table.flights.remove(&id.key())),
            _ => {}
        }
    }

    /// A call whose answer is not waited for any more.
    pub(crate) fn lapse(&self, id: &Id) {
        let mut table = self.table();
        if matches!(table.flights.get(&id.key()), Some(Flight::Sent { .. })) {
            table.flights.remove(&id.key());
        }
    }

    /// The server answered.
    pub(crate) fn land(&self, id: &Id) -> Landed {
        let mut table = self.table();
        let key = id.key();
        match table.flights.remove(&key) {
            Some(Flight::Passed { passed, .. }) => Landed::Client(passed),
            Some(Flight::Sent { reply, .. } | Flight::Own { reply }) => Landed::Waiting(reply),
            Some(held @ Flight::Held { .. }) => {
                // An answer to what was never asked: the call goes on as if nothing had come.
                table.flights.insert(key, held);
                Landed::Nobody
            }
            None => Landed::Nobody,
        }
    }

    /// Forgets a call that was never sent; returns why it was to stop.
    pub(crate) fn forget(&self, id: &Id) -> Option<Stop> {
        let mut table = self.table();
        match table.flights.remove(&id.key()) {
            Some(Flight::Held { stop }) => *stop.borrow(),
            Some(other) => {
                table.flights.insert(id.key(), other);
                None
            }
            None => None,
        }
    }

    /// Whether a request of this id is under way.
    pub(crate) fn has(&self, id: &Id) -> bool {
        self.table().flights.contains_key(&id.key())
    }

    /// The client is gone: held calls stop.
    pub(crate) fn client_gone(&self) {
        self.stop_held(Stop::ClientGone);
    }

    /// The grace period is over: nothing more is sent, and what was sent is not waited for.
    pub(crate) fn over(&self) {
        self.stop_held(Stop::Over);
        self.abandon("client_gone");
    }

    fn stop_held(&self, why: Stop) {
        for flight in self.table().flights.values() {
            if let Flight::Held { stop } = flight {
                stop.send_replace(Some(why));
            }
        }
    }

    /// Gives up on every call that was sent, as `why`.
    fn abandon(&self, why: &'static str) {
        for (_, flight) in self.table().flights.extract_if(|_, flight| flight.is_awaited()) {
            if let Flight::Sent { reply, .. } | Flight::Own { reply } = flight {
                drop(reply.send(Reply::Lost(why)));
            }
        }
    }

    /// The server is gone: nothing takes off any more, held calls stop, sent ones are lost. Returns the requests that
    /// were passed on and get no answer.
    pub(crate) fn server_gone(&self) -> Vec<Id> {
        self.table().server_gone = true;
        self.stop_held(Stop::ServerGone);
        self.abandon("server_gone");
        let mut table = self.table();
        let mut orphans = Vec::new();
        table.flights.retain(|_, flight| match flight {
            Flight::Passed { id, .. } => {
                orphans.push(id.clone());
                false
            }
            _ => true,
        });
        orphans
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use countersign_evidence::json::Value;

    fn id(number: i64) -> Id {
        Id::new(&Value::from(number)).unwrap()
    }

    #[test]
    fn a_cancelled_call_is_never_sent() {
        let flights = Flights::default();
        let stop = flights.hold(&id(1)).unwrap();
        assert!(!flights.cancel(&id(1)));
        assert_eq!(*stop.borrow(), Some(Stop::Cancelled));
        assert_eq!(flights.send(&id(1), || panic!("sent")).unwrap_err(), Stop::Cancelled);
    }

    #[test]
    fn an_answer_before_the_call_was_sent_is_nobodys() {
        let flights = Flights::default();
        let _stop = flights.hold(&id(1)).unwrap();
        assert!(matches!(flights.land(&id(1)), Landed::Nobody));
        let mut sent = false;
        let _replied = flights.send(&id(1), || sent = true).unwrap();
        assert!(sent);
        assert!(matches!(flights.land(&id(1)), Landed::Waiting(_)));
        assert!(matches!(flights.land(&id(1)), Landed::Nobody));
    }

    #[test]
    fn an_id_is_used_once_at_a_time() {
        let flights = Flights::default();
        flights.pass(&id(1), Passed::Other).unwrap();
        assert!(matches!(flights.hold(&id(1)), Err(Grounded::Duplicate)));
        assert!(matches!(flights.land(&id(1)), Landed::Client(Passed::Other)));
        flights.pass(&id(1), Passed::Other).unwrap();
    }

    #[test]
    fn a_server_that_is_gone_leaves_nothing_open() {
        let flights = Flights::default();
        flights.pass(&id(1), Passed::Other).unwrap();
        let stop = flights.hold(&id(2)).unwrap();
        let _stop = flights.hold(&id(3)).unwrap();
        let mut replied = flights.send(&id(3), || {}).unwrap();
        assert_eq!(flights.server_gone(), [id(1)]);
        assert_eq!(*stop.borrow(), Some(Stop::ServerGone));
        assert!(matches!(replied.try_recv(), Ok(Reply::Lost("server_gone"))));
        assert_eq!(flights.pass(&id(4), Passed::Other), Err(Grounded::ServerGone));
    }
}
