//! `tracer agent` under test: started, waited for, ended, and what each of its threads may do.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Receiver;

use procfs::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::CapabilitySet;
use serde_json::Value;

use super::report::text;
use super::tracer::{binary, lines, whole};
use super::wait::{self, PATIENCE};

/// A command of an agent that is told of each second, and scraped at a port of its choice.
pub(crate) fn command() -> Command {
    with_seconds(Command::new(binary()))
}

/// The same where `command` runs the binary.
pub(crate) fn with_seconds(mut command: Command) -> Command {
    command.args(["agent", "--interval", "1s", "--metrics-listen", "127.0.0.1:0"]);
    command
}

/// A running agent. Killed on drop.
pub(crate) struct Agent {
    child: Child,
    /// On stdout, since they were taken the last time.
    pub(crate) lines: Receiver<String>,
    first: Option<String>,
    stderr: File,
}

impl Agent {
    /// Starts it, and waits for nothing.
    pub(crate) fn start(command: &mut Command) -> Self {
        let stderr = tempfile::tempfile().expect("a temporary file");
        // The duration is only a bound: every test ends the observation itself.
        let mut child = command
            .args(["--duration", "600s"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr.try_clone().expect("a second handle"))
            .spawn()
            .expect("the agent starts");
        let lines = lines(child.stdout.take().expect("stdout is piped"));
        Self { child, lines, first: None, stderr }
    }

    /// Waits until the first line is on stdout: the hooks are attached then.
    pub(crate) fn attached(mut self) -> Self {
        let line = wait::until("the first line", || {
            let line = self.lines.try_recv().ok();
            assert!(line.is_some() || self.is_running(), "it ended: {}", self.said());
            line
        });
        self.first = Some(line);
        self
    }

    /// The same of the first line in a new file.
    pub(crate) fn attached_to(mut self, file: &Path) -> Self {
        wait::until("the first line", || {
            assert!(self.is_running(), "it ended: {}", self.said());
            fs::read(file).is_ok_and(|text| text.ends_with(b"\n")).then_some(())
        });
        self
    }

    fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("wait").is_none()
    }

    /// What it said of itself in the line that it was waited for.
    pub(crate) fn health(&self) -> Value {
        serde_json::from_str(self.first.as_deref().expect("it was waited for")).expect("JSON")
    }

    /// How a hook is attached.
    pub(crate) fn hook(&self, name: &str) -> String {
        text(&self.health()["tracer.hooks"], name).to_owned()
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
        whole(&self.stderr)
    }

    /// Waits until it says something.
    pub(crate) fn says(&self, wanted: &str) {
        wait::until(wanted, || self.said().contains(wanted).then_some(()));
    }

    /// Name, permitted and bounding capabilities of each thread; all that can be said of the others is
    /// asserted.
    pub(crate) fn threads(&self) -> Vec<(String, CapabilitySet, CapabilitySet)> {
        let process = Process::new(self.pid().as_raw_pid()).expect("it runs");
        // One may end meanwhile.
        let tasks = process.tasks().expect("its threads").flatten();
        let told = tasks.filter_map(|task| task.status().ok()).map(|status| {
            assert_eq!(status.nonewprivs, Some(1), "{}", status.name);
            assert_eq!((status.capinh, status.capamb), (0, Some(0)), "{}", status.name);
            assert_eq!(status.capeff, status.capprm, "{}", status.name);
            let sets = [status.capprm, status.capbnd.expect("told since 2.6.26")];
            let [permitted, bounding] = sets.map(CapabilitySet::from_bits_retain);
            (status.name, permitted, bounding)
        });
        told.collect()
    }

    /// Waits until the main thread may do what it keeps, and the others nothing: one that has just been
    /// started may not have come to that.
    pub(crate) fn gives_up_all_but(&self, kept: CapabilitySet) {
        let has_given_up = |(name, permitted, _): &(String, CapabilitySet, CapabilitySet)| {
            let is_helper = name.starts_with("tracer-");
            *permitted == if is_helper { CapabilitySet::empty() } else { kept }
        };
        wait::until("all threads to give up what they do not need", || {
            self.threads().iter().all(has_given_up).then_some(())
        });
    }

    /// Ends it as a service manager would: its lines on stdout, and what it said on stderr.
    pub(crate) fn end(mut self) -> (Vec<Value>, String) {
        self.signal(Signal::TERM);
        let first = self.first.take();
        let rest = std::iter::from_fn(|| self.lines.recv_timeout(PATIENCE).ok());
        let lines = first.into_iter().chain(rest);
        let lines = lines.map(|line| serde_json::from_str(&line).expect("JSON")).collect();
        let (status, said) = (self.status(), self.said());
        assert_eq!(status.code(), Some(0), "{said}");
        (lines, said)
    }

    /// Waits until it ends by itself: its exit code, and what it said on stderr.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        (self.status().code(), self.said())
    }

    /// Kills it.
    pub(crate) fn kill(mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("its end");
    }

    fn status(&mut self) -> ExitStatus {
        wait::until("the end of the agent", || self.child.try_wait().expect("wait"))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _over = self.child.kill().and_then(|()| self.child.wait());
    }
}
