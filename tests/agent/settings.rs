//! Settings from a file, and SIGHUP.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::running::{lines_so_far, traffic};
use crate::support::agent::Agent;
use crate::support::tracer::{binary, run};
use crate::support::wait;

fn closed(file: &std::path::Path) -> usize {
    lines_so_far(file)
        .iter()
        .filter(|line| line["event.name"] == "tracer.connection.closed")
        .count()
}

#[test]
#[ignore = "needs root"]
fn a_hangup_has_settings_read_again_and_wrong_ones_change_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let (file, config) = (dir.path().join("tracer.jsonl"), dir.path().join("agent.toml"));
    let path = file.display();
    let write = |text: &str| fs::write(&config, text).expect("the settings");
    let fixed = format!("metrics-listen = \"off\"\noutput = \"{path}\"\n");
    write(&format!("{fixed}interval = \"300s\"\n"));
    let mut command = Command::new(binary());
    let agent = Agent::start(command.arg("agent").arg("--config").arg(&config)).attached_to(&file);
    let hangup = |agent: &Agent, told: &str| {
        agent.signal(Signal::HUP);
        agent.says(told);
    };
    traffic(5);
    thread::sleep(Duration::from_secs(2));
    assert_eq!(closed(&file), 0, "nobody asked for them");
    write(&format!("{fixed}interval = \"1s\"\nconnections = true\nwindow = \"5m\"\n"));
    hangup(
        &agent,
        "settings were read again: interval, connections changed; restart tracer to change window",
    );
    traffic(5);
    wait::until("their lines", || (closed(&file) >= 10).then_some(()));
    write("intervall = \"1s\"\n");
    hangup(&agent, "settings stay as they were");
    assert!(agent.said().contains("there is no setting `intervall`: did you mean `interval`?"));
    traffic(5);
    wait::until("their lines", || (closed(&file) >= 20).then_some(()));
    agent.end();
}

#[test]
fn settings_can_be_checked_without_any_right() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = dir.path().join("agent.toml");
    fs::write(&config, "interval = \"5m\"\noutput = [\"journald\", \"/var/log/t.jsonl\"]\n")
        .expect("settings");
    let check = |variable: (&str, &str)| {
        run(Command::new(binary())
            .args(["agent", "--check-config", "--window", "2m", "--config"])
            .arg(&config)
            .env(variable.0, variable.1))
    };
    let output = check(("TRACER_ARG_PORT", "80,443"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    for line in [
        format!("interval = \"5m\"  # {}", config.display()),
        format!("output = [\"journald\", \"/var/log/t.jsonl\"]  # {}", config.display()),
        "window = \"2m\"  # flag".to_owned(),
        "port = [80, 443]  # TRACER_ARG_PORT".to_owned(),
        "metrics-listen = \"127.0.0.1:9464\"".to_owned(),
        "# max-connections is not set".to_owned(),
    ] {
        assert!(said.lines().any(|found| found == line), "{line} in {said}");
    }
    let output = check(("TRACER_ARG_PORTS", "80"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), said.trim().lines().count()), (Some(2), 1), "{said}");
    assert!(
        said.contains("TRACER_ARG_PORTS: there is no option `ports`: did you mean `port`?"),
        "{said}"
    );
}
