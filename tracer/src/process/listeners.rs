//! Listening sockets of our own network namespace from /proc, for kernels (before 5.11) that cannot
//! walk over open files.

use std::os::unix::fs::MetadataExt as _;

use procfs::net::{TcpState, tcp, tcp6};
use tracer_ebpf::Listener;

/// What listens here; empty if /proc does not tell.
#[must_use]
pub fn listeners() -> Vec<Listener> {
    let Some(netns) = std::fs::metadata("/proc/self/ns/net")
        .ok()
        .and_then(|namespace| u32::try_from(namespace.ino()).ok())
    else {
        return Vec::new();
    };
    let sockets = tcp().into_iter().chain(tcp6()).flatten();
    sockets
        .filter(|socket| socket.state == TcpState::Listen)
        .map(|socket| Listener { netns, port: u32::from(socket.local_address.port()) })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::listeners;

    #[test]
    fn a_listening_socket_is_found() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = u32::from(listener.local_addr().unwrap().port());
        assert!(listeners().iter().any(|found| found.port == port));
    }
}
