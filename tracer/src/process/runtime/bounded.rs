//! A file read in pieces, a bounded number of bytes of it in all. What the file claims about sizes
//! is never believed: it may belong to anybody.

use std::cell::Cell;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use bumpalo::Bump;
use object::ReadRef;

/// Most bytes read of one file. The tables of `node`, the largest known, take 2.3 MB.
const LIMIT: usize = 8 << 20;
/// Longest name.
const NAME: u64 = 256;
/// Structures of ELF files hold 64-bit words.
const ALIGN: usize = 8;

/// One file.
pub(super) struct Bounded {
    file: File,
    len: u64,
    left: Cell<usize>,
    pieces: Bump<ALIGN>,
}

impl Bounded {
    /// Nothing of it is read yet; `None` if it cannot be.
    pub(super) fn new(file: File) -> Option<Self> {
        let len = file.metadata().ok()?.len();
        Some(Self { file, len, left: Cell::new(LIMIT), pieces: Bump::with_min_align() })
    }
}

impl<'a> ReadRef<'a> for &'a Bounded {
    fn len(self) -> Result<u64, ()> {
        Ok(self.len)
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        let end = offset.checked_add(size).ok_or(())?;
        let size = usize::try_from(size).map_err(drop)?;
        let left = self.left.get().checked_sub(size).filter(|_| end <= self.len).ok_or(())?;
        self.left.set(left);
        let piece = self.pieces.alloc_slice_fill_copy(size, 0);
        self.file.read_exact_at(piece, offset).map_err(drop)?;
        Ok(piece)
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        let size = range.end.min(self.len).checked_sub(range.start).ok_or(())?.min(NAME);
        let bytes = self.read_bytes_at(range.start, size)?;
        let end = bytes.iter().position(|byte| *byte == delimiter).ok_or(())?;
        Ok(&bytes[..end])
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_sparse_file_of_any_size_costs_no_more_than_the_limit() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 40).unwrap();
        let bounded = Bounded::new(file).unwrap();
        assert_eq!((&bounded).read_bytes_at(0, 1 << 39), Err(()));
        let limit = LIMIT as u64;
        assert!((&bounded).read_bytes_at(1 << 39, limit).is_ok());
        assert_eq!((&bounded).read_bytes_at(0, 1), Err(()), "all is spent");
    }

    #[test]
    fn a_name_ends_at_its_delimiter_and_one_without_is_refused() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"ab\0cd").unwrap();
        let bounded = Bounded::new(file).unwrap();
        assert_eq!((&bounded).read_bytes_at_until(0..5, 0), Ok(b"ab".as_slice()));
        assert_eq!((&bounded).read_bytes_at_until(3..5, 0), Err(()));
        assert_eq!((&bounded).read_bytes_at_until(9..12, 0), Err(()));
        assert_eq!((&bounded).read_bytes_at(u64::MAX, 2), Err(()));
    }
}
