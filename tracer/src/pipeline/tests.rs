//! Far more of everything than fits: what is told then.

use std::mem::offset_of;

use tracer_ebpf::{ABI_VERSION, Conn, KIND_CONN, opened};

use super::*;
use crate::aggregate::Who;
use crate::bounds::Evicted;
use crate::process::Scan;

const S: u64 = 1_000_000_000;
/// More than any table has room for, but those of records and snapshots.
const MANY: u32 = 70_000;
/// More than there is room for peer addresses.
const FEWER: u32 = 5_000;

fn setting(sockets: Scan) -> Setting {
    let clock =
        Clock { wall_minus_monotonic_ns: 0, boot_minus_monotonic_ns: 0, tick_ns: 4_000_000 };
    Setting {
        start_ns: 0,
        origin: Origin { host: "host".into(), clock },
        kernel: String::new(),
        version: String::new(),
        hooks: Vec::new(),
        tier: "btf".into(),
        reader: None,
        served: served(sockets, true),
        ports: Ports::default(),
        reset_reasons: std::collections::HashMap::default(),
    }
}

fn pipeline(lookup: Lookup, selection: Selection) -> Pipeline {
    let sockets = Scan { beyond: 3, ..Scan::default() };
    let mut pipeline = Pipeline::new(setting(sockets), lookup, selection, Thresholds::default());
    pipeline.count_peers();
    pipeline
}

/// The record of a connection of the `n`th process to or from the `n`th address, with its own group.
fn record(n: u32, opened: u8, end_ns: u64) -> Vec<u8> {
    let mut bytes = vec![0; Conn::SIZE];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(offset_of!(Conn, kind), &KIND_CONN.to_ne_bytes());
    put(offset_of!(Conn, abi), &ABI_VERSION.to_ne_bytes());
    put(offset_of!(Conn, len), &Conn::LEN.to_ne_bytes());
    put(offset_of!(Conn, cookie), &u64::from(n + 1).to_ne_bytes());
    for at in [offset_of!(Conn, open_ns), offset_of!(Conn, established_ns)] {
        put(at, &(end_ns - 1).to_ne_bytes());
    }
    for at in [offset_of!(Conn, first_close_ns), offset_of!(Conn, end_ns)] {
        put(at, &end_ns.to_ne_bytes());
    }
    put(offset_of!(Conn, owner_tgid), &(0x7000_0000 + n).to_ne_bytes());
    put(offset_of!(Conn, owner_start_ns), &1_u64.to_ne_bytes());
    put(offset_of!(Conn, owner_cgroup), &1_u64.to_ne_bytes());
    put(offset_of!(Conn, owner_comm), b"storm");
    put(offset_of!(Conn, daddr), &(0x0a00_0000 + n).to_be_bytes());
    put(offset_of!(Conn, dport), &80_u16.to_ne_bytes());
    put(offset_of!(Conn, family), &2_u16.to_ne_bytes());
    put(offset_of!(Conn, state), &[7]);
    put(offset_of!(Conn, old_state), &[5]);
    put(offset_of!(Conn, opened), &[opened]);
    put(offset_of!(Conn, first), &[1]);
    bytes
}

#[test]
fn what_does_not_fit_is_told_by_table_and_totals_stay_whole() {
    let mut family = Family::of("/ci".into());
    family.admit(1..=u64::from(MANY));
    let selection = Selection { family: Some(family), ..Selection::default() };
    let mut pipeline = pipeline(Lookup::Proc { commands: false }, selection);
    for n in 0..MANY {
        pipeline.feed(Input::Record(&record(n, opened::ACTIVE, S)));
    }
    for n in 0..FEWER {
        pipeline.feed(Input::Record(&record(MANY + n, opened::PASSIVE, S)));
    }
    pipeline.feed(Input::Tick { now_ns: 2 * S, is_last: true });
    let told = pipeline.health(2 * S).evicted;
    let (many, all) = (u64::from(MANY), u64::from(MANY + FEWER));
    for &table in Evicted::ALL {
        let expected = match table {
            Evicted::Keys => all - 10_000,
            Evicted::Peers => u64::from(FEWER) - MOST_PEERS as u64,
            Evicted::Closes => many,
            Evicted::Processes => all - 16_384,
            Evicted::Lookups => {
                // As long as that takes, some more are looked up.
                let most = all - 1_000;
                assert!((most / 2..=most).contains(&told.of(table)), "{}", told.of(table));
                continue;
            }
            Evicted::Sockets => 3,
            // Groups, and owners.
            Evicted::Family => (many - 65_536) + (all - 65_536),
            // Their own tests make the tables smaller: these would take gigabytes, or programs. Nothing
            // is redacted here.
            Evicted::Records
            | Evicted::Open
            | Evicted::Overdue
            | Evicted::Runtimes
            | Evicted::Addresses => 0,
        };
        assert_eq!(told.of(table), expected, "{}", table.name());
    }
    let totals = pipeline.judge().totals();
    let counted: u64 = totals.values().map(|totals| totals.closed).sum();
    assert_eq!(counted, all, "what has no key of its own is in `other`");
    assert!(totals.keys().any(|key| key.who == Who::Other));
    let findings = pipeline.judge().findings();
    assert!(findings.iter().all(|finding| finding.key.who != Who::Other));
}
