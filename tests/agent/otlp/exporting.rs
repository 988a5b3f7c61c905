//! An agent that exports, and tells the same on stdout; and connections for it to see.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Receiver;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::receiver::Protocol;
use crate::support::peer::{Script, Server};
use crate::support::tracer::{binary, lines};
use crate::support::wait;

/// A running one, attached. Killed on drop.
pub(crate) struct Exporting {
    child: Child,
    lines: Receiver<String>,
    first: String,
    stderr: File,
}

/// An agent with no other variables than a test sets, scraped at an address or `off`.
pub(crate) fn command(listen: &str) -> Command {
    let mut command = Command::new(binary());
    for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("OTEL_")) {
        command.env_remove(key);
    }
    command
        .args(["agent", "--output", "stdout", "--output", "otlp", "--connections"])
        .args(["--interval", "2s", "--duration", "600s", "--metrics-listen"])
        .arg(listen)
        .env("OTEL_METRIC_EXPORT_INTERVAL", "1000");
    command
}

impl Exporting {
    /// Starts one that exports to a port of this host, and waits until it is attached.
    pub(crate) fn start(protocol: Protocol, port: u16, variables: &[(&str, &str)]) -> Self {
        Self::run(
            command("off")
                .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.name())
                .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{port}"))
                .envs(variables.iter().copied()),
        )
    }

    /// The same by a command of choice.
    pub(crate) fn run(command: &mut Command) -> Self {
        let stderr = tempfile::tempfile().expect("a temporary file");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr.try_clone().expect("a second handle"))
            .spawn()
            .expect("the agent starts");
        let lines = lines(child.stdout.take().expect("stdout is piped"));
        let mut agent = Self { child, lines, first: String::new(), stderr };
        agent.first = wait::until("the first line", || {
            assert!(agent.child.try_wait().expect("wait").is_none(), "it ended: {}", agent.said());
            agent.lines.try_recv().ok()
        });
        agent
    }

    /// What it has said on stderr.
    fn said(&self) -> String {
        let (mut file, mut said) = (&self.stderr, String::new());
        file.rewind().and_then(|()| file.read_to_string(&mut said)).expect("stderr is UTF-8");
        said
    }

    /// Waits until it says something.
    pub(crate) fn says(&self, wanted: &str) {
        wait::until(wanted, || self.said().contains(wanted).then_some(()));
    }

    /// Processor time so far, seconds, of the threads that export: what the rest does depends on what
    /// else goes on at this host.
    pub(crate) fn cpu(&self) -> f64 {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        let tasks = procfs::process::Process::new(pid).and_then(|of| of.tasks()).expect("it runs");
        let stats = tasks.map(|task| task.and_then(|task| task.stat()).expect("a thread"));
        let ours: Vec<_> =
            stats.filter(|stat| ["tracer-otlp", "tracer-writer"].contains(&&*stat.comm)).collect();
        assert!(ours.len() >= 2, "an exporter and its writer");
        let ticks: u64 = ours.iter().map(|stat| stat.utime + stat.stime).sum();
        ticks as f64 / procfs::ticks_per_second() as f64
    }

    /// Ends it by a signal: all its lines, and what it said.
    pub(crate) fn end(mut self, signal: Signal) -> (Vec<Value>, String) {
        kill_process(Pid::from_child(&self.child), signal).expect("it still runs");
        let first = std::iter::once(self.first.clone());
        let lines = first.chain(self.lines.iter());
        let lines = lines.map(|line| serde_json::from_str(&line).expect("JSON")).collect();
        let (status, said) = (self.status(), self.said());
        assert_eq!(status.code(), Some(0), "{said}");
        (lines, said)
    }

    /// The same of one that does not end well: its exit code, and what it said.
    pub(crate) fn fail(mut self, signal: Signal) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), signal).expect("it still runs");
        let code = self.status().code();
        (code, self.said())
    }

    fn status(&mut self) -> ExitStatus {
        wait::until("the end of the agent", || self.child.try_wait().expect("wait"))
    }
}

impl Drop for Exporting {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _over = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Connections of this process to itself, one exchange each, closed by the client. Returns the port.
pub(crate) fn traffic(connections: usize) -> u16 {
    let server = Server::start(Script::KeepAlive);
    for _ in 0..connections {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("a dial");
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("a request");
        let mut answer = [0; 40];
        assert!(stream.read(&mut answer).expect("an answer") > 0);
        drop(stream);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    wait::quiet(server.port);
    server.port
}
