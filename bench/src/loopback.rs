//! Addresses and listeners that only loopback reaches.

use anyhow::{Context as _, Result};
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

/// A listener on every address of 127.0.0.0/8. Bound to the device, so that no other host reaches
/// it though its address is the wildcard: with one port for all addresses, a client takes them in
/// turn and does not run out of ports. `port` 0 is any.
pub(crate) fn listen(port: u16) -> Result<TcpListener> {
    let make = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.bind_device(Some(b"lo"))?;
        // Connections of the load before may be in TIME_WAIT on it.
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port).into())?;
        socket.listen(4096)?;
        Ok::<_, std::io::Error>(socket)
    };
    Ok(make().context("cannot listen on loopback")?.into())
}

/// Port `number` of those that begin with `first`; 0, which is any, has none that follow.
pub(crate) const fn nth(first: u16, number: u16) -> u16 {
    if first == 0 { 0 } else { first.saturating_add(number) }
}

/// Address `number` of those a load dials.
pub(crate) fn address(number: u32, port: u16) -> SocketAddrV4 {
    let [_, _, high, low] = number.to_be_bytes();
    SocketAddrV4::new(Ipv4Addr::new(127, 64 + (high & 63), low, 1), port)
}

#[cfg(test)]
mod tests {
    use super::{address, listen};
    use std::collections::BTreeSet;
    use std::net::TcpStream;

    #[test]
    fn addresses_differ() {
        let all: BTreeSet<_> = (0..4096).map(|number| address(number, 1)).collect();
        assert_eq!(all.len(), 4096);
        assert!(all.iter().all(|address| address.ip().is_loopback()));
    }

    #[test]
    fn one_listener_is_reached_at_each_address() {
        let listener = listen(0).unwrap();
        let port = listener.local_addr().unwrap().port();
        for number in [0, 1, 4095] {
            TcpStream::connect(address(number, port)).unwrap();
        }
    }
}
