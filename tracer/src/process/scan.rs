//! Sockets of all network namespaces from /proc, for kernels (before 5.11) that cannot walk over open
//! files: what listens, what is connected, and who holds it. Read once, at start.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;

use procfs::net::{TcpNetEntry, TcpState};
use procfs::process::{FDTarget, Process, all_processes};
use tracer_ebpf::Listener;

use super::table::USER_TICK_NS;
use super::{Held, Holder, ProcessId};

/// Most connections kept: some 100 bytes each.
const CAPACITY: usize = 65_536;
/// Processes remembered to reach a namespace by, as some may end meanwhile.
const WAYS: usize = 4;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// Listening sockets.
    pub listeners: Vec<Listener>,
    /// Connections that a process holds.
    pub held: Vec<Held>,
    /// Those beyond the bound on their number.
    pub beyond: u64,
}

/// Reads it; empty if /proc does not tell. Holders are named only if `sees_pids`: /proc has the
/// processes that the kernel tells, under the same numbers. Their start times are as coarse as
/// /proc gives them, 10 ms. What was not reached when it `is_over` is not in it.
#[must_use]
pub fn scan(sees_pids: bool, is_over: &dyn Fn() -> bool) -> Scan {
    let mut seen = Descriptors::default();
    let processes = all_processes().into_iter().flatten().flatten();
    for process in processes.take_while(|_| !is_over()) {
        seen.add(&process);
    }
    let mut scan = Scan::default();
    for (netns, ways) in &seen.namespaces {
        let sockets = ways.iter().find_map(|pid| sockets(*pid)).unwrap_or_default();
        for socket in sockets {
            match (socket.state, seen.holders.get(&socket.inode)) {
                (TcpState::Listen, _) => scan
                    .listeners
                    .push(Listener { netns: *netns, port: u32::from(socket.local_address.port()) }),
                (TcpState::Close | TcpState::TimeWait, _) | (_, None) => {}
                (_, Some(holder)) if scan.held.len() < CAPACITY => scan.held.push(Held {
                    netns: *netns,
                    local: canonical(socket.local_address),
                    peer: canonical(socket.remote_address),
                    holder: holder.filter(|_| sees_pids).map(|at| seen.processes[at].clone()),
                }),
                _ => scan.beyond += 1,
            }
        }
    }
    scan
}

/// Open sockets by process.
#[derive(Default)]
struct Descriptors {
    processes: Vec<Holder>,
    /// Inode number of a socket → index of the one process that holds it, `None` if several do.
    holders: HashMap<u64, Option<usize>>,
    /// Network namespace → some pids in it.
    namespaces: BTreeMap<u32, Vec<i32>>,
}

impl Descriptors {
    /// Takes one process, as far as we may look into it and it still lives.
    fn add(&mut self, process: &Process) {
        let (Some(netns), Ok(stat)) = (netns(process.pid), process.stat()) else { return };
        let ways = self.namespaces.entry(netns).or_default();
        if ways.len() < WAYS {
            ways.push(process.pid);
        }
        let (Ok(pid), Ok(descriptors)) = (u32::try_from(process.pid), process.fd()) else { return };
        let at = self.processes.len();
        let start_ns = stat.starttime.saturating_mul(USER_TICK_NS);
        self.processes.push(Holder { id: ProcessId { pid, start_ns }, comm: stat.comm });
        for target in descriptors.flatten().map(|descriptor| descriptor.target) {
            if let FDTarget::Socket(inode) = target {
                let holder = self.holders.entry(inode).or_insert(Some(at));
                *holder = holder.filter(|other| *other == at);
            }
        }
    }
}

fn netns(pid: i32) -> Option<u32> {
    let namespace = std::fs::metadata(format!("/proc/{pid}/ns/net")).ok()?;
    u32::try_from(namespace.ino()).ok()
}

/// The TCP sockets of the network namespace that `pid` is in.
fn sockets(pid: i32) -> Option<Vec<TcpNetEntry>> {
    let process = Process::new(pid).ok()?;
    let mut sockets = process.tcp().ok()?;
    // IPv6 may be turned off.
    sockets.extend(process.tcp6().unwrap_or_default());
    Some(sockets)
}

/// An IPv4-mapped address as IPv4, as connections show it.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_listener_and_both_ends_of_a_connection_are_found_with_their_holder() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let scan = scan(true, &|| false);
        let port = u32::from(listener.local_addr().unwrap().port());
        assert!(scan.listeners.iter().any(|found| found.port == port));
        for end in [&client, &server] {
            let (local, peer) = (end.local_addr().unwrap(), end.peer_addr().unwrap());
            let is_it = |held: &&Held| (held.local, held.peer) == (local, peer);
            let held = scan.held.iter().find(is_it).unwrap();
            let holder = held.holder.as_ref().unwrap();
            assert_eq!(holder.id.pid, std::process::id());
            assert!(holder.id.start_ns > 0 && !holder.comm.is_empty());
            assert_eq!(Some(held.netns), netns(std::process::id().cast_signed()));
        }
    }

    #[test]
    fn a_connection_that_is_not_accepted_is_held_by_nobody_and_told_of_nobody() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, theirs) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
        let held = scan(true, &|| false).held;
        assert!(held.iter().any(|held| held.local == ours));
        assert!(!held.iter().any(|held| (held.local, held.peer) == (theirs, ours)));
    }

    #[test]
    fn a_v4_mapped_connection_is_shown_as_ipv4() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        assert_ne!(mapped, Ipv6Addr::LOCALHOST);
        let client = TcpStream::connect((mapped, port)).unwrap();
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let local = canonical(client.local_addr().unwrap());
        assert!(
            scan(true, &|| false).held.iter().any(|held| (held.local, held.peer) == (local, peer))
        );
    }

    #[test]
    fn where_the_pids_are_others_no_holder_is_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let local = client.local_addr().unwrap();
        let held = scan(false, &|| false).held.into_iter().find(|held| held.local == local);
        assert_eq!(held.unwrap().holder, None);
    }
}
