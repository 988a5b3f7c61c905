//! A run of `tracer exec`: started, signalled, read; and the control groups it makes.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::report::Report;
use crate::support::tracer::binary;
use crate::support::wait;

/// A running `tracer exec`, with a process group of its own: no terminal sends it anything.
pub(crate) struct Exec {
    /// The tracer.
    pub(crate) child: Child,
    dir: tempfile::TempDir,
}

/// What it and its command said.
pub(crate) struct Said {
    /// Exit code.
    pub(crate) code: Option<i32>,
    /// Of the command.
    pub(crate) stdout: String,
    /// Of both.
    pub(crate) stderr: String,
    /// Lines of the report.
    pub(crate) report: Vec<Value>,
}

impl Exec {
    /// Starts it with these options, its report in JSON to a file, and a shell to run `script`.
    pub(crate) fn shell(options: &[&str], script: &str) -> Self {
        Self::start(options, &["sh", "-c", script])
    }

    /// The same for any command.
    pub(crate) fn start(options: &[&str], command: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let stderr = File::create(dir.path().join("stderr")).expect("a file");
        let child = Command::new(binary())
            .args(["exec", "--output", "json", "--report"])
            .arg(dir.path().join("report"))
            .args(options)
            .arg("--")
            .args(command)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the tracer binary starts");
        Self { child, dir }
    }

    /// The command's stdout.
    pub(crate) fn stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().expect("stdout is piped")
    }

    /// Sends the tracer a signal, and nobody else.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the tracer is still running");
    }

    /// Waits for its end. No control group of its is left, and no record was lost.
    pub(crate) fn end(mut self) -> Said {
        drop(self.child.stdin.take());
        let mut stdout = String::new();
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_string(&mut stdout).expect("UTF-8");
        }
        let status = wait::until("its end", || self.child.try_wait().expect("wait"));
        let read = |name| fs::read_to_string(self.dir.path().join(name)).expect("a file");
        let report = read("report");
        let said = Said {
            code: status.code(),
            stdout,
            stderr: read("stderr"),
            report: report.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect(),
        };
        assert_eq!(groups_of(self.child.id()), Vec::<PathBuf>::new(), "stderr: {}", said.stderr);
        said
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        // Already gone is fine. SIGTERM is passed on: no command outlives a test that failed, if both
        // do what is tested here.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        for _ in 0..100 {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Said {
    /// The report of a run that lost nothing.
    pub(crate) fn report(self) -> Report {
        Report::new(self.report)
    }
}

/// Where control groups of version 2 are mounted.
pub(crate) fn mount() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("/proc");
    let mount = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"));
    PathBuf::from(mount.and_then(|line| line.split(' ').nth(1)).expect("cgroup2 is mounted"))
}

/// Control groups that the tracer with this pid made, and that are there.
pub(crate) fn groups_of(pid: u32) -> Vec<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").expect("/proc");
    let own = own.lines().find_map(|line| line.strip_prefix("0::/")).expect("a group of version 2");
    let inside = fs::read_dir(mount().join(own)).expect("our group").flatten();
    let name = format!("tracer-exec-{pid}-");
    let is_its = |path: &PathBuf| path.to_string_lossy().contains(&name);
    inside.map(|entry| entry.path()).filter(is_its).collect()
}
