//! The one exchange there is: a request and an answer of the same number of bytes.

use std::io::{self, Read, Write};
use std::net::TcpStream;

/// First byte of a request after which others follow.
pub(crate) const MORE: u8 = 0;
/// First byte of the last request of a batch.
pub(crate) const BATCH_END: u8 = 1;
/// First byte of the last request that a client sends: its server ends after it.
pub(crate) const LAST: u8 = 2;

/// Sends `buffer` as a request.
pub(crate) fn ask(mut stream: &TcpStream, buffer: &[u8]) -> io::Result<()> {
    stream.write_all(buffer)
}

/// Takes an answer, or a request.
pub(crate) fn take(mut stream: &TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    stream.read_exact(buffer)
}

/// Whether the peer has closed, which is waited for; bytes instead are an error.
pub(crate) fn take_end(mut stream: &TcpStream) -> io::Result<()> {
    match stream.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}
