//! A running `tracer record`, as a script would run it.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;

use rustix::process::{Pid, Signal, kill_process};

use super::tracer::{binary, lines};
use super::wait::{self, PATIENCE};

/// A running `tracer record`, attached. Killed on drop.
pub(crate) struct Recording {
    child: Child,
    said: Receiver<String>,
}

impl Recording {
    /// Starts it with further arguments and waits until its hooks are attached.
    pub(crate) fn start(file: &Path, args: &[&str]) -> Self {
        // The duration is only a bound: every test ends the recording itself.
        let mut child = Command::new(binary())
            .args(["record", "--duration", "3600s"])
            .args(args)
            .arg(file)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the tracer binary starts");
        let said = lines(child.stderr.take().expect("stderr is piped"));
        let recording = Self { child, said };
        let first = recording.hear();
        assert!(first.contains("recording to"), "{first}");
        recording
    }

    /// Ends it with SIGINT and returns what it says it wrote. Exit code 0 is part of the contract.
    pub(crate) fn finish(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it still runs");
        let status = wait::until("the recording's end", || self.child.try_wait().expect("wait"));
        let last = self.hear();
        assert!(status.success() && last.contains("records written"), "{status}: {last}");
        last
    }

    fn hear(&self) -> String {
        self.said.recv_timeout(PATIENCE).expect("it says something")
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // Already gone is fine; there is nobody left to tell about anything else.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
