//! The tracer as a process: for tests that look at it from outside while it runs.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Receiver;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::report::{Report, text};
use crate::support::tracer::{binary, lines};
use crate::support::wait::{self, PATIENCE};

/// A running `tracer diagnose`, attached. Killed on drop.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    heard: Vec<Value>,
}

/// Whether `line` is the end of a connection to `port`.
fn ends(line: &Value, port: u16) -> bool {
    text(line, "event.name") == "tracer.connection.closed" && line["server.port"] == port
}

impl Process {
    pub(crate) fn start() -> Self {
        // The duration is only a bound: every test ends the observation itself.
        let mut child = Command::new(binary())
            .args(["diagnose", "--output", "json", "--duration", "600s", "--connections"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the tracer binary starts");
        let lines = lines(child.stdout.take().expect("stdout is piped"));
        let mut process = Self { child, lines, heard: Vec::new() };
        assert!(process.hear(), "the tracer is attached");
        process
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the lines of `count` ends of connections to `port`, in all.
    pub(crate) fn hear_of(&mut self, port: u16, count: usize) {
        let mut seen = self.heard.iter().filter(|line| ends(line, port)).count();
        while seen < count {
            assert!(self.hear(), "the tracer ended before it told all");
            seen += usize::from(self.heard.last().is_some_and(|line| ends(line, port)));
        }
    }

    /// Ends it with SIGINT.
    pub(crate) fn finish(mut self) -> Report {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it is still running");
        while self.hear() {}
        assert_eq!(self.status().code(), Some(0));
        Report::new(std::mem::take(&mut self.heard))
    }

    /// Kills it with SIGKILL.
    pub(crate) fn die(mut self) -> ExitStatus {
        self.child.kill().expect("it is still running");
        self.status()
    }

    fn status(&mut self) -> ExitStatus {
        wait::until("the end of the tracer", || self.child.try_wait().expect("wait"))
    }

    /// Takes a line; false at the end.
    fn hear(&mut self) -> bool {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => self.heard.push(serde_json::from_str(&line).expect("JSON")),
            Err(Disconnected) => return false,
            Err(Timeout) => panic!("no line for {PATIENCE:?}"),
        }
        true
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
