//! The tracer under test, as a script would run it: started, waited for, stopped, read.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::os::unix::fs::FileExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::report::{Report, text};
use super::wait::{self, PATIENCE};

/// The binary: the one built with the tests, or `TRACER_BIN` where that is not at hand (a guest).
pub(crate) fn binary() -> OsString {
    env::var_os("TRACER_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_tracer").into())
}

/// In a mount namespace of its own: covers the types, shows the tracepoints, runs the rest.
const HIDE_TYPES: &str = "mount -t tmpfs none /sys/kernel/btf &&
    { [ -d /sys/kernel/tracing/events ] || mount -t tracefs none /sys/kernel/tracing; } &&
    exec \"$@\"";

/// A running `tracer diagnose`, attached. Killed on drop.
pub(crate) struct Tracer {
    child: Child,
    lines: Receiver<String>,
    stderr: File,
    attached: Value,
}

impl Tracer {
    /// Starts it on everything this host does and waits until its hooks are attached.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further arguments.
    pub(crate) fn start_with(args: &[&str]) -> Self {
        Self::start_by(Command::new(binary()), args)
    }

    /// Starts it where the kernel's types are hidden and its tracepoints are not.
    pub(crate) fn start_without_types() -> Self {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", HIDE_TYPES, "sh"]).arg(binary());
        Self::start_by(command, &[])
    }

    fn start_by(mut command: Command, args: &[&str]) -> Self {
        let stderr = tempfile::tempfile().expect("a temporary file for stderr");
        // The duration is only a bound: every test ends the observation itself.
        let mut child = command
            .args(["diagnose", "--output", "json", "--duration", "600s", "--connections"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr.try_clone().expect("a second handle"))
            .spawn()
            .expect("the tracer binary starts");
        let lines = lines(child.stdout.take().expect("stdout is piped"));
        let mut tracer = Self { child, lines, stderr, attached: Value::Null };
        let line = tracer.next().unwrap_or_else(|| {
            panic!("the tracer ended before its first line\nstderr: {}", tracer.said())
        });
        tracer.attached = parse(&line);
        assert_eq!(text(&tracer.attached, "event.name"), "tracer.health", "first line: {line}");
        tracer
    }

    /// Ends the observation with SIGINT and reads everything.
    pub(crate) fn finish(self) -> Report {
        self.finish_by(Signal::INT)
    }

    /// The same with a signal of choice. Exit code 0 is part of the contract.
    pub(crate) fn finish_by(self, signal: Signal) -> Report {
        Report::new(self.stop(signal))
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the tracer is still running");
    }

    /// The same as [`Self::finish`], with what it has said on stderr until its end.
    pub(crate) fn finish_saying(mut self) -> (Report, String) {
        let report = Report::new(self.halt(Signal::INT));
        (report, self.said())
    }

    /// The same, with every line as it was printed.
    pub(crate) fn stop(mut self, signal: Signal) -> Vec<Value> {
        self.halt(signal)
    }

    fn halt(&mut self, signal: Signal) -> Vec<Value> {
        self.signal(signal);
        let mut lines = vec![self.attached.clone()];
        while let Some(line) = self.next() {
            lines.push(parse(&line));
        }
        let status = wait::until("the end of the tracer", || self.child.try_wait().expect("wait"));
        assert_eq!(status.code(), Some(0), "stderr: {}", self.said());
        lines
    }

    fn next(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("no line for {PATIENCE:?}\nstderr: {}", self.said())
            }
        }
    }

    /// What it has said on stderr.
    pub(crate) fn said(&self) -> String {
        whole(&self.stderr)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // Already gone is fine; there is nobody left to tell about anything else.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All of a file that a child writes to. It writes on where our common offset is, which stays.
pub(crate) fn whole(file: &File) -> String {
    let len = file.metadata().expect("a file").len();
    let mut text = vec![0; usize::try_from(len).expect("it fits")];
    file.read_exact_at(&mut text, 0).expect("all of it");
    String::from_utf8(text).expect("UTF-8")
}

/// Runs a command that ends by itself, bounded: one that hangs is killed and fails the test.
pub(crate) fn run(command: &mut Command) -> Output {
    let files = [(); 2].map(|()| tempfile::tempfile().expect("a temporary file"));
    let [stdout, stderr] = files.each_ref().map(|file| file.try_clone().expect("a second handle"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("wait") {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().and_then(|()| child.wait()).expect("its end");
            panic!("{command:?} did not end within {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(5));
    };
    let [stdout, stderr] = files.map(|mut file| {
        let mut said = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut said)).expect("a readable file");
        said
    });
    Output { status, stdout, stderr }
}

/// The lines of a pipe, read by a thread so that a reader can give up.
pub(crate) fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"))
}
