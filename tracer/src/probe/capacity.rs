//! How large the kernel's maps become where nobody says: from what this host has. Pure, but for
//! [`Host::read`] in [`host`]; what a map is for is told where it is declared, in `tracer-ebpf`.

mod host;

pub use host::Host;

/// One in this many parts of the memory may go into a table that is full.
const TABLE_SHARE: u64 = 64;
/// What a tracked connection costs when it is looked at: its entry in the kernel's table and its
/// place in the snapshot of userspace, rounded up.
const CONNECTION_BYTES: u64 = 1024;
/// Fewer would be lost on any host; at a KiB each they take a few megabytes.
const LEAST_CONNECTIONS: u64 = 8_192;
/// A snapshot of more takes seconds. Who has more says so.
const MOST_CONNECTIONS: u64 = 1_048_576;

/// The same for the table of the plain tier, which the kernel allocates at once.
const PLAIN_SHARE: u64 = 256;
/// An entry of it: the record, its key and the kernel's header.
const PLAIN_BYTES: u64 = 344;
const MOST_PLAIN: u64 = 262_144;

/// One in this many parts of the memory may go into the ring, which the kernel allocates at once.
const RING_SHARE: u64 = 256;
/// What one CPU at its limits fills in about half a second: 28,000 connections to itself a second, each
/// told twice in 280 bytes. A reader that has to wait for a CPU gets one within that time.
const RING_MIB_PER_CPU: u64 = 8;
/// Below, a burst within one period of the reader does not fit; above, a reader that is that late
/// will not catch up either.
const RING_MIB: std::ops::RangeInclusive<u64> = 16..=64;

/// Calls and exits that are under way at one time, at most: each entry is made by a task and used
/// by the same one before it goes on.
const LEAST_UNDER_WAY: u64 = 4_096;
/// The kernel hands out the entries of these maps in parcels of 128 for each CPU: with fewer than two
/// parcels each, one CPU takes what another is about to use.
const UNDER_WAY_PER_CPU: u64 = 256;

const MIB: u64 = 1 << 20;

/// Sizes of the kernel's maps. A connection costs memory while it is open, but for the plain tier;
/// all the rest is allocated at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Most connections tracked at one time.
    pub connections: u32,
    /// The same in the plain tier.
    pub plain_connections: u32,
    /// Size of the ring, a power of two.
    pub ring_mib: u32,
    /// Entries of the maps that lead from one hook to another within one call.
    pub under_way: u32,
}

impl Capacity {
    /// What suits `host`.
    #[must_use]
    pub fn of(host: &Host) -> Self {
        // Whoever may open no more sockets needs no larger table.
        let sockets = host.sockets.map_or(u64::MAX, |most| power_of_two(most.saturating_mul(2)));
        let table = |share: u64, bytes: u64, most: u64| {
            let fits = power_of_two(host.memory_bytes / share / bytes).min(sockets);
            to_u32(fits.clamp(LEAST_CONNECTIONS, most))
        };
        let ring_mib = (RING_MIB_PER_CPU * host.cpus)
            .next_power_of_two()
            .clamp(*RING_MIB.start(), *RING_MIB.end())
            .min(power_of_two(host.memory_bytes / RING_SHARE / MIB));
        let under_way = (UNDER_WAY_PER_CPU * host.possible_cpus).next_power_of_two();
        Self {
            connections: table(TABLE_SHARE, CONNECTION_BYTES, MOST_CONNECTIONS),
            plain_connections: table(PLAIN_SHARE, PLAIN_BYTES, MOST_PLAIN),
            ring_mib: to_u32(ring_mib),
            under_way: to_u32(under_way.max(LEAST_UNDER_WAY)),
        }
    }

    /// Why the table is as large as it is.
    #[must_use]
    pub fn basis_of_connections(host: &Host) -> String {
        let sockets = host.sockets.map(|most| format!(", at most {most} sockets by sysctl"));
        format!(
            "a power of two from {LEAST_CONNECTIONS} to {MOST_CONNECTIONS}: 1/{TABLE_SHARE} of \
             {} at {CONNECTION_BYTES} bytes each when full{}",
            host.memory(),
            sockets.unwrap_or_default()
        )
    }

    /// The same for the plain tier.
    #[must_use]
    pub fn basis_of_plain_connections(host: &Host) -> String {
        format!(
            "a power of two from {LEAST_CONNECTIONS} to {MOST_PLAIN}: 1/{PLAIN_SHARE} of {} at \
             {PLAIN_BYTES} bytes each, allocated at once",
            host.memory()
        )
    }

    /// Why the ring is as large as it is.
    #[must_use]
    pub fn basis_of_ring(host: &Host) -> String {
        format!(
            "{RING_MIB_PER_CPU} MiB for each of {} CPUs, from {} to {}, at most 1/{RING_SHARE} of {}",
            host.cpus,
            RING_MIB.start(),
            RING_MIB.end(),
            host.memory()
        )
    }
}

/// The largest power of two that is not above; 1 of nothing.
fn power_of_two(most: u64) -> u64 {
    1 << most.max(1).ilog2()
}

/// All sizes are bounded far below.
fn to_u32(size: u64) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn host(memory_bytes: u64, cpus: u64) -> Host {
        Host { memory_bytes, cpus, possible_cpus: cpus, sockets: None, is_of_group: false }
    }

    fn of(memory_bytes: u64, cpus: u64) -> (u32, u32, u32) {
        let capacity = Capacity::of(&host(memory_bytes, cpus));
        (capacity.connections, capacity.plain_connections, capacity.ring_mib)
    }

    #[test]
    fn maps_grow_with_the_host_within_bounds() {
        assert_eq!(of(128 * MIB, 1), (8_192, 8_192, 1), "a small container");
        assert_eq!(of(GIB, 2), (16_384, 8_192, 4));
        assert_eq!(of(4 * GIB, 2), (65_536, 32_768, 16));
        assert_eq!(of(24 * GIB, 2), (262_144, 262_144, 16));
        assert_eq!(of(64 * GIB, 4), (1_048_576, 262_144, 32));
        assert_eq!(of(1024 * GIB, 256), (1_048_576, 262_144, 64));
        assert_eq!(of(0, 0), (8_192, 8_192, 1), "nothing is known");
    }

    #[test]
    fn nothing_takes_more_than_its_share_of_the_memory() {
        for shift in 29..=40 {
            let memory = 1_u64 << shift;
            let (connections, plain, ring_mib) = of(memory, 64);
            let full = u64::from(connections) * CONNECTION_BYTES;
            let at_once = u64::from(plain) * PLAIN_BYTES + u64::from(ring_mib) * MIB;
            assert!(full <= memory / TABLE_SHARE, "{shift}");
            assert!(at_once <= memory / PLAIN_SHARE + memory / RING_SHARE + 3 * MIB, "{shift}");
        }
    }

    #[test]
    fn a_host_that_allows_few_sockets_gets_a_small_table() {
        let few = Host { sockets: Some(20_000), ..host(64 * GIB, 4) };
        let capacity = Capacity::of(&few);
        assert_eq!(capacity.connections, 32_768, "the power of two that holds them");
        assert!(Capacity::basis_of_connections(&few).contains("20000 sockets"));
    }

    #[test]
    fn maps_of_calls_under_way_have_two_parcels_for_each_possible_cpu() {
        let under_way =
            |possible_cpus| Capacity::of(&Host { possible_cpus, ..host(GIB, 2) }).under_way;
        assert_eq!([under_way(2), under_way(17), under_way(512)], [4_096, 8_192, 131_072]);
    }
}
