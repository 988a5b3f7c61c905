//! Waiting for conditions, never for time. Every wait is bounded and names what it waited for.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Bound of every wait: far above what any of them takes, emulated guests included.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// Polls until `found` gives something.
///
/// # Panics
/// After [`PATIENCE`], naming `what`.
pub(crate) fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        thread::sleep(pause);
        // Looking costs: the kernel walks its whole table for each read of /proc/net/tcp.
        pause = (pause * 5 / 4).min(Duration::from_millis(50));
    }
}

/// One socket as `/proc/net/tcp` and `tcp6` show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    /// Local port.
    pub(crate) local: u16,
    /// Peer port, 0 for a listener.
    pub(crate) peer: u16,
    /// The kernel's state number.
    pub(crate) state: u8,
    /// Bytes received that nobody read yet; for a listener, connections to accept.
    pub(crate) queued: u64,
    /// Whether it is a timewait socket, which stands in for one that is gone.
    pub(crate) is_timewait: bool,
}

/// `TCP_SYN_SENT`.
pub(crate) const SYN_SENT: u8 = 2;
/// `TCP_FIN_WAIT2`.
pub(crate) const FIN_WAIT2: u8 = 5;
/// `TCP_TIME_WAIT`.
const TIME_WAIT: u8 = 6;
/// `TCP_CLOSE_WAIT`.
pub(crate) const CLOSE_WAIT: u8 = 8;
/// `TCP_LISTEN`.
const LISTEN: u8 = 10;

/// Every TCP socket of this thread's network namespace that has `port` at either end.
pub(crate) fn sockets(port: u16) -> Vec<Socket> {
    let tables = ["tcp", "tcp6"]
        .map(|t| fs::read_to_string(format!("/proc/thread-self/net/{t}")).unwrap_or_default());
    assert!(!tables[0].is_empty(), "/proc/thread-self/net/tcp cannot be read: is /proc mounted?");
    tables
        .iter()
        .flat_map(|table| table.lines().skip(1).filter_map(socket))
        .filter(|socket| socket.local == port || socket.peer == port)
        .collect()
}

fn socket(line: &str) -> Option<Socket> {
    let mut fields = line.split_whitespace().skip(1);
    let mut port = || u16::from_str_radix(fields.next()?.rsplit(':').next()?, 16).ok();
    let (local, peer) = (port()?, port()?);
    let state = u8::from_str_radix(fields.next()?, 16).ok()?;
    let (_, queued) = fields.next()?.split_once(':')?;
    let queued = u64::from_str_radix(queued, 16).ok()?;
    // The kind of timer: 3 is that of timewait sockets alone.
    let is_timewait = fields.next()?.starts_with("03:");
    Some(Socket { local, peer, state, queued, is_timewait })
}

/// Whether somebody listens on `port`.
pub(crate) fn is_listening(port: u16) -> bool {
    sockets(port).iter().any(|socket| socket.state == LISTEN)
}

/// Waits until every connection of `port` has ended.
///
/// TIME_WAIT and the FIN_WAIT2 of a closed socket are past the end: the kernel keeps a timewait
/// socket for them, the connection's own is gone.
pub(crate) fn quiet(port: u16) {
    until(&format!("the end of every connection of port {port}"), || {
        sockets(port)
            .iter()
            .all(|socket| [LISTEN, TIME_WAIT, FIN_WAIT2].contains(&socket.state))
            .then_some(())
    });
}

/// Waits until `count` sockets of `port` are in `state`.
pub(crate) fn in_state(port: u16, state: u8, count: usize) {
    until(&format!("{count} sockets of port {port} in state {state}"), || {
        (sockets(port).iter().filter(|socket| socket.state == state).count() == count).then_some(())
    });
}

/// Waits until `count` connections queue at the listener of `port`, accepted by nobody.
pub(crate) fn queued(port: u16, count: u64) {
    until(&format!("{count} connections to accept on port {port}"), || {
        sockets(port)
            .iter()
            .any(|socket| socket.state == LISTEN && socket.queued == count)
            .then_some(())
    });
}
