//! One input as a frame of bytes: a kind byte, a little-endian `u32` length and the payload. Frames
//! make up recorded files, and the chunks in which inputs wait.

use std::io::{self, Write};

use bytes::Buf;

use super::{Dropped, Input, Lost, LostOf};

/// What a file begins with: no input.
pub(super) const META: u8 = 1;
const RECORD: u8 = 2;
const LIVE: u8 = 3;
const IDENTITY: u8 = 4;
const LOST: u8 = 5;
const TICK: u8 = 6;
const DROPPED: u8 = 7;
const LOST_OF: u8 = 8;

/// Bytes before the payload.
pub(super) const HEAD: usize = 5;

/// Splits a head into the kind and the length of the payload.
pub(super) fn head(mut head: &[u8]) -> Option<(u8, u32)> {
    Some((head.try_get_u8().ok()?, head.try_get_u32_le().ok()?))
}

/// Writes one frame of any kind.
pub(super) fn put(out: &mut impl Write, kind: u8, payload: &[u8]) -> io::Result<()> {
    let [a, b, c, d] = u32::try_from(payload.len()).map_err(io::Error::other)?.to_le_bytes();
    out.write_all(&[kind, a, b, c, d])?;
    out.write_all(payload)
}

/// Writes the frame of an input.
pub(super) fn put_input(out: &mut impl Write, input: Input<'_>) -> io::Result<()> {
    match input {
        Input::Record(bytes) => put(out, RECORD, bytes),
        Input::Live(bytes) => put(out, LIVE, bytes),
        Input::Identity(json) => put(out, IDENTITY, json.as_bytes()),
        Input::Lost(lost) => {
            let mut bytes = [0; size_of::<Lost>()];
            for (place, count) in bytes.chunks_exact_mut(size_of::<u64>()).zip(lost) {
                place.copy_from_slice(&count.to_le_bytes());
            }
            put(out, LOST, &bytes)
        }
        Input::Dropped(Dropped { connections, late }) => {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&connections.to_le_bytes());
            bytes[8..].copy_from_slice(&late.to_le_bytes());
            put(out, DROPPED, &bytes)
        }
        Input::LostOf(LostOf { tgid, connections }) => {
            let mut bytes = [0; 12];
            bytes[..4].copy_from_slice(&tgid.to_le_bytes());
            bytes[4..].copy_from_slice(&connections.to_le_bytes());
            put(out, LOST_OF, &bytes)
        }
        Input::Tick { now_ns, is_last } => {
            let mut bytes = [u8::from(is_last); 9];
            bytes[..8].copy_from_slice(&now_ns.to_le_bytes());
            put(out, TICK, &bytes)
        }
    }
}

/// The input of a frame; `None` if it is none.
pub(super) fn input(kind: u8, payload: &[u8]) -> Option<Input<'_>> {
    let mut buf = payload;
    match kind {
        RECORD => Some(Input::Record(payload)),
        LIVE => Some(Input::Live(payload)),
        IDENTITY => str::from_utf8(payload).ok().map(Input::Identity),
        LOST => {
            let mut lost = Lost::default();
            // An older recording knows fewer reasons.
            for count in lost.iter_mut().take(buf.len() / 8) {
                *count = buf.get_u64_le();
            }
            buf.is_empty().then_some(Input::Lost(lost))
        }
        DROPPED => {
            let connections = buf.try_get_u64_le().ok()?;
            let late = buf.try_get_u64_le().ok()?;
            buf.is_empty().then_some(Input::Dropped(Dropped { connections, late }))
        }
        LOST_OF => {
            let tgid = buf.try_get_u32_le().ok()?;
            let connections = buf.try_get_u64_le().ok()?;
            buf.is_empty().then_some(Input::LostOf(LostOf { tgid, connections }))
        }
        TICK => {
            let now_ns = buf.try_get_u64_le().ok()?;
            let is_last = buf.try_get_u8().ok()? != 0;
            buf.is_empty().then_some(Input::Tick { now_ns, is_last })
        }
        _ => None,
    }
}
