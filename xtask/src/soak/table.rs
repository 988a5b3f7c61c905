//! The entries of tracer's table of open connections in the kernel.

use super::kernel::Objects;
use anyhow::{Context as _, Result};
use aya::maps::{Map, MapData, MapInfo, MapType};
use std::collections::BTreeMap;
use std::fmt;
use std::mem::offset_of;
use tracer_ebpf::{Conn, opened};

/// Name of the map.
const NAME: &str = "CONNS";
/// TCP states by the kernel's numbers.
const STATES: [&str; 13] = [
    "none",
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
    "NEW_SYN_RECV",
];

/// The table of one tracer.
pub(super) struct Table {
    map: aya::maps::HashMap<MapData, u64, [u8; Conn::SIZE]>,
    size: usize,
}

/// Of what it tells of a connection, the little by which it is found again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    netns: u32,
    opened: u8,
    state: u8,
    sport: u16,
    dport: u16,
    flags: u32,
}

impl Table {
    /// Finds it among the maps that process `pid` holds.
    pub(super) fn of(pid: u32) -> Result<Self> {
        for id in Objects::held(Some(pid))?.maps() {
            let info = MapInfo::from_id(id)?;
            if info.name_as_str() == Some(NAME) && info.map_type()? == MapType::Hash {
                let map = Map::from_map_data(MapData::from_id(id)?)?.try_into()?;
                return Ok(Self { map, size: info.max_entries() as usize });
            }
        }
        None.with_context(|| format!("tracer holds no map {NAME}"))
    }

    /// Entries of connections in network namespace `number`.
    pub(super) fn entries(&self, number: u32) -> Result<Vec<Entry>> {
        let mut found = BTreeMap::new();
        // The walk begins anew where its place was deleted.
        for entry in self.map.iter().take(2 * self.size) {
            let (key, bytes) = entry?;
            if let Some(entry) = Entry::of(&bytes).filter(|entry| entry.netns == number) {
                found.insert(key, entry);
            }
        }
        Ok(found.into_values().collect())
    }
}

impl Entry {
    fn of(bytes: &[u8; Conn::SIZE]) -> Option<Self> {
        let word = |at: usize| bytes.get(at..)?.first_chunk().map(|word| u32::from_ne_bytes(*word));
        let half = |at: usize| bytes.get(at..)?.first_chunk().map(|half| u16::from_ne_bytes(*half));
        Some(Self {
            netns: word(offset_of!(Conn, netns))?,
            opened: bytes[offset_of!(Conn, opened)],
            state: bytes[offset_of!(Conn, state)],
            sport: half(offset_of!(Conn, sport))?,
            dport: half(offset_of!(Conn, dport))?,
            flags: word(offset_of!(Conn, flags))?,
        })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.opened {
            opened::ACTIVE => "client",
            opened::PASSIVE => "server",
            _ => "preexisting",
        };
        let state = STATES.get(usize::from(self.state)).unwrap_or(&"unknown");
        let Self { sport, dport, flags, .. } = self;
        write!(f, "{role}, port {sport} to {dport}, {state}, flags {flags:#x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_told_by_its_ports_and_its_state() {
        let mut bytes = [0; Conn::SIZE];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(offset_of!(Conn, netns), &7_u32.to_ne_bytes());
        put(offset_of!(Conn, sport), &20_000_u16.to_ne_bytes());
        put(offset_of!(Conn, dport), &40_000_u16.to_ne_bytes());
        put(offset_of!(Conn, state), &[9]);
        put(offset_of!(Conn, opened), &[opened::PASSIVE]);
        let entry = Entry::of(&bytes).unwrap();
        assert_eq!(entry.netns, 7);
        assert_eq!(entry.to_string(), "server, port 20000 to 40000, LAST_ACK, flags 0x0");
    }
}
