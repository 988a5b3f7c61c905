//! Ports that belong to one test.

use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

/// Below the usual ephemeral range, so that no dial on this host takes one by chance.
const FIRST: u16 = 12_000;
const COUNT: u16 = 18_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port nobody listens on, given to one caller of this process only: a server may take it, or it
/// stays closed, so that dials to it are refused.
pub(crate) fn closed() -> u16 {
    let start = u16::try_from(process::id() % u32::from(COUNT)).expect("below COUNT");
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST
            + u16::try_from((u32::from(start) * 7 + u32::from(step)) % u32::from(COUNT))
                .expect("below COUNT");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}

/// Ports that clients speak TLS at. Elsewhere TLS cannot be told from what is said in the open.
const TLS: [u16; 7] = [8443, 9443, 6443, 5986, 2376, 2379, 5061];

static NEXT_TLS: AtomicUsize = AtomicUsize::new(0);

/// A port of TLS that nobody listens on, as [`closed`]. Again the same after seven others.
pub(crate) fn tls() -> u16 {
    let mut ports = TLS.iter().map(|_| TLS[NEXT_TLS.fetch_add(1, Ordering::Relaxed) % TLS.len()]);
    let free = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.unwrap_or_else(|| panic!("no free port of {TLS:?}"))
}
