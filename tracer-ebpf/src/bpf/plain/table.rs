//! The table of the plain tier, and what leads from one hook to another.

use aya_ebpf::btf_maps::{HashMap, LruHashMap, PerCpuArray};
use aya_ebpf::macros::btf_map;
use tracer_ebpf::{Conn, flags};

use super::super::kernel::{AF_INET, AF_INET6};
use super::super::sock::{BLANK, now};
use super::event::Event;

/// `struct sock *` → the connection it carries now, as [`super::super::maps::CONNS`]. Allocated at
/// once: before 6.1 the kernel warns of tracepoint programs whose table grows on demand.
#[btf_map]
static PLAIN_CONNS: HashMap<u64, Conn, 262_144> = HashMap::new();

/// Where a connection meets the report of its error, which names it by its addresses only.
#[btf_map]
static MEETINGS: LruHashMap<Tuple, Meeting, 4096> = LruHashMap::new();

/// What one hook leaves to another that follows within the same call of the kernel, per [`Note`].
#[btf_map]
static NOTES: PerCpuArray<Noted, 3> = PerCpuArray::new();

/// Slots through which a pointer becomes a number, see [`number`].
#[btf_map]
static NUMBERS: PerCpuArray<u64, 2> = PerCpuArray::new();

/// Both ends of a connection. Two network namespaces may hold the same: then an error that both
/// have within the same second is told of one.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Tuple {
    saddr: [u32; 4],
    daddr: [u32; 4],
    sport: u16,
    dport: u16,
    reserved: u32,
}

impl Tuple {
    /// From fields of an event.
    #[inline(always)]
    pub(super) fn of(event: Event, [saddr, daddr, sport, dport]: [usize; 4]) -> Self {
        Self {
            saddr: event.address(saddr),
            daddr: event.address(daddr),
            sport: event.half(sport),
            dport: event.half(dport),
            reserved: 0,
        }
    }

    /// Our port, host order.
    #[inline(always)]
    pub(super) const fn sport(&self) -> u16 {
        self.sport
    }

    /// Writes both ends into a record.
    ///
    /// # Safety
    /// `conn` valid for writes.
    #[inline(always)]
    pub(super) unsafe fn write_to(&self, conn: *mut Conn) {
        /// `::ffff:0:0/96`, its third word.
        const MAPPED: u32 = u32::from_ne_bytes([0, 0, 0xff, 0xff]);
        let to = |address: *mut [u8; 16], from: &[u32; 4], is_ipv4: bool| {
            let address = address.cast::<u32>();
            unsafe {
                address.write(if is_ipv4 { from[3] } else { from[0] });
                address.add(1).write(if is_ipv4 { 0 } else { from[1] });
                address.add(2).write(if is_ipv4 { 0 } else { from[2] });
                address.add(3).write(if is_ipv4 { 0 } else { from[3] });
            }
        };
        let peer = &self.daddr;
        let is_ipv4 = peer[0] == 0 && peer[1] == 0 && peer[2] == MAPPED;
        unsafe {
            (*conn).family = if is_ipv4 { AF_INET } else { AF_INET6 };
            (*conn).sport = self.sport;
            (*conn).dport = self.dport;
            to(&raw mut (*conn).saddr, &self.saddr, is_ipv4);
            to(&raw mut (*conn).daddr, peer, is_ipv4);
        }
    }
}

/// Either side of a meeting.
#[repr(C)]
#[derive(Clone, Copy)]
struct Meeting {
    /// The socket that waits for its error, or 0.
    sk: u64,
    /// When an error came that waits for the end of its socket.
    at_ns: u64,
    errno: u64,
}

#[repr(C)]
struct Noted {
    sk: u64,
    cookie: u64,
}

/// Why a socket's cookie is kept for a moment.
#[derive(Clone, Copy)]
pub(super) enum Note {
    /// It was just freed: a packet that the kernel still holds may yet be answered with a reset in
    /// its name.
    Freed = 0,
    /// Its counters will be told: it is about to be established.
    Counted = 1,
    /// A reset came for it, and it has no entry yet: it was there before us, or is in its handshake.
    Reset = 2,
}

