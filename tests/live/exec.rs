//! `tracer exec`: a command and all its descendants are judged, nobody else is, and the command does
//! not notice.

#[path = "exec/run.rs"]
mod run;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use self::run::{Exec, groups_of, mount};
use crate::support::nginx::Nginx;
use crate::support::peer::{Script, Server};
use crate::support::report::{all_are, int, text};
use crate::support::tracer::binary;
use crate::support::{port, tool, wait};

/// A shell's words to fetch `/small` of `port` once.
fn curl(port: u16) -> String {
    let curl = tool::path("curl");
    let curl = curl.display();
    format!("{curl} --silent --fail --noproxy '*' --output /dev/null http://127.0.0.1:{port}/small")
}

#[test]
#[ignore = "needs root"]
fn the_exit_code_is_that_of_the_command() {
    for (command, code) in [
        (&["true"][..], 0),
        (&["sh", "-c", "exit 3"], 3),
        (&["/etc/passwd"], 126),
        (&["/no/such/command"], 127),
        (&["no-such-command"], 127),
        (&["sh", "-c", "kill -KILL $$"], 137),
    ] {
        let said = Exec::start(&[], command).end();
        assert_eq!(said.code, Some(code), "{command:?}: {}", said.stderr);
        assert_eq!(said.stdout, "", "{command:?}");
        let lines = usize::from(code == 126 || code == 127);
        assert_eq!(said.stderr.lines().count(), lines, "{command:?}: {}", said.stderr);
    }
}

#[test]
#[ignore = "needs root"]
fn what_was_told_before_a_command_that_cannot_be_run_is_written() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("report");
    let output = Command::new(binary())
        .args(["exec", "--output", "json", "--report"])
        .arg(&file)
        .args(["--", "/no/such/command"])
        .output()
        .expect("the tracer binary starts");
    assert_eq!(output.status.code(), Some(127));
    let told = fs::read_to_string(&file).expect("a report");
    assert!(told.contains("tracer.health") && told.ends_with("}\n"), "{told}");
}

#[test]
#[ignore = "needs root"]
fn a_curl_for_each_request_is_named_and_fails_a_gate() {
    const RUNS: u64 = 20;
    let nginx = Nginx::keep_alive();
    let script = format!("for i in $(seq {RUNS}); do {}; done", curl(nginx.port));
    for (options, code) in [
        (&[][..], 0),
        (&["--fail-on", "short-lived-process"], 1),
        (&["--fail-on", "error,hoard"], 0),
    ] {
        let said = Exec::shell(options, &script).end();
        assert_eq!((said.code, said.stderr.as_str()), (Some(code), ""), "{options:?}");
        let report = said.report();
        let summary = report.folded_summary(nginx.port);
        assert_eq!(int(summary, "tracer.processes"), RUNS);
        assert_eq!(int(summary, "tracer.connections_opened"), RUNS);
        let finding = report.finding("short-lived-process", nginx.port);
        assert_eq!(text(finding, "process.executable.name"), "curl");
    }
    // What is found does not hide that the command failed.
    let said = Exec::shell(&["--fail-on", "info"], &format!("{script}; exit 3")).end();
    assert_eq!(said.code, Some(3));
}

#[test]
#[ignore = "needs root"]
fn a_few_curls_are_no_finding_and_explained() {
    let nginx = Nginx::keep_alive();
    let script = format!("for i in $(seq 7); do {}; done", curl(nginx.port));
    let said = Exec::shell(&["--explain", "--fail-on", "info"], &script).end();
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    let lacks: Vec<_> =
        said.report.iter().filter(|line| line["event.name"] == "tracer.not_enough").collect();
    all_are(&lacks, 1, "tracer.not_enough.threshold", "short-lived-process.min-processes");
    assert_eq!(int(lacks[0], "tracer.not_enough.have"), 7);
    assert_eq!(int(lacks[0], "tracer.not_enough.need"), 10);
}

#[test]
#[ignore = "needs root"]
fn a_command_that_reuses_passes_the_strictest_gate() {
    let nginx = Nginx::keep_alive();
    let script = format!("{}?[1-30]", curl(nginx.port));
    let said = Exec::shell(&["--fail-on", "info", "--strict"], &script).end();
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    let report = said.report();
    assert!(report.findings(nginx.port).is_empty());
    nginx.served(1, 30);
}

#[test]
#[ignore = "needs root"]
fn who_is_not_of_the_command_is_not_in_its_report() {
    let server = Server::start(Script::KeepAlive);
    let mut exec = Exec::shell(&["--connections"], &format!("{}; echo; read x", curl(server.port)));
    let mut stdout = exec.stdout();
    stdout.read_exact(&mut [0]).expect("the command has fetched");
    // From here until the command ends: dials of another process to the same server.
    for _ in 0..20 {
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, server.port)).expect("the dial succeeds"));
    }
    wait::quiet(server.port);
    let report = exec.end().report();
    assert_eq!(report.dialled(server.port).len(), 1);
    all_are(&report.dialled(server.port), 1, "process.executable.name", "curl");
    assert_eq!(report.accepted(server.port).len(), 0, "the server is not the command's");
}

