//! Reads a BPF hash map many entries at a time: `BPF_MAP_LOOKUP_BATCH`, since 5.6.
//!
//! aya reads a map with two system calls for each entry, which is most of what a snapshot of 100,000
//! open connections costs. This one call is not safe Rust, and `tracer` itself forbids what is not:
//! hence a crate of its own, which must do nothing else.

mod attr;

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};

use aya::maps::{HashMap, IterableMap as _, MapData};

/// Entries of one call: as many as fit into a few dozen pages.
const ENTRIES: usize = 256;
/// Most entries of one call, where a single bucket of the map holds more than there was room for.
const MOST: usize = 65_536;

/// Keys and values of some entries, in the same order.
pub type Entries<'a, const VALUE: usize> = (&'a [u64], &'a [[u8; VALUE]]);

/// A walk over all entries of a table whose values have `VALUE` bytes. What is in the table all the
/// time comes exactly once, also while other entries come and go.
#[derive(Debug)]
pub struct Walk<'a, const VALUE: usize> {
    table: BorrowedFd<'a>,
    /// Where the kernel goes on: its word, of which it uses 4 bytes; `None` before the first call.
    place: Option<u64>,
    keys: Vec<u64>,
    values: Vec<[u8; VALUE]>,
    is_over: bool,
}

impl<'a, const VALUE: usize> Walk<'a, VALUE> {
    /// A walk that has not begun. The type of `table` says how large its keys and values are: aya has
    /// compared that with the kernel's map.
    #[must_use]
    pub fn of(table: &'a HashMap<MapData, u64, [u8; VALUE]>) -> Self {
        Self {
            table: table.map().fd().as_fd(),
            place: None,
            keys: vec![0; ENTRIES],
            values: vec![[0; VALUE]; ENTRIES],
            is_over: false,
        }
    }

    /// The next entries, keys and values, as many of each; `None` at the end.
    ///
    /// # Errors
    /// `EINVAL` before 5.6, and whatever else the kernel refuses it with.
    pub fn advance(&mut self) -> io::Result<Option<Entries<'_, VALUE>>> {
        while !self.is_over {
            let (keys, values) = (&mut self.keys, &mut self.values);
            // SAFETY: `of` took the map from aya's `HashMap` of just these keys and values, which is
            // made only of a hash map, not per CPU, whose sizes it has compared.
            let read = unsafe { attr::lookup(self.table, self.place, keys, values) }?;
            self.place = Some(read.place);
            self.is_over = read.is_over;
            if read.is_too_small {
                self.grow()?;
            } else if read.count > 0 {
                let keys = self.keys.get(..read.count);
                return Ok(keys.zip(self.values.get(..read.count)));
            }
        }
        Ok(None)
    }

    /// Makes room for a bucket that holds more entries.
    fn grow(&mut self) -> io::Result<()> {
        let room = 2 * self.keys.len();
        if room > MOST {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.keys.resize(room, 0);
        self.values.resize(room, [0; VALUE]);
        Ok(())
    }
}