/// The table's entry for a socket.
#[inline(always)]
pub(super) fn find(sk: u64) -> Option<*mut Conn> {
    PLAIN_CONNS.get_ptr_mut(&sk)
}

/// Frees the entry of a socket.
#[inline(always)]
pub(super) fn remove(sk: u64) {
    let _gone_already = PLAIN_CONNS.remove(&sk);
}

/// Adds an entry in place of any other and returns it.
///
/// # Errors
/// A negated errno, for [`super::super::maps::refuse`].
#[inline(always)]
pub(super) fn open(sk: u64, opened: u8, state: i32) -> Result<*mut Conn, i32> {
    PLAIN_CONNS.insert(&sk, &BLANK, 0)?;
    let conn = find(sk).ok_or(0)?;
    unsafe {
        (*conn).opened = opened;
        (*conn).state = state as u8;
        (*conn).flags = flags::PLAIN;
    }
    Ok(conn)
}

/// How long the kernel may take between an error and the end that it causes: it clears the queue of
/// unsent data meanwhile, and a virtual CPU may stand still.
const MEETING_NS: u64 = 1_000_000_000;

/// The error that was reported right before this end of a connection, if one was. Else the end waits
/// for it. One that was reported before the connection began was of another of the same addresses and
/// ports: what resets end is told of after its end, and waits here for nobody.
#[inline(always)]
pub(super) fn error_of(tuple: &Tuple, sk: u64, opened_ns: u64) -> Option<u32> {
    if let Some(meeting) = MEETINGS.get_ptr(tuple) {
        let meeting = unsafe { *meeting };
        let is_recent = now().wrapping_sub(meeting.at_ns) < MEETING_NS;
        if meeting.errno != 0 && is_recent && meeting.at_ns >= opened_ns {
            let _it_is_there = MEETINGS.remove(tuple);
            return Some(meeting.errno as u32);
        }
    }
    // Full is no harm: then the oldest goes.
    let _evicts = MEETINGS.insert(tuple, &Meeting { sk, at_ns: 0, errno: 0 }, 0);
    None
}

/// The socket that waits for this error, if one does. Else the error waits for the end.
#[inline(always)]
pub(super) fn end_of(tuple: &Tuple, errno: u32) -> Option<u64> {
    if let Some(meeting) = MEETINGS.get_ptr(tuple) {
        let sk = unsafe { (*meeting).sk };
        if sk != 0 {
            let _it_is_there = MEETINGS.remove(tuple);
            return Some(sk);
        }
    }
    let waits = Meeting { sk: 0, at_ns: now(), errno: u64::from(errno) };
    let _evicts = MEETINGS.insert(tuple, &waits, 0);
    None
}

/// Keeps the cookie of a socket.
#[inline(always)]
pub(super) fn note(why: Note, sk: u64, cookie: u64) {
    if let Some(slot) = NOTES.get_ptr_mut(why as u32) {
        unsafe { *slot = Noted { sk, cookie } };
    }
}

/// The cookie of the socket that was noted last on this CPU, if it is that one.
#[inline(always)]
pub(super) fn noted(why: Note, sk: u64) -> Option<u64> {
    let slot = NOTES.get_ptr(why as u32)?;
    unsafe { ((*slot).sk == sk && (*slot).cookie != 0).then_some((*slot).cookie) }
}

/// Who turns a pointer into a number: programs that do not interrupt each other share a slot.
#[derive(Clone, Copy)]
pub(super) enum By {
    Task = 0,
    Sockops = 1,
}

/// A kernel pointer as the number that tracepoints give. Before 5.12 the verifier lets no program
/// look up a key on its stack that is a pointer, and none may compute with one: what is read back
/// from a map is a number.
#[inline(always)]
pub(super) fn number(pointer: *const u8, by: By) -> u64 {
    NUMBERS.get_ptr_mut(by as u32).map_or(0, |slot| unsafe {
        slot.write_volatile(pointer as u64);
        slot.read_volatile()
    })
}
