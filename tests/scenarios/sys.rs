//! System calls that no crate at hand wraps, and small facts of this host. The only place with
//! `unsafe` code that the whole suite shares.

use std::fs;
use std::io;
use std::mem::size_of;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, RawFd};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};

use libc::{c_int, c_void, socklen_t};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{MsgFlags, recv};
use socket2::{SockFilter, SockRef};

use crate::support::wait;

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

/// Bytes in the send buffer that the peer has not acknowledged, sent or not.
pub(crate) fn unacknowledged(socket: &impl AsFd) -> usize {
    let mut bytes: c_int = 0;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: TIOCOUTQ writes one int.
    let result = unsafe { libc::ioctl(fd, libc::TIOCOUTQ, &raw mut bytes) };
    assert_eq!(result, 0, "TIOCOUTQ: {}", io::Error::last_os_error());
    usize::try_from(bytes).expect("a count")
}

/// Timer of a socket that probes a shut window.
pub(crate) const PROBING: u8 = 4;

/// Which timer of a connected IPv4 socket runs, in the kernel's numbers; 0 for none.
pub(crate) fn timer(socket: &impl AsFd) -> u8 {
    let local = SockRef::from(socket).local_addr().expect("an address");
    let port = format!(":{:04X}", local.as_socket().expect("IPv4").port());
    let table = fs::read_to_string("/proc/thread-self/net/tcp").expect("/proc is mounted");
    let line = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut own = line.filter(|fields| fields[1].ends_with(&port));
    own.next().and_then(|fields| fields[5].get(..2)?.parse().ok()).expect("its line")
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

/// `connect(AF_UNSPEC)`: the socket lets go of its connection and may dial again.
pub(crate) fn disconnect(socket: &impl AsFd) {
    // SAFETY: an all-zero sockaddr is one of AF_UNSPEC.
    let nowhere: libc::sockaddr = unsafe { std::mem::zeroed() };
    let room = socklen_t::try_from(size_of::<libc::sockaddr>()).expect("small");
    // SAFETY: the pointer is to a live sockaddr of the length given.
    let result = unsafe { libc::connect(socket.as_fd().as_raw_fd(), &raw const nowhere, room) };
    assert_eq!(result, 0, "connect(AF_UNSPEC): {}", io::Error::last_os_error());
}

/// Dials with a socket that may have dialled before.
pub(crate) fn connect(socket: &impl AsFd, address: SocketAddr) {
    SockRef::from(socket).connect(&address.into()).expect("the dial succeeds");
}

/// Ends this process at once, without its clean-up.
pub(crate) fn quit(code: c_int) -> ! {
    // SAFETY: _exit is always allowed.
    unsafe { libc::_exit(code) }
}

/// Ends this process by a signal, whoever handled it so far.
pub(crate) fn die_by(signal: c_int) -> ! {
    // SAFETY: the default action is a valid handler.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // SAFETY: a signal to ourselves.
    unsafe { libc::kill(libc::getpid(), signal) };
    unreachable!("signal {signal} ends a process")
}

/// Whether this kernel has a function or variable of this name.
pub(crate) fn has_symbol(name: &str) -> bool {
    let symbols = fs::read_to_string("/proc/kallsyms").expect("/proc/kallsyms");
    symbols.lines().any(|line| line.split_whitespace().nth(2) == Some(name))
}

/// Closes with `close_range`.
pub(crate) fn close_range_of(what: impl IntoRawFd) {
    let number = what.into_raw_fd();
    // SAFETY: we own it, and nothing else is in the range.
    let result = unsafe { libc::syscall(libc::SYS_close_range, number, number, 0) };
    assert_eq!(result, 0, "close_range: {}", io::Error::last_os_error());
}

/// A thread that waits in `recv` for one byte on this descriptor, which need not stay open.
pub(crate) fn reading_thread(number: RawFd) -> JoinHandle<usize> {
    let (send, receive) = channel();
    let thread = thread::spawn(move || {
        send.send(nix::unistd::gettid()).expect("somebody waits");
        drop(send);
        recv(number, &mut [0], MsgFlags::empty()).expect("a byte")
    });
    let tid = receive.recv().expect("the thread runs");
    wait::until("a thread that sleeps in recv", || {
        let call = fs::read_to_string(format!("/proc/self/task/{tid}/syscall")).expect("/proc");
        call.starts_with(&format!("{} ", libc::SYS_recvfrom)).then_some(())
    });
    thread
}

/// Whether data that was sent in the SYN was acknowledged (`TCPI_OPT_SYN_DATA`).
pub(crate) fn had_data_in_syn(socket: &impl AsFd) -> bool {
    let mut info = [0_u8; 8];
    let mut room = socklen_t::try_from(info.len()).expect("small");
    let fd = socket.as_fd().as_raw_fd();
    let into = info.as_mut_ptr().cast::<c_void>();
    // SAFETY: the pointer is to live bytes of the length given.
    let result =
        unsafe { libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, into, &raw mut room) };
    assert_eq!(result, 0, "TCP_INFO: {}", io::Error::last_os_error());
    info[5] & 32 != 0
}
