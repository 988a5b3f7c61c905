//! Reads the kernel's table of connections: many entries with each system call where it can be, else
//! one by one. Interprets nothing.

use super::kernel::Error;
use crate::probe::Table;
use tracer_batch::Walk;

/// What an entry is handed to, with its key.
type Taker<'a, E> = &'a mut dyn FnMut(u64, &[u8]) -> Result<(), E>;

/// Yields each entry with its key, at most `most`. One by one the walk begins anew where its place was deleted, so
/// that entries may come twice.
pub(super) fn read<E: From<Error>>(table: &Table, most: usize, on: Taker<'_, E>) -> Result<(), E> {
    let mut walk = Walk::of(table);
    let mut left = most;
    let refused = loop {
        match walk.advance() {
            Ok(Some((keys, entries))) => {
                let taken = entries.len().min(left);
                let mut taken_now = keys.iter().zip(entries).take(taken);
                taken_now.try_for_each(|(key, bytes)| on(*key, bytes))?;
                left -= taken;
                if left == 0 {
                    return Ok(());
                }
            }
            Ok(None) => return Ok(()),
            Err(error) => break error,
        }
    };
    // Before 5.6, or where something forbids it. What came already counts once.
    tracing::debug!(error = %refused, "the table is read one by one");
    for entry in table.iter().take(most) {
        let (key, bytes) = entry.map_err(Error::Map)?;
        on(key, &bytes)?;
    }
    Ok(())
}
