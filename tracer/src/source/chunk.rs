//! Inputs that wait to be taken, one after the other in one buffer that is used again: no
//! allocation per input. Frames as in a file, so that nothing here depends on what they hold.

use super::{Input, frame};

/// A run of inputs, in their order.
#[derive(Debug, Default)]
pub struct Chunk {
    bytes: Vec<u8>,
}

impl Chunk {
    /// Appends a copy of an input.
    pub fn push(&mut self, input: Input<'_>) {
        let begin = self.bytes.len();
        if frame::put_input(&mut self.bytes, input).is_err() {
            // Only an input of more than 4 GiB, which no source yields: rather none than half of it.
            self.bytes.truncate(begin);
        }
    }

    /// Every input, in the order they were appended.
    pub fn inputs(&self) -> impl Iterator<Item = Input<'_>> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (head, after) = rest.split_at_checked(frame::HEAD)?;
            let (kind, len) = frame::head(head)?;
            let (payload, after) = after.split_at_checked(len as usize)?;
            rest = after;
            frame::input(kind, payload)
        })
    }

    /// Forgets its inputs, and keeps the room they took.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Bytes that its inputs take.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it holds no input.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dropped, LostOf};
    use super::*;

    #[test]
    fn inputs_come_out_as_they_went_in_and_a_cleared_chunk_has_none() {
        let inputs = [
            Input::Record(&[1, 2, 3]),
            Input::Live(&[]),
            Input::Identity("{}"),
            Input::Lost([7, 0, u64::MAX, 9, 1, 2]),
            Input::LostOf(LostOf { tgid: 7, connections: u64::MAX }),
            Input::Dropped(Dropped { connections: 1, late: u64::MAX }),
            Input::Tick { now_ns: 5, is_last: false },
            Input::Record(&[4]),
            Input::Tick { now_ns: u64::MAX, is_last: true },
        ];
        let mut chunk = Chunk::default();
        for _ in 0..2 {
            for input in inputs {
                chunk.push(input);
            }
            assert!(chunk.inputs().eq(inputs), "{chunk:?}");
            assert!(chunk.inputs().eq(inputs), "looking takes nothing away");
            chunk.clear();
            assert!(chunk.is_empty() && chunk.inputs().next().is_none());
        }
    }

    #[test]
    fn a_chunk_that_is_used_again_allocates_no_more() {
        let mut chunk = Chunk::default();
        let record = [9; 300];
        (0..100).for_each(|_| chunk.push(Input::Record(&record)));
        let room = chunk.bytes.capacity();
        chunk.clear();
        (0..100).for_each(|_| chunk.push(Input::Record(&record)));
        assert_eq!(chunk.bytes.capacity(), room);
        assert_eq!(chunk.len(), 100 * (frame::HEAD + record.len()));
    }
}
