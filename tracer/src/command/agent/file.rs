//! Lines into a file: appended, renamed when it is large, opened anew when asked. A rename falls between
//! lines, and what cannot be renamed or opened anew is written on as it is: no line is lost for that.
//!
//! What is no regular file (a FIFO, a device) is only written.

mod opened;
mod rotation;
#[cfg(test)]
mod tests;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::super::outbox::Destination;
use super::super::{Error, terminal};
use super::hangup::Hangups;
use opened::Opened;
pub(super) use rotation::Rotation;

/// After renaming or opening failed, it is tried again so much later.
const RETRY: Duration = Duration::from_secs(10);

/// A file that takes lines.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    out: Opened,
    rotation: Rotation,
    /// Each asks for it to be opened anew: it was moved away, by logrotate for example.
    hangups: Hangups,
    heard: u64,
    /// Its last line was begun, and not ended.
    is_within: bool,
    /// Renaming or opening anew failed; when it is tried again.
    again_at: Option<Instant>,
}

impl LogFile {
    /// Opens it, or makes it. The beginning of a line that a crash left at its end is removed, and told.
    ///
    /// # Errors
    /// What to do next, if it cannot be written, is written by another tracer, or ends within a line that is none of ours.
    pub(super) fn open(path: &Path, rotation: Rotation, hangups: Hangups) -> Result<Self, Error> {
        let out = Opened::at(path).map_err(|error| Error::Usage(error.next(path)))?;
        out.tell(path);
        let (path, heard) = (path.to_owned(), hangups.count());
        Ok(Self { path, out, rotation, hangups, heard, is_within: false, again_at: None })
    }

    /// Opens it anew or renames it where that is due before `next` bytes.
    fn turn(&mut self, next: usize) {
        let count = self.hangups.count();
        let is_due = count != self.heard || self.is_full(next);
        if !is_due || self.again_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        let opened = if count == self.heard { Ok(()) } else { self.reopen_now() };
        let done = opened.and_then(|()| {
            self.heard = count;
            if self.is_full(next) { self.rotate() } else { Ok(()) }
        });
        match done {
            Ok(()) => {
                if self.again_at.take().is_some() {
                    terminal::say(&format!("{} was opened anew", self.path.display()));
                }
            }
            Err(sentence) => {
                if self.again_at.replace(Instant::now() + RETRY).is_none() {
                    terminal::say(&format!(
                        "{sentence}; until then lines go on into the file that is open"
                    ));
                }
            }
        }
    }

    fn is_full(&self, next: usize) -> bool {
        self.out.is_regular() && self.rotation.is_due(self.out.size(), next)
    }

    fn reopen_now(&mut self) -> Result<(), String> {
        if self.out.is_still_at(&self.path) {
            // It was truncated, perhaps, or the signal was about something else.
            self.out.measure();
            return Ok(());
        }
        let out = Opened::at(&self.path).map_err(|error| error.next(&self.path))?;
        out.tell(&self.path);
        self.out = out;
        Ok(())
    }

    fn rotate(&mut self) -> Result<(), String> {
        if !self.out.is_still_at(&self.path) {
            // Moved away by somebody else: it is not ours to rename what is there now.
            return self.reopen_now();
        }
        let told = |error: io::Error| {
            format!(
                "{} cannot be renamed ({error}): let this user write in its directory",
                self.path.display()
            )
        };
        let renamed = self.rotation.rename(&self.path).map_err(told)?;
        self.reopen_now().inspect_err(|_| renamed.take_back())
    }
}

impl Destination for LogFile {
    /// Whole lines by one write, so that a crash leaves whole ones. (SIGKILL may end a write between two
    /// pages: what is cut then, the next start removes.)
    fn take(&mut self, lines: &[u8], at_once: usize) -> io::Result<usize> {
        // A line that was begun is ended first: what follows may belong into another file.
        let len = whole(lines, if self.is_within { 1 } else { at_once });
        if !self.is_within {
            self.turn(len);
        }
        let written = self.out.write(&lines[..len])?;
        if let Some(last) = lines[..written].last() {
            self.is_within = *last != b'\n';
        }
        Ok(written)
    }

    fn take_back(&mut self, len: usize) {
        self.out.take_back(len);
        self.is_within = false;
    }
}

/// Length of the whole lines within so many bytes; else of the first one.
pub(super) fn whole(lines: &[u8], at_once: usize) -> usize {
    let last = memchr::memrchr(b'\n', &lines[..lines.len().min(at_once)]);
    last.or_else(|| memchr::memchr(b'\n', lines)).map_or(lines.len(), |end| end + 1)
}
