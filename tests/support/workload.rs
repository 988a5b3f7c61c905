//! Real clients in processes of their own, which count what they do independently of the tracer.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::Receiver;

use serde_json::Value;

use super::report::int;
use super::tool;
use super::tracer::lines;
use super::wait::{self, PATIENCE};

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/workloads").join(name)
}

/// A program that said its pid and waits for the word. Killed on drop.
pub(crate) struct Workload {
    child: Child,
    stdin: Option<ChildStdin>,
    said: Receiver<String>,
    /// Its process id.
    pub(crate) pid: u32,
}

/// What a workload says it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Did {
    /// Dials, counted where it dials.
    pub(crate) dials: u64,
    /// Requests answered.
    pub(crate) requests: u64,
}

impl Workload {
    /// `tests/workloads/<script>` under the system's Python.
    pub(crate) fn python(script: &str, args: &[&str]) -> Self {
        let mut command = Command::new(tool::path("python3"));
        // -B: no bytecode cache in the source tree.
        Self::start(command.arg("-B").arg(source(script)).args(args))
    }

    /// The same in a network namespace of its own.
    pub(crate) fn python_apart(script: &str, args: &[&str]) -> Self {
        let mut command = Command::new(tool::path("unshare"));
        command.arg("--net").arg(tool::path("python3")).arg("-B");
        Self::start(command.arg(source(script)).args(args))
    }

    /// The same in a PID namespace of its own: `pid` is then the one it knows itself by.
    pub(crate) fn python_inside(script: &str, args: &[&str]) -> Self {
        let mut command = Command::new(tool::path("unshare"));
        command.args(["--pid", "--fork", "--kill-child"]).arg(tool::path("python3")).arg("-B");
        Self::start(command.arg(source(script)).args(args))
    }

    /// The pid of the only child of the process that was started.
    pub(crate) fn child_pid(&self) -> u32 {
        let own = self.child.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children"));
        children.expect("its children").trim().parse().expect("one child")
    }

    /// `tests/workloads/fetch.go`, built once a run.
    pub(crate) fn go(args: &[&str]) -> Self {
        Self::start(Command::new(built()).args(args))
    }

    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdin = child.stdin.take();
        let said = lines(child.stdout.take().expect("stdout is piped"));
        let mut workload = Self { child, stdin, said, pid: 0 };
        let own = int(&workload.hear(), "pid");
        workload.pid = u32::try_from(own).expect("a pid");
        workload
    }

    /// The next thing it says.
    pub(crate) fn hear(&self) -> Value {
        let line = self.said.recv_timeout(PATIENCE).expect("the workload says something");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Lets it go on.
    pub(crate) fn go_on(&mut self) {
        let stdin = self.stdin.as_mut().expect("not told to stop yet");
        writeln!(stdin, "go").expect("the workload listens");
    }

    /// Lets it go on until it has dialled `dials` times.
    pub(crate) fn go_on_until(&mut self, dials: u64) {
        self.go_on();
        while int(&self.hear(), "dials") < dials {}
    }

    /// Lets it do all its work and end.
    pub(crate) fn run(mut self) -> Did {
        self.go_on();
        self.end()
    }

    /// Tells it to stop and reads its last report.
    pub(crate) fn end(mut self) -> Did {
        self.stdin = None;
        let mut last = self.hear();
        while let Ok(line) = self.said.recv_timeout(PATIENCE) {
            last = serde_json::from_str(&line).expect("JSON");
        }
        let status = wait::until("the workload's end", || self.child.try_wait().expect("wait"));
        assert!(status.success(), "{status}, last said {last}");
        if let Some(ok) = last.get("ok") {
            assert_eq!(*ok, last["requests"], "every answer is a 200");
        }
        if let Some(expected) = last.get("expected") {
            assert_eq!(*expected, last["dials"], "every connection ended as it was meant to");
        }
        Did { dials: int(&last, "dials"), requests: int(&last, "requests") }
    }

    /// Waits until it leaves by itself with this exit code.
    pub(crate) fn leave(&mut self, code: i32) {
        let status = wait::until("the workload's end", || self.child.try_wait().expect("wait"));
        assert_eq!(status.code(), Some(code));
    }

    /// Kills it with SIGKILL and waits for its end.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it still runs");
        self.child.wait().expect("its end");
    }
}

impl Drop for Workload {
    fn drop(&mut self) {
        // Already gone is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn built() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let program = dir.join("fetch");
        let status = Command::new(tool::path("go"))
            .args(["build", "-o"])
            .args([&program, &source("fetch.go")])
            .envs([("GO111MODULE", "off"), ("GOFLAGS", "")])
            .env("GOCACHE", dir.join("gocache"))
            .status()
            .expect("go starts");
        assert!(status.success(), "go build: {status}");
        program
    })
}
