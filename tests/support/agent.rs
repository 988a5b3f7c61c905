//! `tracer agent` under test, and what each of its threads may do. Killed on drop.

use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;

use procfs::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::CapabilitySet;
use serde_json::Value;

use super::report::text;
use super::tracer::lines;
use super::wait;

/// A running agent.
pub(crate) struct Agent {
    child: Child,
    pub(crate) lines: Receiver<String>,
    /// The first line.
    pub(crate) health: Value,
}

impl Agent {
    /// Runs until it is ended, and tells that it is attached.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::of(start(command))
    }

    /// The same with more arguments.
    pub(crate) fn start_with(command: &mut Command, more: &[&str]) -> Self {
        Self::of(spawn(arguments(command).args(more)))
    }

    fn of(mut child: Child) -> Self {
        let lines = lines(child.stdout.take().expect("stdout is piped"));
        let line = wait::until("its first line", || {
            let line = lines.try_recv().ok();
            let ended = child.try_wait().expect("wait");
            assert!(line.is_some() || ended.is_none(), "it ended: {}", said(&mut child));
            line
        });
        Self { child, lines, health: serde_json::from_str(&line).expect("JSON") }
    }

    pub(crate) fn hook(&self, name: &str) -> &str {
        text(&self.health["tracer.hooks"], name)
    }

    /// Name, permitted and bounding capabilities of each thread; all that can be said of the others is
    /// asserted.
    pub(crate) fn threads(&self) -> Vec<(String, CapabilitySet, CapabilitySet)> {
        let process = Process::new(Pid::from_child(&self.child).as_raw_pid()).expect("it runs");
        let tasks = process.tasks().expect("its threads").map(|task| task.expect("a thread"));
        let told = tasks.map(|task| {
            let status = task.status().expect("its status");
            assert_eq!(status.nonewprivs, Some(1), "{}", status.name);
            assert_eq!((status.capinh, status.capamb), (0, Some(0)), "{}", status.name);
            assert_eq!(status.capeff, status.capprm, "{}", status.name);
            let sets = [status.capprm, status.capbnd.expect("told since 2.6.26")];
            let [permitted, bounding] = sets.map(CapabilitySet::from_bits_retain);
            (status.name, permitted, bounding)
        });
        told.collect()
    }

    /// Ends it: its lines, and what it said on stderr.
    pub(crate) fn end(mut self) -> (Vec<Value>, String) {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it still runs");
        let lines = self.lines.iter().map(|line| serde_json::from_str(&line).expect("JSON"));
        let lines = lines.collect();
        let said = said(&mut self.child);
        assert_eq!(self.child.wait().expect("its end").code(), Some(0), "{said}");
        (lines, said)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _over = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// All that it has said on stderr, once it has ended.
fn said(child: &mut Child) -> String {
    let stderr = child.stderr.take().expect("stderr is piped");
    std::io::read_to_string(stderr).expect("stderr")
}

/// Starts it, without waiting for anything.
pub(crate) fn start(command: &mut Command) -> Child {
    spawn(arguments(command))
}

fn arguments(command: &mut Command) -> &mut Command {
    command.args(["agent", "--interval", "1s", "--metrics-listen", "127.0.0.1:0", "-d", "600s"])
}

fn spawn(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the agent starts")
}
