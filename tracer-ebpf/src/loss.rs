//! Why the kernel side could not keep or deliver something, counted per CPU.

/// Index into the `LOST` per-CPU array. Each count is a number of connections, except where said.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The connection table had no room for a connection: it is not traced at all.
    TableFull = 0,
    /// The ring buffer was full when a connection ended: its record is lost.
    RingFull = 1,
    /// The ring buffer was full when late peer data was seen: its connection lacks that fact.
    LateRingFull = 2,
    /// The kernel skipped a program because it was running on that CPU already: a number of events.
    /// Counted by the kernel (`recursion_misses`), read by userspace.
    Missed = 3,
    /// The table had room, and the kernel no memory for the entry: the connection is not traced at all.
    NoMemory = 4,
    /// The table was just being changed on that CPU by what the kernel interrupted for the event (before
    /// 6.7): the connection is not traced at all.
    TableBusy = 5,
}

impl Loss {
    /// Number of reasons, the length of the `LOST` array.
    pub const COUNT: u32 = 6;
    /// Every reason, in index order.
    pub const ALL: [Self; 6] = [
        Self::TableFull,
        Self::RingFull,
        Self::LateRingFull,
        Self::Missed,
        Self::NoMemory,
        Self::TableBusy,
    ];
    /// Those whose connections are lost as a whole, each counted once.
    pub const CONNECTIONS: [Self; 4] =
        [Self::TableFull, Self::NoMemory, Self::TableBusy, Self::RingFull];

    /// Stable name for health lines and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TableFull => "table_full",
            Self::RingFull => "ring_full",
            Self::LateRingFull => "late_ring_full",
            Self::Missed => "missed",
            Self::NoMemory => "no_memory",
            Self::TableBusy => "table_busy",
        }
    }
}
