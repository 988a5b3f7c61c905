//! An entry whose socket is gone, and whose end no program was shown: it must not count as open for
//! ever. Made by hand, since nobody can make the kernel hide an end.

use std::mem::offset_of;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::thread;
use std::time::{Duration, Instant};

use tracer::probe;
use tracer::source::{Input, Kernel, KernelError, Reading};
use tracer_ebpf::{ABI_VERSION, Conn, KIND_CONN, flags};

use crate::batch::SMALL;

/// No socket's address.
const KEY: u64 = 0x1000;
const ESTABLISHED: u8 = 1;

/// What a snapshot tells, whatever may fail in it.
#[derive(Debug)]
struct Failed;

impl From<KernelError> for Failed {
    fn from(_: KernelError) -> Self {
        Self
    }
}

fn entry(cookie: u64, netns: u32) -> [u8; Conn::SIZE] {
    let mut bytes = [0; Conn::SIZE];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(offset_of!(Conn, kind), &KIND_CONN.to_ne_bytes());
    put(offset_of!(Conn, abi), &ABI_VERSION.to_ne_bytes());
    put(offset_of!(Conn, len), &Conn::LEN.to_ne_bytes());
    put(offset_of!(Conn, cookie), &cookie.to_ne_bytes());
    put(offset_of!(Conn, netns), &netns.to_ne_bytes());
    put(offset_of!(Conn, family), &2_u16.to_ne_bytes());
    put(offset_of!(Conn, state), &[ESTABLISHED]);
    bytes
}

#[test]
#[ignore = "needs root"]
fn an_entry_without_a_socket_is_told_as_ended_and_removed_and_no_other() {
    let (mut attached, records) = probe::attach(&SMALL).expect("programs attach");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let at = listener.local_addr().expect("its address");
    let _dialled = TcpStream::connect(at).expect("the dial succeeds");
    let _accepted = listener.accept().expect("it is accepted");
    let netns = std::fs::metadata("/proc/self/ns/net").expect("our namespace").ino();
    let netns = u32::try_from(netns).expect("a number of 32 bits");
    let elsewhere = netns.wrapping_add(1);
    attached.table.insert(KEY, entry(1, netns), 0).expect("room");
    attached.table.insert(KEY + 8, entry(2, elsewhere), 0).expect("room");

    let reading = Reading { ring_bytes: 1 << 20, queue_bytes: 1 << 20, real_time: false };
    let mut kernel = Kernel::start((attached, records), reading, true).expect("a reader");
    let (mut ended, mut open) = (Vec::new(), 0);
    let until = Instant::now() + Duration::from_secs(30);
    while ended.is_empty() && Instant::now() < until {
        open = 0;
        kernel
            .snapshot(&mut |input| {
                let (Input::Live(bytes) | Input::Record(bytes)) = input else {
                    return Ok::<_, Failed>(());
                };
                if matches!(input, Input::Record(_)) && bytes[offset_of!(Conn, cookie)] == 1 {
                    ended.push(bytes.to_vec());
                }
                let port = [offset_of!(Conn, sport), offset_of!(Conn, dport)];
                let is_ours =
                    port.iter().any(|place| bytes[*place..place + 2] == at.port().to_ne_bytes());
                open += usize::from(is_ours);
                Ok(())
            })
            .expect("a snapshot");
        thread::sleep(Duration::from_secs(1));
    }
    let [over] = ended.as_slice() else { panic!("{} ends", ended.len()) };
    assert_eq!(over[offset_of!(Conn, old_state)], ESTABLISHED);
    let bits = &over[offset_of!(Conn, flags)..][..4];
    assert_eq!(bits, flags::END_MISSED.to_ne_bytes());
    let table = &kernel.attached().table;
    assert!(table.get(&KEY, 0).is_err(), "it is out of the table");
    assert!(table.get(&(KEY + 8), 0).is_ok(), "nobody walks where that one is");
    assert_eq!(open, 2, "what is open stays, at both ends");
}
