//! `SOCK_DESTROY` of the kernel's `inet_diag`, by a message made by hand.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

/// `SOCK_DESTROY`
const DESTROY: u16 = 21;
/// `NLM_F_REQUEST | NLM_F_ACK`
const ACKNOWLEDGED_REQUEST: u16 = 1 | 4;
/// Header of netlink and `struct inet_diag_req_v2`.
const LENGTH: u32 = 16 + 56;
/// `INET_DIAG_NOCOOKIE`, twice.
const ANY_COOKIE: [u8; 8] = [0xff; 8];

/// Destroys the IPv4 socket with these addresses in this thread's network namespace.
pub(crate) fn destroy(local: SocketAddr, peer: SocketAddr) {
    let mut message = Vec::new();
    message.extend(LENGTH.to_ne_bytes());
    message.extend(DESTROY.to_ne_bytes());
    message.extend(ACKNOWLEDGED_REQUEST.to_ne_bytes());
    message.extend([0; 8]);
    let family = u8::try_from(libc::AF_INET).expect("small");
    let protocol = u8::try_from(libc::IPPROTO_TCP).expect("small");
    message.extend([family, protocol, 0, 0]);
    message.extend(u32::MAX.to_ne_bytes());
    message.extend(local.port().to_be_bytes());
    message.extend(peer.port().to_be_bytes());
    for address in [local.ip(), peer.ip()] {
        let IpAddr::V4(address) = address else { panic!("IPv4 only") };
        message.extend(address.octets());
        message.extend([0; 12]);
    }
    message.extend([0; 4]);
    message.extend(ANY_COOKIE);

    let diag = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkSockDiag,
    )
    .expect("a netlink socket");
    send(diag.as_raw_fd(), &message, MsgFlags::empty()).expect("a request");
    let mut answer = [0; 256];
    let length = recv(diag.as_raw_fd(), &mut answer, MsgFlags::empty()).expect("an answer");
    assert!(length >= 20, "an answer of {length} bytes");
    let error = i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]);
    let error = std::io::Error::from_raw_os_error(-error);
    assert_eq!(
        error.raw_os_error(),
        Some(0),
        "SOCK_DESTROY: {error}; are the modules inet_diag and tcp_diag loaded?"
    );
}
