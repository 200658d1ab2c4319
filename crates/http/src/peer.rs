use countersign_evidence::record::Isolation;

/// Where a connection comes from, as far as the operating system vouches for it. The server attaches it to each request;
/// a request without one counts as [`Peer::Remote`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// This very process, or the owner's Unix socket with the process's own user (or root) at the other end.
    Owner,
    /// TCP from this host, by the process's own user or by one that cannot be told.
    SameUser,
    /// TCP from this host, by another user.
    OtherUser,
    /// TCP from anywhere else.
    Remote,
}

impl Peer {
    /// Whether it is on this host.
    pub(crate) fn is_here(self) -> bool {
        self != Peer::Remote
    }

    /// How far the enforcement point stands from the gate, for `action.proposed`.
    pub(crate) fn isolation(self) -> Isolation {
        match self {
            Peer::Owner | Peer::SameUser => Isolation::SameUser,
            Peer::OtherUser => Isolation::SeparateUser,
            Peer::Remote => Isolation::Remote,
        }
    }
}
