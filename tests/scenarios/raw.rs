//! Hand-made packets: an ICMP error for each segment towards a port, and segments sent again as they
//! were. IPv4 on loopback only.

use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::support::wait;

/// `FIN` in the flags of a TCP header.
const FIN: u8 = 0x01;

/// Sees every IPv4 TCP packet that arrives in this thread's network namespace.
pub(crate) struct Sniffer {
    socket: Socket,
}

/// One packet with its IP header.
pub(crate) struct Packet {
    bytes: Vec<u8>,
}

impl Packet {
    fn tcp(&self) -> usize {
        usize::from(self.bytes[0] & 0xf) * 4
    }

    fn port_at(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.bytes[self.tcp() + at], self.bytes[self.tcp() + at + 1]])
    }

    fn source(&self) -> u16 {
        self.port_at(0)
    }

    fn destination(&self) -> u16 {
        self.port_at(2)
    }

    fn is_fin(&self) -> bool {
        self.bytes[self.tcp() + 13] & FIN != 0
    }
}

impl Sniffer {
    /// From now on.
    pub(crate) fn start() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::TCP)).expect("root");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("SO_RCVTIMEO");
        Self { socket }
    }

    fn next(&self) -> Option<Packet> {
        let mut room = [const { MaybeUninit::<u8>::uninit() }; 2048];
        let length = self.socket.recv(&mut room).ok()?;
        // SAFETY: the kernel filled in so many bytes.
        let bytes = room[..length].iter().map(|byte| unsafe { byte.assume_init() }).collect();
        Some(Packet { bytes })
    }

    /// The first FIN from this port that has not been looked for yet.
    pub(crate) fn fin_from(&self, port: u16) -> Packet {
        wait::until("a FIN", || self.next().filter(|one| one.source() == port && one.is_fin()))
    }

    /// Sends a packet that was seen once more, as it was.
    pub(crate) fn send_again(packet: &Packet) {
        let raw = Protocol::from(libc::IPPROTO_RAW);
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(raw)).expect("root");
        let mut bytes = packet.bytes.clone();
        // On loopback the checksum is left to a device that there is none of.
        let at = packet.tcp();
        bytes[at + 16..at + 18].fill(0);
        let mut pseudo = bytes[12..20].to_vec();
        let length = u16::try_from(bytes.len() - at).expect("a packet");
        pseudo.extend([0, 6]);
        pseudo.extend(length.to_be_bytes());
        pseudo.extend(&bytes[at..]);
        bytes[at + 16..at + 18].copy_from_slice(&checksum(&pseudo).to_be_bytes());
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        socket.send_to(&bytes, &to.into()).expect("a raw packet");
    }
}

/// Answers each segment towards a port with "host unreachable", until it is dropped.
pub(crate) struct Unreachable {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Unreachable {
    /// Begins.
    pub(crate) fn answer(port: u16) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let stop = Arc::clone(&is_over);
        let sniffer = Sniffer::start();
        let icmp = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).expect("root");
        // A thread begins in the network namespace of the one that starts it.
        let thread = thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                if let Some(packet) = sniffer.next().filter(|one| one.destination() == port) {
                    send_unreachable(&icmp, &packet);
                }
            }
        });
        Self { is_over, thread: Some(thread) }
    }
}

impl Drop for Unreachable {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its panic was printed; the scene will miss its answers.
            let _ = thread.join();
        }
    }
}

fn send_unreachable(icmp: &Socket, about: &Packet) {
    // Type 3, code 1, then four unused bytes and the IP header with 8 bytes of what it carried.
    let mut message = vec![3, 1, 0, 0, 0, 0, 0, 0];
    message.extend(&about.bytes[..about.tcp() + 8]);
    let sum = checksum(&message).to_be_bytes();
    message[2..4].copy_from_slice(&sum);
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    icmp.send_to(&message, &to.into()).expect("an ICMP message");
}

/// The Internet checksum.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded")
}