#[test]
#[ignore = "needs root"]
fn a_descendant_that_leaves_session_and_parent_is_counted() {
    let server = Server::start(Script::KeepAlive);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let done = dir.path().join("done");
    // The shell between ends at once: what it started has no parent but init, and its own session.
    let (done, curl) = (done.display(), curl(server.port));
    let script = format!(
        "(setsid sh -c \"{curl}; {curl}; touch {done}\" </dev/null >/dev/null 2>&1 &)
         until [ -e {done} ]; do sleep 0.05; done"
    );
    let said = Exec::shell(&["--connections"], &script).end();
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    assert_eq!(said.report().dialled(server.port).len(), 2);
}

#[test]
#[ignore = "needs root"]
fn a_descendant_in_a_control_group_of_its_own_is_counted() {
    let server = Server::start(Script::KeepAlive);
    let mount = mount();
    // It stays in its group for a while: groups are looked for twenty times a second.
    let script = format!(
        "own={}$(sed -n 's/^0:://p' /proc/self/cgroup)
         mkdir $own/inner
         sh -c \"echo 0 >$own/inner/cgroup.procs; {}; sleep 0.3\"",
        mount.display(),
        curl(server.port)
    );
    let said = Exec::shell(&["--connections"], &script).end();
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    assert_eq!(said.report().dialled(server.port).len(), 1);
}

#[test]
#[ignore = "needs root"]
fn a_server_that_the_command_starts_is_judged_too() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let port = port::closed();
    fs::write(dir.path().join("small"), "ok").expect("a file");
    let script = format!(
        "cd {}; {} -m http.server --bind 127.0.0.1 {port} >/dev/null 2>&1 & server=$!
         until {} 2>/dev/null; do sleep 0.1; done; kill $server",
        dir.path().display(),
        tool::path("python3").display(),
        curl(port)
    );
    let said = Exec::shell(&["--connections"], &script).end();
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let report = said.report();
    assert_eq!(report.accepted(port).len(), 1);
    let fetched = report.dialled(port).into_iter().filter(|dial| int(dial, "tracer.exchanges") > 0);
    assert_eq!(fetched.count(), 1, "the others were refused");
}

#[test]
#[ignore = "needs root"]
fn the_streams_are_the_commands_and_the_report_goes_to_stderr() {
    let server = Server::start(Script::KeepAlive);
    let mut child = Command::new(binary())
        .args(["exec", "--", "sh", "-c", &format!("cat; echo oops >&2; {}", curl(server.port))])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tracer binary starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin.write_all(b"one\0two\n").expect("the command listens");
    drop(stdin);
    let output = child.wait_with_output().expect("its end");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, b"one\0two\n");
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    let (before, report) = stderr.split_once("oops\n").expect("what the command said");
    assert_eq!(before, "", "nothing is said before the report");
    assert!(report.starts_with("tracer ") && report.contains("1 connection of 1 process"));
}

#[test]
#[ignore = "needs root"]
fn sigint_is_the_commands_and_the_report_is_told() {
    let script = "trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.05; done";
    let mut exec = Exec::shell(&[], script);
    let mut stdout = exec.stdout();
    stdout.read_exact(&mut [0; 6]).expect("it is ready");
    exec.signal(Signal::INT);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("UTF-8");
    assert_eq!(rest, "caught\n");
    let said = exec.end();
    assert_eq!(said.code, Some(7), "{}", said.stderr);
    let last = said.report.last().expect("lines");
    assert_eq!((said.report.len() >= 2, text(last, "event.name")), (true, "tracer.health"));
}

#[test]
#[ignore = "needs root"]
fn sigterm_ends_the_command_and_leaves_no_control_group() {
    let mut exec = Exec::shell(&[], "echo ready; exec sleep 600");
    let mut stdout = exec.stdout();
    stdout.read_exact(&mut [0; 6]).expect("it is ready");
    assert_eq!(groups_of(exec.child.id()).len(), 1, "the check sees a group where there is one");
    exec.signal(Signal::TERM);
    assert_eq!(exec.end().code, Some(143));
}

#[test]
#[ignore = "needs root"]
fn a_process_that_outlives_the_command_is_left_alone_and_told() {
    let said = Exec::shell(&[], "sleep 600 >/dev/null 2>&1 & echo $!").end();
    let pid = said.stdout.trim().parse().ok().and_then(Pid::from_raw).expect("a pid");
    let lives = test_kill_process(pid).is_ok();
    kill_process(pid, Signal::TERM).expect("it is there until now");
    assert!(lives);
    assert_eq!(said.code, Some(0));
    assert!(said.stderr.contains("1 process of sh still runs"), "{}", said.stderr);
}

#[test]
#[ignore = "needs root"]
fn without_control_groups_of_version_2_it_says_what_to_mount() {
    // In a mount namespace of its own, so that nothing else misses them.
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", "umount -R \"$1\" && shift && exec \"$@\"", "sh"])
        .arg(mount())
        .arg(binary())
        .args(["exec", "--", "echo", "run"])
        .output()
        .expect("unshare starts");
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &[][..]), "{stderr}");
    assert!(stderr.contains("mount -t cgroup2"), "{stderr}");
}

#[test]
#[ignore = "needs root"]
fn a_file_for_the_report_that_cannot_be_made_is_told_before_the_command_runs() {
    let output = Command::new(binary())
        .args(["exec", "--report", "/no/such/folder/report", "--", "echo", "run"])
        .output()
        .expect("the tracer binary starts");
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &[][..]), "{stderr}");
    assert!(stderr.contains("/no/such/folder/report"), "{stderr}");
}
