//! Stage 3: bytes → wire record. Length, kind and version are checked; nothing here interprets.

use bytes::Buf;
use tracer_ebpf::{ABI_VERSION, Conn, KIND_CONN, KIND_LATE, Late};

/// One decoded record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all are this variant, and none is kept")]
pub enum Event {
    /// An ended connection, or a live one read from the kernel's table.
    Conn(Conn),
    /// Data that arrived after a connection's end.
    Late(Late),
}

/// Why bytes are not a record. The stream goes on after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Error {
    /// Shorter than its kind, or than its own header says.
    #[error("the record is truncated")]
    Truncated,
    /// Not a kind of this ABI.
    #[error("the record is of an unknown kind")]
    UnknownKind,
    /// Written by another version of the programs.
    #[error("the record was written by another version of tracer")]
    OtherAbi,
    /// The length in its header is not that of its kind.
    #[error("the record has the wrong length")]
    WrongLength,
    /// A field has a value the kernel never writes.
    #[error("the record has a value that the kernel never writes")]
    BadValue,
}

impl Error {
    /// Stable name of the kind, for health lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::UnknownKind => "unknown_kind",
            Self::OtherAbi => "other_abi",
            Self::WrongLength => "wrong_length",
            Self::BadValue => "bad_value",
        }
    }
}

const HEADER: usize = 8;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// Decodes one record.
///
/// # Errors
/// [`Error`], for any input that is not exactly one record.
#[inline]
pub fn decode(bytes: &[u8]) -> Result<Event, Error> {
    let mut buf = bytes;
    if buf.remaining() < HEADER {
        return Err(Error::Truncated);
    }
    let (kind, abi, len) = (buf.get_u16_ne(), buf.get_u16_ne(), buf.get_u32_ne());
    if abi != ABI_VERSION {
        return Err(Error::OtherAbi);
    }
    let want = match kind {
        KIND_CONN => Conn::SIZE,
        KIND_LATE => size_of::<Late>(),
        _ => return Err(Error::UnknownKind),
    };
    if len as usize != want {
        return Err(Error::WrongLength);
    }
    match bytes.len() {
        have if have < want => Err(Error::Truncated),
        have if have > want => Err(Error::WrongLength),
        _ if kind == KIND_CONN => {
            // Of a length that the compiler knows: no read of a field is checked again.
            let whole: &[u8; Conn::SIZE] = bytes.try_into().map_err(|_| Error::WrongLength)?;
            conn(&whole[HEADER..]).map(Event::Conn)
        }
        _ => Ok(Event::Late(late(buf))),
    }
}

fn late(mut buf: impl Buf) -> Late {
    Late {
        kind: KIND_LATE,
        abi: ABI_VERSION,
        len: Late::LEN,
        cookie: buf.get_u64_ne(),
        at_ns: buf.get_u64_ne(),
        rst_reason: buf.get_u32_ne(),
        reserved: buf.get_u32_ne(),
    }
}

#[inline]
fn array<const N: usize>(buf: &mut &[u8]) -> [u8; N] {
    let mut out = [0; N];
    buf.copy_to_slice(&mut out);
    out
}

/// `buf` holds exactly one record after its header: checked by the caller.
#[inline]
fn conn(mut buf: &[u8]) -> Result<Conn, Error> {
    // Struct expressions evaluate in the order they are written: that of the layout.
    let conn = Conn {
        kind: KIND_CONN,
        abi: ABI_VERSION,
        len: Conn::LEN,
        cookie: buf.get_u64_ne(),
        open_ns: buf.get_u64_ne(),
        established_ns: buf.get_u64_ne(),
        first_close_ns: buf.get_u64_ne(),
        end_ns: buf.get_u64_ne(),
        polled_ns: buf.get_u64_ne(),
        owner_start_ns: buf.get_u64_ne(),
        closer_start_ns: buf.get_u64_ne(),
        owner_cgroup: buf.get_u64_ne(),
        bytes_acked: buf.get_u64_ne(),
        bytes_received: buf.get_u64_ne(),
        sent_after_peer_fin: buf.get_u64_ne(),
        saddr: array(&mut buf),
        daddr: array(&mut buf),
        owner_comm: array(&mut buf),
        closer_comm: array(&mut buf),
        owner_tgid: buf.get_u32_ne(),
        closer_tgid: buf.get_u32_ne(),
        netns: buf.get_u32_ne(),
        exchanges: buf.get_u32_ne(),
        write_seq: buf.get_u32_ne(),
        flags: buf.get_u32_ne(),
        sk_err: buf.get_u32_ne(),
        connect_errno: buf.get_u32_ne(),
        unread: buf.get_u32_ne(),
        unacked: buf.get_u32_ne(),
        segs_out: buf.get_u32_ne(),
        data_segs_in: buf.get_u32_ne(),
        data_segs_out: buf.get_u32_ne(),
        retransmits: buf.get_u32_ne(),
        srtt_8us: buf.get_u32_ne(),
        idle_jiffies: buf.get_u32_ne(),
        rst_reason: buf.get_u32_ne(),
        polled_idle_jiffies: buf.get_u32_ne(),
        polled_write_seq: buf.get_u32_ne(),
        close_nr: buf.get_i32_ne(),
        close_task_flags: buf.get_u32_ne(),
        exit_code: buf.get_i32_ne(),
        user_timeout_ms: buf.get_u32_ne(),
        sport: buf.get_u16_ne(),
        dport: buf.get_u16_ne(),
        family: buf.get_u16_ne(),
        state: buf.get_u8(),
        old_state: buf.get_u8(),
        opened: buf.get_u8(),
        first: buf.get_u8(),
        probes_out: buf.get_u8(),
        shutdown: buf.get_u8(),
    };
    let known = matches!(conn.family, AF_INET | AF_INET6)
        && conn.opened <= tracer_ebpf::opened::PASSIVE
        && conn.first <= tracer_ebpf::first::PEER
        && (1..=11).contains(&conn.state);
    if known { Ok(conn) } else { Err(Error::BadValue) }
}

