//! The table read many entries at a time against the same read one by one.

use std::collections::BTreeSet;
use std::mem::offset_of;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use tracer::probe::{self, Capacity, Settings};
use tracer_batch::Walk;
use tracer_ebpf::Conn;

/// More than fit into one call, and into the next power of two of it.
const PAIRS: usize = 1_500;

/// What a host with few connections needs.
pub(crate) const SMALL: Settings = Settings {
    capacity: Capacity { connections: 8_192, plain_connections: 8_192, ring_mib: 1, under_way: 64 },
    kernel_log: false,
    own_pid: 0,
    no_fentry: false,
};

#[test]
#[ignore = "needs root"]
fn entries_read_many_at_a_time_are_those_read_one_by_one() {
    let (attached, _records) = probe::attach(&SMALL).expect("programs attach");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let at = listener.local_addr().expect("its address");
    let mut held = Vec::new();
    for _ in 0..PAIRS {
        held.push(TcpStream::connect(at).expect("the dial succeeds"));
        held.push(listener.accept().expect("it is accepted").0);
    }
    let ports = [offset_of!(Conn, sport), offset_of!(Conn, dport)];
    let is_ours = |bytes: &[u8; Conn::SIZE]| {
        ports.iter().any(|place| bytes[*place..place + 2] == at.port().to_ne_bytes())
    };
    let mut many = Vec::new();
    let mut walk = Walk::of(&attached.table);
    while let Some((_, entries)) = walk.advance().expect("this kernel reads many at a time") {
        many.extend(entries.iter().filter(|bytes| is_ours(bytes)).copied());
    }
    assert_eq!(walk.advance().expect("it is over"), None);
    let one_by_one: Result<Vec<_>, _> = attached.table.iter().collect();
    let one_by_one = one_by_one.expect("and one by one").into_iter().map(|(_, bytes)| bytes);
    let one_by_one: BTreeSet<_> = one_by_one.filter(is_ours).collect();
    assert_eq!(many.len(), 2 * PAIRS, "each once");
    assert_eq!(many.into_iter().collect::<BTreeSet<_>>(), one_by_one);
}
