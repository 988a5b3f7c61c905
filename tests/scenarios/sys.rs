//! System calls that no crate at hand wraps, and small facts of this host. The only place with
//! `unsafe` code that the whole suite shares.

use std::fs;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd};

use libc::{c_int, c_void, socklen_t};
use nix::sched::{CloneFlags, unshare};
use socket2::{SockFilter, SockRef};

/// Sets a socket option whose value is an `int`.
pub(crate) fn set_option(socket: &impl AsFd, level: c_int, name: c_int, value: c_int) {
    let room = socklen_t::try_from(size_of::<c_int>()).expect("small");
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the pointer is to a live int of the length given.
    let result =
        unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast::<c_void>(), room) };
    assert_eq!(result, 0, "setsockopt({level}, {name}): {}", io::Error::last_os_error());
}

/// From now on the socket receives nothing: every segment for it is dropped without a trace.
pub(crate) fn deafen(socket: &impl AsFd) {
    // "return 0": keep no byte of the packet.
    let deny = SockFilter::new(0x06, 0, 0, 0);
    SockRef::from(socket).attach_filter(&[deny]).expect("SO_ATTACH_FILTER");
}

/// It receives again.
pub(crate) fn undeafen(socket: &impl AsFd) {
    SockRef::from(socket).detach_filter().expect("SO_DETACH_FILTER");
}

/// The socket's cookie.
pub(crate) fn cookie(socket: &impl AsFd) -> u64 {
    SockRef::from(socket).cookie().expect("SO_COOKIE")
}

/// Moves this thread into a network namespace of its own, with loopback up.
pub(crate) fn unshare_network() {
    unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
    raise_loopback();
}

fn raise_loopback() {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").expect("a socket");
    // SAFETY: an all-zero ifreq is a valid one.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = c_char(b'l');
    request.ifr_name[1] = c_char(b'o');
    request.ifr_ifru.ifru_flags = i16::try_from(libc::IFF_UP | libc::IFF_RUNNING).expect("small");
    // SAFETY: SIOCSIFFLAGS reads one ifreq.
    let result =
        unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) };
    assert_eq!(result, 0, "SIOCSIFFLAGS: {}", io::Error::last_os_error());
}

fn c_char(byte: u8) -> libc::c_char {
    libc::c_char::try_from(byte).expect("ASCII")
}

/// Inode number of this thread's network namespace.
pub(crate) fn netns() -> u64 {
    let link = fs::read_link("/proc/thread-self/ns/net").expect("/proc is mounted");
    let text = link.to_string_lossy();
    let number = text.trim_start_matches("net:[").trim_end_matches(']');
    number.parse().unwrap_or_else(|_| panic!("not a namespace: {text}"))
}

/// Sets a sysctl below `net/` of this thread's network namespace.
pub(crate) fn sysctl(name: &str, value: &str) {
    fs::write(format!("/proc/sys/net/{name}"), value)
        .unwrap_or_else(|error| panic!("sysctl {name}: {error}"));
}

/// Whether this kernel has a sysctl below `net/`.
pub(crate) fn has_sysctl(name: &str) -> bool {
    fs::exists(format!("/proc/sys/net/{name}")).expect("/proc is readable")
}

/// Major and minor number of the kernel.
pub(crate) fn kernel() -> (u32, u32) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc is mounted");
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse().ok());
    (numbers.next().expect("major"), numbers.next().expect("minor"))
}
