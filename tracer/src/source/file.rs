//! Recorded files: the same bytes the kernel gave, framed, so that they can be judged again.
//!
//! A file is `MAGIC`, then frames of one kind byte, a little-endian `u32` length and the payload.
//! Records are in the byte order and layout of the host that wrote them; `meta` names both.

use std::io::{self, BufReader, BufWriter, Read, Write};

use bytes::Buf;

use super::{Input, Lost};

/// First bytes of every file; the digit is the version of the framing.
const MAGIC: &[u8; 8] = b"TRACERW1";

const META: u8 = 1;
const RECORD: u8 = 2;
const LIVE: u8 = 3;
const IDENTITY: u8 = 4;
const LOST: u8 = 5;
const TICK: u8 = 6;

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
        writer.frame(META, meta.as_bytes())?;
        Ok(writer)
    }

    /// Appends one input; a tick is flushed, so that a file is whole up to it.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&mut self, input: &Input) -> io::Result<()> {
        match input {
            Input::Record(bytes) => self.frame(RECORD, bytes),
            Input::Live(bytes) => self.frame(LIVE, bytes),
            Input::Identity(json) => self.frame(IDENTITY, json.as_bytes()),
            Input::Lost(lost) => {
                let bytes: Vec<u8> = lost.iter().flat_map(|count| count.to_le_bytes()).collect();
                self.frame(LOST, &bytes)
            }
            Input::Tick { now_ns, is_last } => {
                let mut bytes = now_ns.to_le_bytes().to_vec();
                bytes.push(u8::from(*is_last));
                self.frame(TICK, &bytes)?;
                self.out.flush()
            }
        }
    }

    fn frame(&mut self, kind: u8, payload: &[u8]) -> io::Result<()> {
        let len = u32::try_from(payload.len()).map_err(io::Error::other)?;
        self.out.write_all(&[kind])?;
        self.out.write_all(&len.to_le_bytes())?;
        self.out.write_all(payload)
    }
}

/// Reads a recorded file.
pub struct Reader<R: Read> {
    input: BufReader<R>,
    at: u64,
    meta: String,
    is_done: bool,
}

impl<R: Read> Reader<R> {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::NotOurs`] or an I/O error.
    pub fn new(input: R) -> Result<Self, Error> {
        let mut reader =
            Self { input: BufReader::new(input), at: 0, meta: String::new(), is_done: false };
        let mut magic = [0; MAGIC.len()];
        reader.fill(&mut magic).map_err(not_ours)?;
        reader.at = magic.len() as u64;
        match reader.frame() {
            Ok(Some((META, payload))) if &magic == MAGIC => {
                reader.meta = String::from_utf8(payload).map_err(|_| Error::NotOurs)?;
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
    pub fn next(&mut self) -> Result<Option<Input>, Error> {
        if self.is_done {
            return Ok(None);
        }
        let at = self.at;
        let Some((kind, payload)) = self.frame()? else {
            self.is_done = true;
            return Err(Error::CutOff);
        };
        let input = input(kind, payload).ok_or(Error::Damaged { at });
        self.is_done = matches!(input, Err(_) | Ok(Input::Tick { is_last: true, .. }));
        input.map(Some)
    }

    /// One frame, `None` at the end of the file.
    fn frame(&mut self) -> Result<Option<(u8, Vec<u8>)>, Error> {
        let mut head = [0; 5];
        if self.input.read(&mut head[..1])? == 0 {
            return Ok(None);
        }
        self.fill(&mut head[1..])?;
        let len = (&head[1..]).get_u32_le();
        if len > MAX_FRAME {
            return Err(Error::Damaged { at: self.at });
        }
        let mut payload = vec![0; len as usize];
        self.fill(&mut payload)?;
        self.at += (head.len() + payload.len()) as u64;
        Ok(Some((head[0], payload)))
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

fn input(kind: u8, payload: Vec<u8>) -> Option<Input> {
    let mut buf = payload.as_slice();
    match kind {
        RECORD => Some(Input::Record(payload)),
        LIVE => Some(Input::Live(payload)),
        IDENTITY => String::from_utf8(payload).ok().map(Input::Identity),
        LOST => {
            let mut lost = Lost::default();
            // An older recording knows fewer reasons.
            for count in lost.iter_mut().take(buf.len() / 8) {
                *count = buf.get_u64_le();
            }
            buf.is_empty().then_some(Input::Lost(lost))
        }
        TICK => {
            let now_ns = buf.try_get_u64_le().ok()?;
            let is_last = buf.try_get_u8().ok()? != 0;
            buf.is_empty().then_some(Input::Tick { now_ns, is_last })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs() -> Vec<Input> {
        vec![
            Input::Record(vec![1, 2, 3]),
            Input::Live(vec![]),
            Input::Identity("{}".into()),
            Input::Lost([1, 2, u64::MAX, 4]),
            Input::Tick { now_ns: 5, is_last: false },
            Input::Tick { now_ns: 6, is_last: true },
        ]
    }

    fn file() -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, "{\"a\":1}").unwrap();
        for input in inputs() {
            writer.write(&input).unwrap();
        }
        drop(writer);
        out
    }

    fn read(bytes: &[u8]) -> (Vec<Input>, Result<(), Error>) {
        let mut reader = match Reader::new(bytes) {
            Ok(reader) => reader,
            Err(error) => return (Vec::new(), Err(error)),
        };
        let mut inputs = Vec::new();
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
        assert_eq!(got, inputs());
        assert!(end.is_ok());
    }

    #[test]
    fn a_file_cut_off_anywhere_says_so_and_keeps_what_came_before() {
        let bytes = file();
        let whole = inputs();
        for len in 0..bytes.len() {
            let (got, end) = read(&bytes[..len]);
            assert!(matches!(end, Err(Error::CutOff | Error::NotOurs)), "cut at {len}: {end:?}");
            assert_eq!(got, whole[..got.len()], "cut at {len}");
        }
    }

    #[test]
    fn a_damaged_frame_is_named_by_its_place() {
        let mut bytes = file();
        let at = 8 + 5 + 7;
        bytes[at] = 99;
        assert!(matches!(read(&bytes).1, Err(Error::Damaged { at: place }) if place == at as u64));
        bytes[at] = RECORD;
        bytes[at + 4] = 0xff;
        assert!(matches!(read(&bytes).1, Err(Error::Damaged { .. })));
    }

    #[test]
    fn another_file_is_refused() {
        assert!(matches!(read(b"GIF89a..................").1, Err(Error::NotOurs)));
    }
}
