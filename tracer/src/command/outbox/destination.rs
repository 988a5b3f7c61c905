//! Where whole lines go in the end. The queue before it is bounded and counts what it drops; what is here
//! takes bytes, one block after the other, on a thread of its own.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};

/// Takes lines: a stream, a file, or what makes something else of them and sends that on.
pub(in super::super) trait Destination: Send {
    /// Takes the beginning of `lines`, which are whole but for a beginning that was taken before: how
    /// many bytes, at least one. More than `at_once` only of what takes whole lines: to end one, or
    /// if it is told at once of all it takes.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if it can take nothing now: it is asked again soon, as long as
    /// lines wait. A full disk is tried again, too. Any other error ends the output.
    fn take(&mut self, lines: &[u8], at_once: usize) -> io::Result<usize>;

    /// Takes back the last `len` bytes, the beginning of a line that will not be finished. Where that
    /// is impossible the line stays cut.
    fn take_back(&mut self, _len: usize) {}
}

impl Destination for File {
    fn take(&mut self, lines: &[u8], at_once: usize) -> io::Result<usize> {
        self.write(&lines[..lines.len().min(at_once)])
    }

    /// From a file that ends with it.
    fn take_back(&mut self, len: usize) {
        let is_file = self.metadata().ok().filter(|about| about.is_file() && len > 0);
        if let (Some(about), Ok(at)) = (is_file, self.stream_position())
            && about.len() == at
        {
            let before = at.saturating_sub(len as u64);
            // A line is cut then, as it is where it cannot be taken back.
            let _cut = self.set_len(before).and_then(|()| self.seek(io::SeekFrom::Start(before)));
        }
    }
}
