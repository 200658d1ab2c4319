use std::net::{IpAddr, SocketAddr};

use countersign_evidence::record::Isolation;

/// Where a connection comes from, as far as the operating system vouches for it. The server attaches it to each request;
/// a request without one counts as [`Peer::Remote`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// This very process, or the owner's Unix socket with the process's own user (or root) at the other end.
    Owner,
    /// TCP from this host. Whose process it is cannot be told cheaply, so it counts as our own user's: evidence must
    /// not claim more than is proved.
    SameUser,
    /// TCP from anywhere else.
    Remote,
}

/// The address at the other end of a TCP connection. The server attaches it to each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address(pub IpAddr);

impl Peer {
    /// Where a TCP connection comes from.
    pub(crate) fn of_tcp(remote: SocketAddr) -> Peer {
        if remote.ip().to_canonical().is_loopback() { Peer::SameUser } else { Peer::Remote }
    }

    /// Whether it is on this host.
    pub(crate) fn is_here(self) -> bool {
        self != Peer::Remote
    }

    /// How far the enforcement point stands from the gate, for `action.proposed`.
    pub(crate) fn isolation(self) -> Isolation {
        match self {
            Peer::Owner | Peer::SameUser => Isolation::SameUser,
            Peer::Remote => Isolation::Remote,
        }
    }
}
