//! What agents are told, connections for them to see, and their lines in files.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Has an agent tell of each connection and of each second, and be scraped by nobody.
pub(crate) fn unscraped(command: &mut Command) -> &mut Command {
    command.args(["--connections", "--interval", "1s", "--metrics-listen", "off"])
}

/// Makes connections on loopback, one exchange each: the port of the server.
pub(crate) fn traffic(connections: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("its address");
    let server = thread::spawn(move || {
        for _ in 0..connections {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = [0; 4];
            stream.read_exact(&mut request).and_then(|()| stream.write_all(b"pong")).expect("one");
            // Until the client has closed: it is first.
            let _end = stream.read(&mut request).expect("its end");
        }
    });
    for _ in 0..connections {
        let mut stream = TcpStream::connect(at).expect("a dial");
        let mut answer = [0; 4];
        stream.write_all(b"ping").and_then(|()| stream.read_exact(&mut answer)).expect("an answer");
        drop(stream);
        thread::sleep(Duration::from_millis(20));
    }
    server.join().expect("the server ends");
    at.port()
}

/// One connection that is used again and again, each 20 ms: the port of the server.
pub(crate) fn kept(exchanges: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("its address");
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut request = [0; 4];
        while stream.read_exact(&mut request).is_ok() {
            stream.write_all(b"pong").expect("an answer");
        }
    });
    let mut stream = TcpStream::connect(at).expect("a dial");
    for _ in 0..exchanges {
        let mut answer = [0; 4];
        stream.write_all(b"ping").and_then(|()| stream.read_exact(&mut answer)).expect("an answer");
        thread::sleep(Duration::from_millis(20));
    }
    drop(stream);
    server.join().expect("the server ends");
    at.port()
}

/// Without a last line that is cut.
pub(crate) fn whole(text: &[u8]) -> &[u8] {
    &text[..memchr::memrchr(b'\n', text).map_or(0, |end| end + 1)]
}

/// The lines of a file that is written meanwhile: those that are whole.
pub(crate) fn lines_so_far(file: &Path) -> Vec<Value> {
    let bytes = fs::read(file).expect("the file");
    let lines = whole(&bytes).split_inclusive(|byte| *byte == b'\n');
    lines.map(|line| serde_json::from_slice(line).expect("JSON")).collect()
}

/// The lines of a file, each whole.
pub(crate) fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).expect("the file");
    assert!(text.ends_with('\n'), "its last line is whole");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
