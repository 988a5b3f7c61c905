//! How a connection of the load ends, and what each of its ends has to be told as.

/// One way of using and ending a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Behaviour {
    /// One exchange; the client closes, then the server.
    ClientCloses,
    /// One exchange; the server closes, then the client.
    ServerCloses,
    /// One exchange; the client resets (`SO_LINGER` 0).
    ClientResets,
    /// One exchange and a request; the server resets instead of answering.
    ServerResets,
    /// The client reads one byte of the answer and closes.
    ClientLeavesUnread,
    /// One exchange; the client closes its half, the server closes, then the client.
    ClientHalfCloses,
    /// Two exchanges; the client closes, then the server.
    TwoExchanges,
}

/// What one end of a connection has to be told as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct End {
    /// `tracer.close.cause`.
    pub(crate) cause: &'static str,
    /// `tracer.close.how`, if this end took part by a call.
    pub(crate) how: Option<&'static str>,
    /// `tracer.close.initiator`.
    pub(crate) initiator: &'static str,
    /// `tracer.close.rst`, if there was one.
    pub(crate) rst: Option<&'static str>,
    /// `tracer.close.after_peer_fin`.
    pub(crate) is_after_peer_fin: bool,
    /// `tracer.exchanges`.
    pub(crate) exchanges: u64,
}

const fn by_us(how: &'static str) -> End {
    End {
        cause: "local_close",
        how: Some(how),
        initiator: "local",
        rst: None,
        is_after_peer_fin: false,
        exchanges: 1,
    }
}

const fn by_peer() -> End {
    End { cause: "peer_close", initiator: "peer", is_after_peer_fin: true, ..by_us("close") }
}

const fn abort(cause: &'static str) -> End {
    End { cause, rst: Some("sent"), ..by_us("close") }
}

/// Its end was told before this process let go of it, so by no call of its own.
const fn was_reset() -> End {
    End {
        cause: "reset_by_peer",
        how: None,
        initiator: "peer",
        rst: Some("received"),
        ..by_us("close")
    }
}

const fn twice(end: End) -> End {
    End { exchanges: 2, ..end }
}

impl Behaviour {
    /// All of them; a request names its own by its place here.
    pub(crate) const ALL: [Self; 7] = [
        Self::ClientCloses,
        Self::ServerCloses,
        Self::ClientResets,
        Self::ServerResets,
        Self::ClientLeavesUnread,
        Self::ClientHalfCloses,
        Self::TwoExchanges,
    ];

    /// Name in the notes.
    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }

    /// The reverse.
    pub(crate) fn named(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|behaviour| behaviour.name() == name);
        found.unwrap_or_else(|| panic!("no behaviour {name}"))
    }

    /// The client's end.
    pub(crate) const fn client(self) -> End {
        match self {
            Self::ClientCloses => by_us("close"),
            Self::ServerCloses => by_peer(),
            Self::ClientResets => abort("local_abort_linger0"),
            Self::ServerResets => was_reset(),
            Self::ClientLeavesUnread => abort("local_abort_unread"),
            Self::ClientHalfCloses => by_us("shutdown"),
            Self::TwoExchanges => twice(by_us("close")),
        }
    }

    /// The server's end.
    pub(crate) const fn server(self) -> End {
        match self {
            Self::ClientCloses | Self::ClientHalfCloses => by_peer(),
            Self::ServerCloses => by_us("close"),
            Self::ClientResets | Self::ClientLeavesUnread => was_reset(),
            Self::ServerResets => abort("local_abort_linger0"),
            Self::TwoExchanges => twice(by_peer()),
        }
    }
}
