//! The thread that writes. What passes (a full disk, a pipe that would block) it waits for; what does
//! not (a closed pipe) it tells, and ends.

use std::io;
use std::time::Duration;

use super::super::terminal;
use super::{Destination, Queue, Shared, count};

/// How long to wait before a full disk is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// How often it is tried again once nothing is left to stall.
const LAST_TRIES: u32 = 10;
/// Most bytes written at once, and while somebody waits for that: a pipe takes all of it before it
/// returns, so that of a slow reader it would look as if it took none.
const PIECE: usize = 16 << 10;
const WAITED_FOR: usize = 4 << 10;

pub(super) fn run(shared: &Shared, out: &mut dyn Destination) {
    loop {
        let is_due = |queue: &Queue| !queue.blocks.is_empty() || queue.is_over;
        let Some(block) = shared.wait_until(is_due).blocks.pop_front() else { return };
        if let Err(error) = write(shared, out, &block) {
            shared.change(|queue| queue.failed = Some(error));
            return;
        }
    }
}

fn write(shared: &Shared, out: &mut dyn Destination, block: &[u8]) -> io::Result<()> {
    let (mut at, mut tries, mut is_told) = (0, 0, false);
    while let Some(rest) = block.get(at..).filter(|rest| !rest.is_empty()) {
        let most = if shared.queue().is_patient { WAITED_FOR } else { PIECE };
        match out.take(rest, most) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                (at, tries) = (at + written, 0);
                shared.change(|queue| {
                    queue.bytes -= written;
                    queue.taken += written as u64;
                    queue.lines -= count(&rest[..written]);
                });
            }
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => {}
                // Whoever shares the pipe has made it so, or nobody is there now.
                io::ErrorKind::WouldBlock => std::thread::sleep(RETRY),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded if tries < LAST_TRIES => {
                    tries += u32::from(shared.queue().is_patient);
                    if !std::mem::replace(&mut is_told, true) {
                        terminal::say(&format!(
                            "{}: {error}: lines wait until there is room, up to 8 MiB of them",
                            shared.name
                        ));
                    }
                    std::thread::sleep(RETRY);
                }
                _ => {
                    let begun = &block[..at];
                    let whole = begun.iter().rposition(|byte| *byte == b'\n');
                    out.take_back(at - whole.map_or(0, |last| last + 1));
                    return Err(error);
                }
            },
        }
    }
    Ok(())
}