/// A blank record, and its bytes as the kernel would write them: for tests of this and later stages.
#[cfg(test)]
pub(crate) mod testing {
    use std::mem::offset_of;

    use super::*;

    /// An IPv4 record with only its header, family and state filled.
    pub(crate) fn blank() -> Conn {
        let mut bytes = vec![0_u8; Conn::SIZE];
        bytes[0..2].copy_from_slice(&KIND_CONN.to_ne_bytes());
        bytes[2..4].copy_from_slice(&ABI_VERSION.to_ne_bytes());
        bytes[4..8].copy_from_slice(&Conn::LEN.to_ne_bytes());
        bytes[offset_of!(Conn, family)..][..2].copy_from_slice(&AF_INET.to_ne_bytes());
        bytes[offset_of!(Conn, state)] = 7;
        match decode(&bytes) {
            Ok(Event::Conn(conn)) => conn,
            other => panic!("{other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    fn whole() -> Vec<u8> {
        let mut bytes = vec![0_u8; Conn::SIZE];
        bytes[0..2].copy_from_slice(&KIND_CONN.to_ne_bytes());
        bytes[2..4].copy_from_slice(&ABI_VERSION.to_ne_bytes());
        bytes[4..8].copy_from_slice(&Conn::LEN.to_ne_bytes());
        bytes[offset_of!(Conn, family)..][..2].copy_from_slice(&AF_INET6.to_ne_bytes());
        bytes[offset_of!(Conn, state)] = 1;
        bytes
    }

    #[test]
    fn each_field_is_read_from_its_own_place() {
        macro_rules! check {
            ($($field:ident: $value:expr),*) => {$(
                let mut bytes = whole();
                let value = $value;
                let at = offset_of!(Conn, $field);
                bytes[at..at + value.to_ne_bytes().len()].copy_from_slice(&value.to_ne_bytes());
                match decode(&bytes) {
                    Ok(Event::Conn(conn)) => assert_eq!(conn.$field, value, stringify!($field)),
                    other => panic!("{}: {other:?}", stringify!($field)),
                }
            )*};
        }
        check!(cookie: 1_u64, open_ns: 2_u64, established_ns: 3_u64, first_close_ns: 4_u64,
            end_ns: 5_u64, polled_ns: 6_u64, owner_start_ns: 7_u64, closer_start_ns: 8_u64, owner_cgroup: 40_u64,
            bytes_acked: 9_u64, bytes_received: 10_u64, sent_after_peer_fin: 12_u64,
            owner_tgid: 13_u32, closer_tgid: 14_u32, netns: 15_u32,
            exchanges: 16_u32, write_seq: 17_u32, flags: 18_u32, sk_err: 19_u32,
            connect_errno: 20_u32, unread: 21_u32, unacked: 22_u32, segs_out: 23_u32,
            data_segs_in: 24_u32, data_segs_out: 25_u32, retransmits: 26_u32, srtt_8us: 27_u32,
            idle_jiffies: 28_u32, rst_reason: 29_u32,
            polled_idle_jiffies: 38_u32, polled_write_seq: 39_u32, close_nr: -30_i32, close_task_flags: 31_u32,
            exit_code: 32_i32, user_timeout_ms: 33_u32, sport: 34_u16, dport: 35_u16,
            family: 2_u16, state: 8_u8, old_state: 4_u8, opened: 2_u8, first: 1_u8,
            probes_out: 36_u8, shutdown: 3_u8);
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = whole();
        for len in 0..bytes.len() {
            assert_eq!(decode(&bytes[..len]), Err(Error::Truncated), "cut at {len}");
        }
    }

    #[test]
    fn a_wrong_header_names_what_is_wrong() {
        let mut bytes = whole();
        bytes[0] = 9;
        assert_eq!(decode(&bytes), Err(Error::UnknownKind));
        let mut bytes = whole();
        bytes[2] = 9;
        assert_eq!(decode(&bytes), Err(Error::OtherAbi));
        let mut bytes = whole();
        bytes[4] = 9;
        assert_eq!(decode(&bytes), Err(Error::WrongLength));
        let mut bytes = whole();
        bytes.push(0);
        assert_eq!(decode(&bytes), Err(Error::WrongLength));
    }

    #[test]
    fn random_bytes_never_panic_and_never_pass_for_a_record_of_another_shape() {
        // xorshift: reproducible, no dependency.
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        let mut decoded = 0;
        for round in 0..20_000 {
            let len = (random() % 300) as usize;
            let mut bytes: Vec<u8> = (0..len).map(|_| random().to_ne_bytes()[0]).collect();
            if round % 2 == 0 && len >= 8 {
                bytes.resize(Conn::SIZE, random().to_ne_bytes()[0]);
                bytes[..8].copy_from_slice(&whole()[..8]);
            }
            if let Ok(Event::Conn(conn)) = decode(&bytes) {
                assert!(matches!(conn.family, AF_INET | AF_INET6));
                decoded += 1;
            }
        }
        assert_eq!(decoded, 0, "random bytes are never valid");
    }
}
