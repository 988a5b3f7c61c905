//! Addresses and listeners that only loopback reaches.

use anyhow::{Context as _, Result};
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

/// A listener on every address of 127.0.0.0/8. Bound to the device, so that no other host reaches
/// it though its address is the wildcard: with one port for all addresses, a client takes them in
/// turn and does not run out of ports.
pub(crate) fn listen() -> Result<TcpListener> {
    let make = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.bind_device(Some(b"lo"))?;
        socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0).into())?;
        socket.listen(4096)?;
        Ok::<_, std::io::Error>(socket)
    };
    Ok(make().context("cannot listen on loopback")?.into())
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
        let listener = listen().unwrap();
        let port = listener.local_addr().unwrap().port();
        for number in [0, 1, 4095] {
            TcpStream::connect(address(number, port)).unwrap();
        }
    }
}
