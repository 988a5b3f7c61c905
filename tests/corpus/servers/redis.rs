//! A real Redis of its own, as an unprivileged user. It counts connections in its log, and commands,
//! for which it is asked by a Unix socket.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::chown;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::postgres::NOBODY;
use crate::support::{port, tool, wait};

/// The commands that clients mean; a library says more on its own.
const MEANT: [&str; 3] = ["cmdstat_ping:", "cmdstat_incrby:", "cmdstat_publish:"];

/// A running server. Stopped on drop.
pub(crate) struct Redis {
    server: Child,
    dir: TempDir,
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
}

impl Redis {
    /// An empty one that keeps nothing on disk.
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        chown(dir.path(), Some(NOBODY), Some(NOBODY)).expect("root gives files away");
        let port = port::closed();
        let log = File::create(dir.path().join("log")).expect("a log");
        let mut server = Command::new(tool::path("redis-server"))
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--loglevel", "verbose"])
            .args(["--unixsocket", "socket", "--dir"])
            .arg(dir.path())
            .uid(NOBODY)
            .gid(NOBODY)
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(log)
            .spawn()
            .expect("redis-server starts");
        wait::until("Redis listening", || {
            let log = fs::read_to_string(dir.path().join("log")).unwrap_or_default();
            if let Some(status) = server.try_wait().expect("wait") {
                panic!("Redis ended early with {status}: {log}");
            }
            log.contains("The server is now ready to accept connections at").then_some(())
        });
        Self { server, dir, port }
    }

    /// Connections accepted, by its own log.
    pub(crate) fn accepted(&self) -> u64 {
        let log = fs::read_to_string(self.dir.path().join("log")).expect("its log");
        log.lines().filter(|line| line.contains("Accepted 127.0.0.1:")).count() as u64
    }

    /// Commands executed, without those that a library says on its own.
    pub(crate) fn commands(&self) -> u64 {
        let mut socket = UnixStream::connect(self.dir.path().join("socket")).expect("its socket");
        socket.write_all(b"INFO commandstats\r\nQUIT\r\n").expect("a question");
        socket.shutdown(Shutdown::Write).expect("an end of it");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        let calls = |line: &str| {
            let rest = MEANT.iter().find_map(|name| line.strip_prefix(name))?;
            rest.strip_prefix("calls=")?.split(',').next()?.parse::<u64>().ok()
        };
        answer.lines().filter_map(calls).sum()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It has nothing to lose. Already gone is fine.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
