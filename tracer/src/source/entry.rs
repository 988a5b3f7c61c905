//! What the source itself has to know of the raw bytes of a table entry. Interprets no more than that:
//! the next stages decode.

use std::mem::offset_of;

use bytes::Buf as _;
use tracer_ebpf::{Conn, flags, opened};

const ESTABLISHED: u8 = 1;
const SYN_SENT: u8 = 2;
const CLOSE: u8 = 7;
const CLOSE_WAIT: u8 = 8;
/// How long an accepted connection may wait for its first use before its owner is looked up.
const UNUSED_NS: u64 = 1_000_000_000;
/// One that is so old may be of no socket any more.
const SETTLED_NS: u64 = 1_000_000_000;
/// A younger connection is not called idle, whatever is known of it.
const YOUNG_NS: u64 = 100_000_000;

fn byte(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..).and_then(|mut rest| rest.try_get_u32_ne().ok())
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..).and_then(|mut rest| rest.try_get_u64_ne().ok())
}

/// Whether a program on another CPU has just added an entry and fills it now.
pub(super) fn is_being_made(bytes: &[u8]) -> bool {
    let is_zero = |at: usize, len: usize| {
        bytes.get(at..at + len).is_some_and(|field| field.iter().all(|byte| *byte == 0))
    };
    let has_no_time =
        !is_zero(offset_of!(Conn, opened), 1) && is_zero(offset_of!(Conn, open_ns), 8);
    is_zero(offset_of!(Conn, family), 2) || has_no_time
}

/// Whether an entry is an established connection that was accepted a while ago and has no owner. Those
/// that two processes hold were looked up before.
pub(super) fn is_unowned(bytes: &[u8], now_ns: u64) -> bool {
    let accepted_ns = long(bytes, offset_of!(Conn, established_ns)).unwrap_or(now_ns);
    byte(bytes, offset_of!(Conn, opened)) == Some(opened::PASSIVE)
        && byte(bytes, offset_of!(Conn, state)) == Some(ESTABLISHED)
        && accepted_ns + UNUSED_NS < now_ns
        && word(bytes, offset_of!(Conn, owner_tgid)) == Some(0)
        && word(bytes, offset_of!(Conn, flags)).is_some_and(|bits| bits & flags::SEEDED == 0)
}

/// Whether it was accepted: then nobody asks whether it lies idle.
pub(super) fn is_accepted(bytes: &[u8]) -> bool {
    byte(bytes, offset_of!(Conn, opened)) == Some(opened::PASSIVE)
}

/// Whether the kernel saw it end.
pub(super) fn is_over(bytes: &[u8]) -> bool {
    byte(bytes, offset_of!(Conn, old_state)) != Some(0)
}

/// Whether it has been open for so long that a walk should have shown it.
pub(super) fn is_settled(bytes: &[u8], now_ns: u64) -> bool {
    let is_plain = word(bytes, offset_of!(Conn, flags)).is_none_or(|bits| bits & flags::PLAIN != 0);
    let open_ns = long(bytes, offset_of!(Conn, open_ns)).unwrap_or(now_ns);
    let is_closed = byte(bytes, offset_of!(Conn, state)) == Some(CLOSE);
    !is_plain && !is_over(bytes) && !is_closed && open_ns.saturating_add(SETTLED_NS) <= now_ns
}

/// Whether somebody asks what only a walk over the sockets tells of it: since when it lies idle, if it
/// was dialled or is shut by its peer. And before its holder is looked up it must have been walked once,
/// by which the kernel side tells a look-up from that of the start.
pub(super) fn is_polled(bytes: &[u8], now_ns: u64) -> bool {
    let bits = word(bytes, offset_of!(Conn, flags)).unwrap_or(0);
    let state = byte(bytes, offset_of!(Conn, state)).unwrap_or(CLOSE);
    // In the plain tier its own programs keep these fields.
    if bits & flags::PLAIN != 0 || is_over(bytes) || matches!(state, CLOSE | SYN_SENT) {
        return false;
    }
    if is_accepted(bytes) {
        let is_fresh_holder = bits & flags::SEEDED != 0
            // Or in the walk of this very snapshot.
            && long(bytes, offset_of!(Conn, polled_ns)).is_some_and(|ns| ns == 0 || ns >= now_ns);
        return state == CLOSE_WAIT || is_fresh_holder || is_unowned(bytes, now_ns);
    }
    let established_ns = long(bytes, offset_of!(Conn, established_ns)).unwrap_or(now_ns);
    established_ns.saturating_add(YOUNG_NS) <= now_ns
}

