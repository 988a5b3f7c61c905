//! PID namespaces: a process in one, and the tracer in one.

use std::fs;
use std::net::Ipv4Addr;
use std::process::{self, Command};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::peer::{Script, Server};
use crate::support::report::{all_are, int, text};
use crate::support::tool;
use crate::support::tracer::{Tracer, binary, run};
use crate::support::workload::Workload;

/// Dials of the contained client, four a second.
const DIALS: u64 = 8;

#[test]
#[ignore = "needs root"]
fn a_process_in_a_container_has_the_hosts_pid_and_its_own() {
    let server = Server::start(Script::CloseEach);
    let mut client = Workload::python_inside("eof.py", &["close", &server.port.to_string()]);
    let inside = client.pid;
    let pid = client.child_pid();
    assert_ne!(inside, pid, "it has a PID namespace of its own");
    let tracer = Tracer::start();
    client.go_on_until(DIALS);
    let report = tracer.finish();
    // It lives until here: of one that is gone only the kernel's pid is known.
    client.end();

    let (dialled, accepted) = (report.dialled(server.port), report.accepted(server.port));
    assert!(dialled.len() >= 5 && accepted.len() >= 5, "{dialled:#?} {accepted:#?}");
    all_are(&dialled, dialled.len(), "process.pid", &pid.to_string());
    all_are(&dialled, dialled.len(), "process.vpid", &inside.to_string());
    all_are(&accepted, accepted.len(), "process.pid", &process::id().to_string());
    all_are(&accepted, accepted.len(), "process.vpid", "-");
    let summary = report.summary(pid, "client", server.port);
    assert_eq!(int(summary, "process.vpid"), u64::from(inside), "{summary}");
}

#[test]
#[ignore = "needs root"]
fn a_tracer_in_a_container_gives_the_hosts_pids_and_no_name_of_its_own_proc() {
    let server = Server::start(Script::KeepAlive);
    let port = server.port;
    let tracer = thread::spawn(|| {
        run(Command::new(tool::path("unshare"))
            .args(["--pid", "--fork", "--mount-proc"])
            .arg(binary())
            .args(["--output", "json", "--connections", "--duration", "3s"]))
    });
    while !tracer.is_finished() {
        drop(std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the dial succeeds"));
        thread::sleep(Duration::from_millis(50));
    }
    let output = tracer.join().expect("the tracer's thread");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("this is not the initial PID namespace"), "{stderr}");

    let comm = fs::read_to_string("/proc/self/comm").expect("its own name");
    let lines: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|line: &Value| line["server.port"] == port && line["tracer.role"] == "client")
        .collect();
    assert!(lines.len() > 10, "connections and their summary: {}", lines.len());
    for line in &lines {
        assert_eq!(int(line, "process.pid"), u64::from(process::id()), "{line}");
        assert_eq!(text(line, "process.executable.name"), comm.trim_end(), "{line}");
        for key in ["process.vpid", "process.executable.path", "process.linux.cgroup"] {
            assert_eq!(line.get(key), None, "of another process: {line}");
        }
    }
}
