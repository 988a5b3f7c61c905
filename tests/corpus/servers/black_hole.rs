//! A port whose SYNs are never answered: somebody listens, and a socket filter drops every segment.

use std::net::{Ipv4Addr, TcpListener};

use socket2::{SockFilter, SockRef};

use crate::support::port;

/// It swallows dials as long as it lives.
pub(crate) struct BlackHole {
    /// Where, on 127.0.0.1.
    pub(crate) port: u16,
    _listener: TcpListener,
}

impl BlackHole {
    /// At a port of its own.
    pub(crate) fn open() -> Self {
        let port = port::closed();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
        deafen(&listener);
        Self { port, _listener: listener }
    }
}

/// From now on the listener loses every segment.
pub(super) fn deafen(listener: &TcpListener) {
    // "return 0": keep no byte of the packet.
    let deny = SockFilter::new(0x06, 0, 0, 0);
    SockRef::from(listener).attach_filter(&[deny]).expect("SO_ATTACH_FILTER");
}
