//! The command line as a script and a person meet it on a real kernel.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::peer::{Script, Server};
use crate::support::report::{all_are, int, real, text};
use crate::support::tracer::{Tracer, binary, run};
use crate::support::{tool, wait};

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (text(&output.stdout), text(&output.stderr))
}

/// Asserts that a run could not be: exit code 2, nothing on stdout, one sentence on stderr.
#[track_caller]
fn could_not_run(output: &Output) -> String {
    let (stdout, stderr) = said(output);
    assert_eq!(output.status.code(), Some(2), "stderr: {stderr}");
    assert!(stdout.is_empty(), "{stdout}");
    assert_eq!(stderr.trim().lines().count(), 1, "one sentence: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    stderr
}

#[test]
#[ignore = "needs root"]
fn a_pid_that_does_not_exist_is_told_and_exits_2() {
    // Above the largest pid_max the kernel allows.
    let absent = "4194305";
    let output = run(Command::new(binary()).args([
        "diagnose",
        "--output",
        "json",
        "--duration",
        "1s",
        "-p",
        absent,
    ]));
    let sentence = could_not_run(&output);
    assert!(sentence.contains(absent), "{sentence}");
}

#[test]
#[ignore = "needs root"]
fn without_root_the_missing_capability_is_named_and_exits_2() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let everyone = |mode| fs::Permissions::from_mode(mode);
    fs::set_permissions(dir.path(), everyone(0o755)).expect("chmod");
    let copy = dir.path().join("tracer");
    fs::copy(binary(), &copy).expect("a copy everybody can run");
    fs::set_permissions(&copy, everyone(0o755)).expect("chmod");
    let output = run(Command::new(tool::path("setpriv"))
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&copy)
        .args(["diagnose", "--output", "json", "--duration", "1s"])
        .current_dir("/"));
    let sentence = could_not_run(&output);
    assert!(sentence.contains("CAP_"), "names the capability: {sentence}");
}

#[test]
#[ignore = "needs root"]
fn sigterm_ends_the_observation_like_sigint() {
    let tracer = Tracer::start();
    let port = Server::start(Script::KeepAlive).port;
    drop(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the dial succeeds"));
    wait::quiet(port);
    let report = tracer.finish_by(Signal::TERM);
    assert_eq!((report.dialled(port).len(), report.accepted(port).len()), (1, 1));
}

#[test]
#[ignore = "needs root"]
fn a_duration_ends_by_itself_with_the_closing_lines() {
    // The duration itself is under test: one second and no signal.
    let output =
        run(Command::new(binary()).args(["diagnose", "--output", "json", "--duration", "1s"]));
    let (stdout, stderr) = said(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let names: Vec<String> = stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|line| text(&line, "event.name").to_owned())
        .collect();
    assert_eq!(names.first().map(String::as_str), Some("tracer.health"), "{stdout}");
    assert_eq!(names.last().map(String::as_str), Some("tracer.health"), "{stdout}");
    assert!(names.len() >= 2, "one when attached, one at the end: {stdout}");
    let closed = names.iter().filter(|name| *name == "tracer.connection.closed").count();
    assert_eq!(closed, 0, "only with --connections");
}

#[test]
#[ignore = "needs root"]
fn health_names_every_hook_with_its_verdict() {
    let report = Tracer::start().finish();
    for health in [report.opening_health(), report.closing_health()] {
        assert!(!text(health, "tracer.version").is_empty());
        assert!(!text(health, "tracer.kernel").is_empty());
        let hooks = health["tracer.hooks"].as_object().expect("an object");
        for core in ["inet_sock_set_state", "tcp_connect", "tcp_close"] {
            assert!(hooks.contains_key(core), "{core}: {hooks:?}");
        }
        for (hook, verdict) in hooks {
            let verdict = verdict.as_str().expect("a text");
            let known = ["attached:", "unsupported", "refused:", "failed:"];
            assert!(known.iter().any(|word| verdict.starts_with(word)), "{hook}: {verdict}");
        }
        let state = hooks["inet_sock_set_state"].as_str().expect("a text");
        assert!(state.starts_with("attached:"), "nothing works without it: {state}");
    }
    assert_eq!(int(report.closing_health(), "tracer.evicted"), 0);
}

#[test]
#[ignore = "needs root"]
fn the_demo_catches_the_client_that_redials_and_only_it() {
    let output = run(Command::new(binary()).args(["demo", "--output", "json"]));
    let (stdout, stderr) = said(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let lines: Vec<Value> =
        stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let named = |event: &'static str| lines.iter().filter(move |line| line["event.name"] == *event);

    let findings: Vec<&Value> = named("tracer.finding").collect();
    all_are(&findings, 1, "tracer.finding.code", "one-shot");
    let (guilty, port) = (&findings[0]["process.pid"], &findings[0]["server.port"]);
    let clients: Vec<&Value> = named("tracer.summary")
        .filter(|line| line["server.port"] == *port && line["tracer.role"] == "client")
        .collect();
    assert_eq!(clients.len(), 2, "one redials, one reuses: {clients:#?}");
    for client in clients {
        let reuse = real(client, "tracer.reuse_ratio");
        assert!(int(client, "tracer.exchanges") >= 10, "{client}");
        let redials = client["process.pid"] == *guilty;
        assert_eq!((reuse < 0.1, reuse > 0.8), (redials, !redials), "{client}");
    }
}

#[test]
#[ignore = "needs root"]
fn the_demo_tells_a_person_one_shot_by_default() {
    let output = run(Command::new(binary()).arg("demo"));
    let (stdout, stderr) = said(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stdout.contains("one-shot"), "{stdout}");
    for other in ["unread-close", "hoard", "short-lived-process", "close-wait-leak"] {
        assert!(!stdout.contains(other), "{other}: {stdout}");
    }
}

#[test]
#[ignore = "needs root"]
fn kernel_side_diagnostics_go_to_stderr_and_only_if_asked_for() {
    let traced = |flag: &[&str]| {
        let tracer = Tracer::start_with(flag);
        // The demo's own connections are what there is to log.
        let demo = run(Command::new(binary()).args(["demo", "--duration", "2s"]));
        assert!(demo.status.success());
        // Each line of stdout is JSON, or this fails.
        tracer.finish_saying().1
    };
    let stderr = traced(&["--kernel-log"]);
    assert!(stderr.contains("socket cookie") && stderr.contains("state"), "{stderr}");
    assert_eq!(traced(&[]), "");
}
