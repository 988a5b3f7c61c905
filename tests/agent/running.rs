//! A running agent, and connections for it to see.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::wait;

/// An agent that tells of each connection, and of each second. Killed on drop.
pub(crate) struct Agent {
    child: Child,
    stderr: File,
}

impl Agent {
    /// Starts it; `command` runs the binary.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_told(command.args([
            "--connections",
            "--interval",
            "1s",
            "--metrics-listen",
            "off",
        ]))
    }

    /// Starts it with the settings of `command` only.
    pub(crate) fn start_told(command: &mut Command) -> Self {
        let stderr = tempfile::tempfile().expect("a temporary file");
        let child = command
            .args(["-d", "600s"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr.try_clone().expect("a second handle"))
            .spawn()
            .expect("the agent starts");
        Self { child, stderr }
    }

    /// Waits until a file has its first line: the hooks are attached then.
    pub(crate) fn attached(mut self, file: &Path) -> Self {
        wait::until("the first line", || {
            let ended = self.child.try_wait().expect("wait");
            assert!(ended.is_none(), "it ended: {}", self.said());
            fs::read(file).is_ok_and(|text| text.ends_with(b"\n")).then_some(())
        });
        self
    }

    /// Where it says that metrics are.
    pub(crate) fn metrics(&self) -> String {
        wait::until("metrics", || {
            let said = self.said();
            let at = said.split_once("metrics at http://")?.1;
            Some(at.split_once("/metrics\n")?.0.to_owned())
        })
    }

    /// Of the process that was started: it is that of the agent where that was executed in its place.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it still runs");
    }

    /// What it has said on stderr.
    pub(crate) fn said(&self) -> String {
        let (mut file, mut said) = (&self.stderr, String::new());
        file.rewind().and_then(|()| file.read_to_string(&mut said)).expect("stderr is UTF-8");
        said
    }

    /// Ends it as a service manager would, and gives what it said on stderr.
    pub(crate) fn end(mut self) -> String {
        self.signal(Signal::TERM);
        let status = wait::until("its end", || self.child.try_wait().expect("wait"));
        let said = self.said();
        assert_eq!(status.code(), Some(0), "{said}");
        said
    }

    /// Kills it.
    pub(crate) fn kill(mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("its end");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _over = self.child.kill().and_then(|()| self.child.wait());
    }
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

/// The lines of a file, each whole.
pub(crate) fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).expect("the file");
    assert!(text.ends_with('\n'), "its last line is whole");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
