//! Files of agents that were killed, of those whose disk is full, and of those that cannot write any.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::running::{lines, traffic, unscraped};
use crate::support::agent::Agent;
use crate::support::tracer::{binary, run};
use crate::support::{tool, wait};

/// Whole lines of a file, which may be written meanwhile.
fn count(file: &Path) -> usize {
    fs::read(file).map_or(0, |text| memchr::memchr_iter(b'\n', &text).count())
}

#[test]
#[ignore = "needs root"]
fn an_agent_that_is_killed_leaves_whole_lines_and_the_next_one_goes_on_after_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("tracer.jsonl");
    let start = || {
        let mut command = Command::new(binary());
        Agent::start(unscraped(command.arg("agent")).arg("--output").arg(&file))
    };
    let mut before = 0;
    for _ in 0..3 {
        let agent = start();
        wait::until("a line", || (count(&file) > before).then_some(()));
        let attached = count(&file);
        let busy = thread::spawn(|| traffic(100));
        wait::until("lines of connections", || (count(&file) > attached + 20).then_some(()));
        agent.kill();
        busy.join().expect("connections");
        before = lines(&file).len();
        assert!(before > attached, "it goes on after {attached} lines");
    }
    // As the machine leaves it that is switched off.
    let mut end = OpenOptions::new().append(true).open(&file).expect("the file");
    end.write_all(b"{\"timestamp\":\"2026-11-22T05:5").expect("a cut line");
    let agent = start();
    wait::until("a line", || (count(&file) > before).then_some(()));
    let (_, said) = agent.end();
    assert!(said.contains("ended within a line"), "{said}");
    assert!(lines(&file).len() > before);
}

#[test]
#[ignore = "needs root"]
fn a_file_that_cannot_be_written_is_told_at_the_start_and_exits_2() {
    let dir = tempfile::tempdir().expect("a folder");
    let foreign = dir.path().join("passwd");
    fs::write(&foreign, "root:x:0:0").expect("a file");
    for (path, next) in [
        (dir.path().join("none/tracer.jsonl"), "make its directory, `mkdir -p "),
        (dir.path().to_owned(), "name a file in it"),
        (foreign.clone(), "give --output another file"),
    ] {
        let output = run(Command::new(binary()).args(["agent", "--output"]).arg(&path));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(next) && said.trim().lines().count() == 1, "{said}");
    }
    assert_eq!(fs::read_to_string(&foreign).expect("it is there"), "root:x:0:0");
}

/// In a mount namespace of its own: a disk at `/mnt` that is nearly full.
const NEARLY_FULL: &str = "mount -t tmpfs -o size=64m none /mnt &&
    head -c 65472K /dev/zero >/mnt/filled && exec \"$0\" \"$@\"";

#[test]
#[ignore = "needs root"]
fn lines_wait_for_a_disk_that_is_full_and_none_is_cut_or_lost_once_there_is_room() {
    let dir = tempfile::tempdir().expect("a folder");
    let other = dir.path().join("all");
    let mut command = Command::new(tool::path("unshare"));
    command.args(["--mount", "sh", "-c", NEARLY_FULL]).arg(binary());
    command.args(["agent", "--output", "/mnt/lines", "--output"]).arg(&other);
    let agent = Agent::start(unscraped(&mut command)).attached_to(&other);
    let disk = PathBuf::from(format!("/proc/{}/root/mnt", agent.pid().as_raw_nonzero()));
    let (file, kept) = (disk.join("lines"), dir.path().join("lines"));
    traffic(100);
    let is_full = |path: &Path| fs::metadata(path).is_ok_and(|about| about.len() > 40 << 10);
    wait::until("a full disk", || is_full(&file).then_some(()));
    fs::remove_file(disk.join("filled")).expect("some room");
    let so_far = fs::metadata(&other).expect("the other file").len();
    wait::until("what has waited", || {
        fs::metadata(&file).is_ok_and(|about| about.len() >= so_far).then_some(())
    });
    // The disk goes with the agent.
    let handle = fs::File::open(&file).expect("the file");
    let (_, said) = agent.end();
    std::io::copy(&mut &handle, &mut fs::File::create(&kept).expect("a file")).expect("a copy");
    assert!(lines(&kept) == lines(&other), "{said}");
    assert!(lines(&other).len() >= 200, "both ends of each connection");
}
