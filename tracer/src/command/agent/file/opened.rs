//! A file that is open for appending, as it was found: whose it is, how long it is, whether its last line
//! is whole. Removes nothing but the cut beginning of a line of ours.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::super::super::outbox::Destination as _;
use super::super::super::terminal;

/// What we make: others than the group have no business with who talks to whom.
const MODE: u32 = 0o640;
/// Every line of ours begins with one of these.
const BEGINNINGS: [&[u8]; 2] = [b"{\"timestamp\":\"", b"{\"@timestamp\":\""];
/// So far back the end of the last whole line is looked for: no line of ours is as long.
const LONGEST: u64 = 16 << 20;
/// So much of it at once.
const BLOCK: u64 = 64 << 10;

/// Why a path does not take lines.
#[derive(Debug)]
pub(super) enum Unfit {
    /// It cannot be opened.
    Closed(io::Error),
    /// Another process holds it as we would.
    Taken,
    /// What it ends with is not ours.
    Foreign,
}

impl Unfit {
    /// What to do next, as one sentence.
    pub(super) fn next(&self, path: &Path) -> String {
        let name = path.display();
        let error = match self {
            Self::Taken => {
                return format!("{name} is written by another tracer: give each a file of its own");
            }
            Self::Foreign => {
                return format!(
                    "{name} ends within a line that tracer did not write: give --output another file"
                );
            }
            Self::Closed(error) => error,
        };
        let next = match error.kind() {
            io::ErrorKind::NotFound => {
                let dir = path.parent().unwrap_or(path).display();
                format!("make its directory, `mkdir -p {dir}`")
            }
            io::ErrorKind::IsADirectory => "name a file in it".to_owned(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "let this user write there, or give --output another path".to_owned()
            }
            _ => "give --output another path".to_owned(),
        };
        format!("{name} cannot be written ({error}): {next}")
    }
}

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Self {
        Self::Closed(error)
    }
}

/// The open file.
#[derive(Debug)]
pub(super) struct Opened {
    file: File,
    /// Bytes in it; unknown of what is no regular file.
    size: Option<u64>,
    /// Bytes of a cut line that were removed.
    removed: u64,
}

impl Opened {
    /// Opens or makes it, takes it for this process alone, and removes the beginning of a line at its end.
    pub(super) fn at(path: &Path) -> Result<Self, Unfit> {
        // Reading, too: for its end; and a FIFO would wait for its reader, or lose it.
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).mode(MODE).open(path)?;
        let about = file.metadata()?;
        if !about.is_file() {
            return Ok(Self { file, size: None, removed: 0 });
        }
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(Unfit::Taken),
            // There are file systems without locks.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let whole = whole(&file, about.len())?.ok_or(Unfit::Foreign)?;
        if whole < about.len() {
            file.set_len(whole)?;
        }
        Ok(Self { file, size: Some(whole), removed: about.len() - whole })
    }

    /// Tells what was removed from it.
    pub(super) fn tell(&self, path: &Path) {
        if self.removed > 0 {
            terminal::say(&format!(
                "{} ended within a line, as a crash leaves it: the {} bytes of that line were removed",
                path.display(),
                self.removed
            ));
        }
    }

    pub(super) const fn is_regular(&self) -> bool {
        self.size.is_some()
    }

    /// Bytes in it.
    pub(super) fn size(&self) -> u64 {
        self.size.unwrap_or(0)
    }

    /// Looks how long it is now.
    pub(super) fn measure(&mut self) {
        if let (Some(size), Ok(about)) = (&mut self.size, self.file.metadata()) {
            *size = about.len();
        }
    }

    /// Whether the path still leads to it.
    pub(super) fn is_still_at(&self, path: &Path) -> bool {
        let same = |there: &Metadata, ours: &Metadata| {
            (there.dev(), there.ino()) == (ours.dev(), ours.ino())
        };
        fs::metadata(path)
            .is_ok_and(|there| self.file.metadata().is_ok_and(|ours| same(&there, &ours)))
    }

    /// Takes back its last bytes.
    pub(super) fn take_back(&mut self, len: usize) {
        self.file.take_back(len);
        self.measure();
    }
}

impl Write for Opened {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let written = self.file.write(text)?;
        if let Some(size) = &mut self.size {
            *size += written as u64;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Length up to the end of the last whole line; none if what follows it was not begun by us.
fn whole(file: &File, size: u64) -> io::Result<Option<u64>> {
    let mut tail = Vec::new();
    let (mut at, mut end) = (size, None);
    while at > 0 && end.is_none() && size - at < LONGEST {
        let from = at.saturating_sub(BLOCK);
        let mut block = read(file, from, at - from)?;
        end = memchr::memrchr(b'\n', &block).map(|end| from + end as u64 + 1);
        block.append(&mut tail);
        (tail, at) = (block, from);
    }
    let whole = match end {
        None if at > 0 => return Ok(None),
        None => 0,
        Some(whole) => whole,
    };
    let skipped = usize::try_from(whole - at).unwrap_or(tail.len());
    let cut = tail.get(skipped..).unwrap_or_default();
    let is_whole = cut.is_empty() || is_ours(&read(file, 0, BLOCK.min(size))?) && is_ours(cut);
    Ok(is_whole.then_some(whole))
}

/// Whether we may have written this, which may end anywhere. Where the power failed, space that was given
/// to a file and not written yet reads as zeros.
fn is_ours(text: &[u8]) -> bool {
    let begun = text.iter().position(|byte| *byte == 0).map_or(text, |zeros| &text[..zeros]);
    BEGINNINGS.iter().any(|ours| begun.starts_with(ours) || ours.starts_with(begun))
}

fn read(file: &File, from: u64, len: u64) -> io::Result<Vec<u8>> {
    let mut block = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut block, from)?;
    Ok(block)
}
