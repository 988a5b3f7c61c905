//! A file that a real `logrotate` moves away while lines are written.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::running::{lines, traffic, unscraped};
use crate::support::agent::Agent;
use crate::support::tool;
use crate::support::tracer::{binary, run};
use crate::support::wait;

const ROUNDS: usize = 4;

#[test]
#[ignore = "needs root"]
fn logrotate_moves_files_away_and_no_line_is_lost_or_told_twice() {
    let dir = tempfile::tempdir().expect("a folder");
    let (file, other) = (dir.path().join("tracer.jsonl"), dir.path().join("all"));
    let mut command = Command::new(binary());
    command
        .args(["agent", "--rotate-keep", "0", "--output"])
        .arg(&file)
        .arg("--output")
        .arg(&other);
    let agent = Agent::start(unscraped(&mut command)).attached_to(&file);
    let config = dir.path().join("logrotate.conf");
    let text = format!(
        "{} {{\n rotate 9\n su root root\n postrotate\n  kill -HUP {}\n endscript\n}}\n",
        file.display(),
        agent.pid().as_raw_nonzero()
    );
    fs::write(&config, text).expect("its settings");
    let busy = thread::spawn(|| traffic(300));
    for round in 1..=ROUNDS {
        thread::sleep(Duration::from_secs(1));
        let state = dir.path().join("state");
        let output = run(Command::new(tool::path("logrotate"))
            .args(["--force", "--state"])
            .args([&state, &config]));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(numbered(&file, round).exists(), "it was moved: {said}");
        wait::until("a new file with a line", || {
            fs::metadata(&file).is_ok_and(|about| about.len() > 0).then_some(())
        });
    }
    busy.join().expect("connections");
    let (_, said) = agent.end();
    let renamed = (1..=ROUNDS).rev().map(|round| numbered(&file, round));
    let parts: Vec<_> = renamed.chain([file.clone()]).collect();
    let told: Vec<_> = parts.iter().flat_map(|part| lines(part)).collect();
    assert!(told == lines(&other), "{said}");
    assert!(told.len() > 600, "both ends of each connection: {}", told.len());
}

fn numbered(file: &Path, number: usize) -> std::path::PathBuf {
    format!("{}.{number}", file.display()).into()
}
