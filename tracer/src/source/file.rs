//! Recorded files: the same bytes the kernel gave, framed, so that they can be judged again.
//!
//! A file is `MAGIC`, then frames. Records are in the byte order and layout of the host that wrote
//! them; `meta` names both.

use std::io::{self, BufReader, BufWriter, Read, Write};

use super::{Input, frame};

/// First bytes of every file; the digit is the version of the framing.
const MAGIC: &[u8; 8] = b"TRACERW1";

/// No frame we write is longer: a longer one means the file is damaged. The longest is the first, if
/// very many connections were there before.
const MAX_FRAME: u32 = 1 << 24;

/// Why a recorded file cannot be read (further).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Not a file of ours, or of another version.
    #[error("this is not a file written by `tracer record` of this version")]
    NotOurs,
    /// It ends within a frame, or without its last tick.
    #[error("the file is cut off: what was recorded before that was judged")]
    CutOff,
    /// A frame is not what it says.
    #[error("the file is damaged at byte {at}: what was recorded before that was judged")]
    Damaged {
        /// Where the frame begins.
        at: u64,
    },
}

/// Bytes read from a file at once: a thousand records.
const AT_ONCE: usize = 1 << 18;

/// Writes a recorded file.
pub struct Writer<W: Write> {
    out: BufWriter<W>,
}

impl<W: Write> Writer<W> {
    /// Begins a file. `meta` is a JSON object: what the inputs have to be read with.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn new(out: W, meta: &str) -> io::Result<Self> {
        let mut writer = Self { out: BufWriter::new(out) };
        writer.out.write_all(MAGIC)?;
        frame::put(&mut writer.out, frame::META, meta.as_bytes())?;
        writer.out.flush()?;
        Ok(writer)
    }

    /// Appends one input; a tick is flushed, so that a file is whole up to it.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&mut self, input: Input<'_>) -> io::Result<()> {
        frame::put_input(&mut self.out, input)?;
        match input {
            Input::Tick { .. } => self.out.flush(),
            _ => Ok(()),
        }
    }
}

/// Reads a recorded file.
pub struct Reader<R: Read> {
    input: BufReader<R>,
    at: u64,
    meta: String,
    /// Of the frame read last.
    payload: Vec<u8>,
    is_done: bool,
}

