//! Who owns a connection is looked up in /proc once per process, not per connection: counted by the
//! files that the tracer opens there.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::process::{self, Child, Command, Stdio};

use tempfile::NamedTempFile;

use crate::process::Process;
use crate::support::peer::{Script, Server};
use crate::support::report::{int, text};
use crate::support::workload::Workload;
use crate::support::{tool, wait};

const CONNECTIONS: usize = 2_000;
const FORKS: usize = 1_000;
/// Files of one look-up at most: its folder, `stat`, `status`, `cgroup`, `maps` and others in it.
const LOOKUP: usize = 10;

/// A trace of what a process opens.
struct Opens {
    strace: Child,
    file: NamedTempFile,
}

impl Opens {
    /// Begins with a process that runs.
    fn of(pid: u32) -> Self {
        let file = NamedTempFile::new().expect("a temporary file");
        let strace = Command::new(tool::path("strace"))
            .args(["-f", "-q", "-e", "trace=openat", "-o"])
            .arg(file.path())
            .args(["-p", &pid.to_string()])
            .stdin(Stdio::null())
            .spawn()
            .expect("strace starts");
        let threads = format!("/proc/{pid}/task");
        wait::until("strace to follow each thread", || {
            let mut threads = fs::read_dir(&threads).expect("the tracer runs").flatten();
            threads.all(|thread| is_followed(&thread.path())).then_some(())
        });
        Self { strace, file }
    }

    /// How many files it opened of each process in /proc. It must have ended.
    fn by_pid(mut self) -> BTreeMap<u32, usize> {
        self.strace.wait().expect("strace ends with what it follows");
        let trace = fs::read_to_string(self.file.path()).expect("what strace wrote");
        let mut opens = BTreeMap::new();
        let mut last = None;
        for line in trace.lines() {
            let path = line.split('"').nth(1).unwrap_or_default();
            let pid = path.strip_prefix("/proc/").and_then(|rest| rest.split('/').next());
            // A file within a folder that was opened before has a path of its own.
            last = if path.starts_with('/') { pid.and_then(|pid| pid.parse().ok()) } else { last };
            if let Some(pid) = last {
                *opens.entry(pid).or_default() += 1;
            }
        }
        opens
    }
}

fn is_followed(thread: &std::path::Path) -> bool {
    let status = fs::read_to_string(thread.join("status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
}

#[test]
#[ignore = "needs root"]
fn a_process_with_many_connections_is_looked_up_once() {
    let port = Server::start(Script::KeepAlive).port;
    let mut tracer = Process::start();
    let opens = Opens::of(tracer.pid());
    for _ in 0..CONNECTIONS {
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the dial succeeds"));
    }
    wait::quiet(port);
    tracer.hear_of(port, 2 * CONNECTIONS);
    let report = tracer.finish();
    report.nothing_is_lost();
    assert_eq!(report.dialled(port).len(), CONNECTIONS);
    let count = opens.by_pid().get(&process::id()).copied().unwrap_or(0);
    assert!((1..=LOOKUP).contains(&count), "{count} files of it for {CONNECTIONS} connections");
}

#[test]
#[ignore = "needs root"]
fn in_a_fork_storm_each_process_is_looked_up_once_at_most_and_every_dial_is_told() {
    let port = Server::start(Script::KeepAlive).port;
    let storm = Workload::python("forks.py", &[&port.to_string(), &FORKS.to_string()]);
    let mut tracer = Process::start();
    let opens = Opens::of(tracer.pid());
    assert_eq!(storm.run().dials, FORKS as u64);
    wait::quiet(port);
    tracer.hear_of(port, 2 * FORKS);
    let report = tracer.finish();
    report.nothing_is_lost();
    let dialled = report.dialled(port);
    assert_eq!(dialled.len(), FORKS);
    let opens = opens.by_pid();
    let mut pids = BTreeMap::new();
    for line in dialled {
        // Most are gone before anyone looks: the kernel's name is what is known of them.
        let name = text(line, "process.executable.name");
        assert!(name.starts_with("python3"), "{name}");
        let pid = u32::try_from(int(line, "process.pid")).expect("a pid");
        assert_eq!(pids.insert(pid, opens.get(&pid).copied().unwrap_or(0)), None, "one dial each");
    }
    let most = pids.values().max().copied().unwrap_or(0);
    assert!(most <= LOOKUP, "{most} files of a process that dialled once");
    assert!(pids.values().any(|count| *count > 0), "looked up at all: the trace has its files");
}
