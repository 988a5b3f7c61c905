//! A real collector: `receiver.py`, on loopback, with what it has received.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::running::{lines_so_far, whole};
use crate::support::tracer::lines;
use crate::support::wait;

/// What `cargo xtask setup --tests` makes.
fn python() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    let python = target.join("agent/python/bin/python");
    assert!(python.is_file(), "{} is missing: run `cargo xtask setup --tests`", python.display());
    python
}

/// By which way it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc,
    Http,
}

impl Protocol {
    /// As `OTEL_EXPORTER_OTLP_PROTOCOL` has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http/protobuf",
        }
    }
}

const LOGS: &str = "logs.jsonl";
const POINTS: &str = "points.jsonl";

/// A running one. Killed on drop.
pub(crate) struct Receiver {
    child: Child,
    protocol: Protocol,
    folder: PathBuf,
    /// Its certificate and the key.
    tls: Vec<PathBuf>,
    pub(crate) port: u16,
}

impl Receiver {
    /// Starts one that keeps what it receives in a folder.
    pub(crate) fn start(protocol: Protocol, folder: &Path) -> Self {
        Self::on(protocol, folder, 0, Vec::new(), 0)
    }

    /// The same, encrypted.
    pub(crate) fn with_tls(protocol: Protocol, folder: &Path, tls: [PathBuf; 2]) -> Self {
        Self::on(protocol, folder, 0, tls.into(), 0)
    }

    /// One that rejects so many of what each request holds.
    pub(crate) fn that_rejects(protocol: Protocol, folder: &Path, count: u64) -> Self {
        Self::on(protocol, folder, 0, Vec::new(), count)
    }

    fn on(protocol: Protocol, folder: &Path, port: u16, tls: Vec<PathBuf>, rejects: u64) -> Self {
        let name = if protocol == Protocol::Grpc { "grpc" } else { "http" };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/agent/otlp/receiver.py");
        let mut child = Command::new(python())
            .arg(script)
            .args([name, &port.to_string()])
            .arg(folder)
            .args(&tls)
            .env("REJECTS", rejects.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the receiver starts");
        let said = lines(child.stdout.take().expect("stdout is piped"));
        let port = wait::until("the port of the receiver", || said.try_recv().ok());
        let port = port.parse().expect("a port");
        Self { child, protocol, folder: folder.to_owned(), tls, port }
    }

    /// Kills it, and returns what starts it again where it was.
    pub(crate) fn kill(mut self) -> impl FnOnce() -> Self {
        self.child.kill().and_then(|()| self.child.wait()).expect("its end");
        // It may have died within a line, which nobody has an answer for: it comes again.
        for name in [LOGS, POINTS] {
            let file = self.folder.join(name);
            let Ok(text) = fs::read(&file) else { continue };
            fs::write(&file, whole(&text)).expect("whole lines");
        }
        let (protocol, folder, port) = (self.protocol, self.folder.clone(), self.port);
        let tls = self.tls.clone();
        move || Self::on(protocol, &folder, port, tls, 0)
    }

    /// Log records so far.
    pub(crate) fn logs(&self) -> Vec<Value> {
        self.read(LOGS)
    }

    /// Data points so far.
    pub(crate) fn points(&self) -> Vec<Value> {
        self.read(POINTS)
    }

    fn read(&self, name: &str) -> Vec<Value> {
        let file = self.folder.join(name);
        if file.exists() { lines_so_far(&file) } else { Vec::new() }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _over = self.child.kill().and_then(|()| self.child.wait());
    }
}