impl<R: Read> Reader<R> {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::NotOurs`] or an I/O error.
    pub fn new(input: R) -> Result<Self, Error> {
        let mut reader = Self {
            input: BufReader::with_capacity(AT_ONCE, input),
            at: 0,
            meta: String::new(),
            payload: Vec::new(),
            is_done: false,
        };
        let mut magic = [0; MAGIC.len()];
        reader.fill(&mut magic).map_err(not_ours)?;
        reader.at = magic.len() as u64;
        match reader.frame() {
            Ok(Some(frame::META)) if &magic == MAGIC => {
                let meta = std::mem::take(&mut reader.payload);
                reader.meta = String::from_utf8(meta).map_err(|_| Error::NotOurs)?;
                Ok(reader)
            }
            Err(error @ Error::Io(_)) => Err(error),
            _ => Err(Error::NotOurs),
        }
    }

    /// The JSON object it began with.
    #[must_use]
    pub fn meta(&self) -> &str {
        &self.meta
    }

    /// The next input; `None` after the last tick.
    ///
    /// # Errors
    /// [`Error::CutOff`] and [`Error::Damaged`] end the file; what came before is good.
    #[expect(clippy::should_implement_trait, reason = "an iterator of results hides the end")]
    pub fn next(&mut self) -> Result<Option<Input<'_>>, Error> {
        if self.is_done {
            return Ok(None);
        }
        let at = self.at;
        let Some(kind) = self.frame()? else {
            self.is_done = true;
            return Err(Error::CutOff);
        };
        let input = frame::input(kind, &self.payload).ok_or(Error::Damaged { at });
        self.is_done = matches!(input, Err(_) | Ok(Input::Tick { is_last: true, .. }));
        input.map(Some)
    }

    /// Reads one frame and gives its kind, `None` at the end of the file.
    fn frame(&mut self) -> Result<Option<u8>, Error> {
        let mut head = [0; frame::HEAD];
        if self.input.read(&mut head[..1])? == 0 {
            return Ok(None);
        }
        self.fill(&mut head[1..])?;
        let Some((kind, len)) = frame::head(&head).filter(|(_, len)| *len <= MAX_FRAME) else {
            return Err(Error::Damaged { at: self.at });
        };
        let mut payload = std::mem::take(&mut self.payload);
        payload.resize(len as usize, 0);
        let filled = self.fill(&mut payload);
        self.payload = payload;
        filled?;
        self.at += (head.len() + self.payload.len()) as u64;
        Ok(Some(kind))
    }

    fn fill(&mut self, buf: &mut [u8]) -> Result<(), Error> {
        self.input.read_exact(buf).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::CutOff,
            _ => Error::Io(error),
        })
    }
}

/// A file too short to begin is not one of ours.
fn not_ours(error: Error) -> Error {
    if matches!(error, Error::CutOff) { Error::NotOurs } else { error }
}

#[cfg(test)]
mod tests {
    use super::super::Chunk;
    use super::*;

    const INPUTS: [Input<'static>; 6] = [
        Input::Record(&[1, 2, 3]),
        Input::Live(&[]),
        Input::Identity("{}"),
        Input::Lost([1, 2, u64::MAX, 4, 5, 6]),
        Input::Tick { now_ns: 5, is_last: false },
        Input::Tick { now_ns: 6, is_last: true },
    ];

    fn file() -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, "{\"a\":1}").unwrap();
        for input in INPUTS {
            writer.write(input).unwrap();
        }
        drop(writer);
        out
    }

    /// The inputs that could be read, as the frames of a chunk.
    fn read(bytes: &[u8]) -> (Chunk, Result<(), Error>) {
        let mut inputs = Chunk::default();
        let mut reader = match Reader::new(bytes) {
            Ok(reader) => reader,
            Err(error) => return (inputs, Err(error)),
        };
        loop {
            match reader.next() {
                Ok(Some(input)) => inputs.push(input),
                Ok(None) => return (inputs, Ok(())),
                Err(error) => return (inputs, Err(error)),
            }
        }
    }

    #[test]
    fn what_was_written_is_read_back() {
        let bytes = file();
        assert_eq!(Reader::new(bytes.as_slice()).unwrap().meta(), "{\"a\":1}");
        let (got, end) = read(&bytes);
        assert!(got.inputs().eq(INPUTS), "{got:?}");
        assert!(end.is_ok());
    }

    #[test]
    fn a_file_cut_off_anywhere_says_so_and_keeps_what_came_before() {
        let bytes = file();
        for len in 0..bytes.len() {
            let (got, end) = read(&bytes[..len]);
            assert!(matches!(end, Err(Error::CutOff | Error::NotOurs)), "cut at {len}: {end:?}");
            let count = got.inputs().count();
            assert!(got.inputs().eq(INPUTS[..count].iter().copied()), "cut at {len}");
        }
    }

    #[test]
    fn a_damaged_frame_is_named_by_its_place() {
        let mut bytes = file();
        let at = 8 + 5 + 7;
        bytes[at] = 99;
        assert!(matches!(read(&bytes).1, Err(Error::Damaged { at: place }) if place == at as u64));
        bytes[at] = b'\x02';
        bytes[at + 4] = 0xff;
        assert!(matches!(read(&bytes).1, Err(Error::Damaged { .. })));
    }

    #[test]
    fn another_file_is_refused() {
        assert!(matches!(read(b"GIF89a..................").1, Err(Error::NotOurs)));
    }
}