/// A word that changes, as good as always, when an exchange is made on it or its state changes.
pub(super) fn digest(bytes: &[u8]) -> u64 {
    let long = |at| long(bytes, at).unwrap_or(0);
    let word = |at| u64::from(word(bytes, at).unwrap_or(0));
    let state = u64::from(byte(bytes, offset_of!(Conn, state)).unwrap_or(0));
    let parts = [
        long(offset_of!(Conn, cookie)),
        long(offset_of!(Conn, open_ns)),
        word(offset_of!(Conn, exchanges)) << 32 | word(offset_of!(Conn, write_seq)),
        word(offset_of!(Conn, owner_tgid)) << 8 | state,
    ];
    // As a hash of FNV's kind; nobody gains from a collision.
    parts
        .iter()
        .fold(0, |sum: u64, part| (sum.rotate_left(23) ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// An established connection: how it was opened, since when, and its flags.
    pub(in super::super) fn entry(opened: u8, established_ns: u64, bits: u32) -> Vec<u8> {
        let mut bytes = vec![0; Conn::SIZE];
        bytes[offset_of!(Conn, opened)] = opened;
        bytes[offset_of!(Conn, state)] = ESTABLISHED;
        bytes[offset_of!(Conn, family)] = 2;
        bytes[offset_of!(Conn, open_ns)] = 1;
        let at = offset_of!(Conn, established_ns);
        bytes[at..][..8].copy_from_slice(&established_ns.to_ne_bytes());
        bytes[offset_of!(Conn, owner_tgid)] = 7;
        bytes[offset_of!(Conn, flags)..][..4].copy_from_slice(&bits.to_ne_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::testing::entry;
    use super::*;

    #[test]
    fn only_accepted_connections_without_owner_are_looked_up() {
        let entry = |opened: u8, state: u8, owner: u32, bits: u32| {
            let mut bytes = vec![0; Conn::SIZE];
            bytes[offset_of!(Conn, opened)] = opened;
            bytes[offset_of!(Conn, state)] = state;
            bytes[offset_of!(Conn, owner_tgid)..][..4].copy_from_slice(&owner.to_ne_bytes());
            bytes[offset_of!(Conn, flags)..][..4].copy_from_slice(&bits.to_ne_bytes());
            is_unowned(&bytes, UNUSED_NS + 1)
        };
        assert!(entry(opened::PASSIVE, 1, 0, 0));
        assert!(!entry(opened::ACTIVE, 1, 0, 0));
        assert!(!entry(opened::PASSIVE, 8, 0, 0), "the peer has closed it");
        assert!(!entry(opened::PASSIVE, 1, 7, 0));
        assert!(!entry(opened::PASSIVE, 1, 0, flags::SEEDED), "looked up before");
        assert!(!is_unowned(&[], u64::MAX));
    }

    #[test]
    fn an_entry_without_family_or_time_is_not_complete() {
        let mut bytes = vec![0; Conn::SIZE];
        assert!(is_being_made(&bytes));
        bytes[offset_of!(Conn, family)] = 2;
        assert!(!is_being_made(&bytes));
        bytes[offset_of!(Conn, opened)] = opened::ACTIVE;
        assert!(is_being_made(&bytes), "its time follows");
        bytes[offset_of!(Conn, open_ns)] = 1;
        assert!(!is_being_made(&bytes));
    }

    #[test]
    fn only_those_are_walked_of_which_somebody_asks_whether_they_lie_idle() {
        let now_ns = 10 * UNUSED_NS;
        let is_polled = |bytes: &[u8]| is_polled(bytes, now_ns);
        assert!(is_polled(&entry(opened::ACTIVE, 1, 0)));
        assert!(is_polled(&entry(opened::PREEXISTING, 0, 0)), "it may have been dialled");
        assert!(!is_polled(&entry(opened::ACTIVE, now_ns - YOUNG_NS + 1, 0)), "too young");
        assert!(!is_polled(&entry(opened::ACTIVE, 1, flags::PLAIN)));
        let accepted = entry(opened::PASSIVE, 1, 0);
        assert!(!is_polled(&accepted));
        assert!(is_polled(&entry(opened::PASSIVE, 1, flags::SEEDED)), "once");
        let with = |at: usize, value: u8, mut bytes: Vec<u8>| {
            bytes[at] = value;
            bytes
        };
        assert!(is_polled(&with(offset_of!(Conn, owner_tgid), 0, accepted.clone())), "before that");
        assert!(is_polled(&with(offset_of!(Conn, state), CLOSE_WAIT, accepted)));
        let over = with(offset_of!(Conn, old_state), 1, entry(opened::ACTIVE, 1, 0));
        assert!(is_over(&over) && !is_polled(&over));
        assert!(!is_polled(&with(offset_of!(Conn, state), SYN_SENT, entry(opened::ACTIVE, 1, 0))));
        assert!(!is_polled(&[]));
    }

    #[test]
    fn what_has_been_open_for_a_second_should_be_shown_by_a_walk() {
        let accepted = entry(opened::PASSIVE, 1, 0);
        assert!(is_settled(&accepted, SETTLED_NS + 1));
        assert!(!is_settled(&accepted, SETTLED_NS));
        assert!(!is_settled(&entry(opened::PASSIVE, 1, flags::PLAIN), u64::MAX));
        let mut over = accepted;
        over[offset_of!(Conn, old_state)] = 1;
        assert!(!is_settled(&over, u64::MAX) && !is_settled(&[], u64::MAX));
    }

    #[test]
    fn an_exchange_or_another_state_is_another_digest_and_a_walk_is_none() {
        let whole = entry(opened::ACTIVE, 1, 0);
        let changed = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            digest(&bytes) != digest(&whole)
        };
        let asked = [offset_of!(Conn, exchanges), offset_of!(Conn, write_seq)];
        let told =
            [offset_of!(Conn, state), offset_of!(Conn, cookie), offset_of!(Conn, owner_tgid)];
        assert!(asked.into_iter().chain(told).all(changed));
        assert!(
            !changed(offset_of!(Conn, polled_ns)) && !changed(offset_of!(Conn, polled_write_seq))
        );
    }
}
