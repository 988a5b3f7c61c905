//! The journal of systemd, a real one: what comes back is what the lines of a file say.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::Receiver;

use serde_json::{Map, Value};
use tracer::export::journal::IDS;

use crate::running::{lines, traffic, unscraped};
use crate::support::agent::Agent;
use crate::support::tracer::{self as program, binary};
use crate::support::wait::PATIENCE;
use crate::support::{report::text, tool};

/// A journal in a mount namespace of its own. Ends with its stdin.
pub(crate) struct Journal {
    child: Child,
    commands: ChildStdin,
    answers: Receiver<String>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        assert!(
            Path::new("/lib/systemd/systemd-journald").exists(),
            "the package systemd is missing"
        );
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/agent/journald.py");
        let mut child = Command::new(tool::path("unshare"))
            .args(["--mount", "python3", "-B"])
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a namespace");
        let commands = child.stdin.take().expect("stdin is piped");
        let answers = program::lines(child.stdout.take().expect("stdout is piped"));
        let mut journal = Self { child, commands, answers };
        // Its /run is its own from then on.
        journal.run("stop");
        journal
    }

    /// Has it started, stopped, …, see `journald.py`.
    pub(crate) fn run(&mut self, command: &str) {
        writeln!(self.commands, "{command}").expect("it runs");
        let answer = self.answers.recv_timeout(PATIENCE).expect("it is done");
        assert!(command.starts_with(&answer), "{answer}");
    }

    /// Runs the binary where it is.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(tool::path("nsenter"));
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.child.id())).arg(binary());
        command
    }

    /// An agent that writes to it and to a file.
    fn agent(&self, file: &Path) -> Agent {
        let mut command = self.command();
        command.args(["agent", "--output", "journald", "--output"]).arg(file);
        Agent::start(unscraped(&mut command)).attached_to(file)
    }

    /// The entries of tracer, in their order.
    fn entries(&mut self) -> Vec<Map<String, Value>> {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        self.run(&format!("read {}", file.path().display()));
        let text = fs::read_to_string(file.path()).expect("entries");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // It stops journald at the end of its stdin; both fail only if it has ended already.
        let _unheard = writeln!(self.commands, "stop");
        let _unheard = self.answers.recv_timeout(PATIENCE);
        let _over = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn field<'a>(entry: &'a Map<String, Value>, name: &str) -> &'a str {
    entry.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("no {name}: {entry:?}"))
}

/// Asserts that an entry says what a line does.
fn assert_same(entry: &Map<String, Value>, line: &Value) {
    for (key, value) in line.as_object().expect("an object") {
        let name = key.strip_prefix("tracer.").unwrap_or(key).to_uppercase().replace('.', "_");
        let told = field(entry, &format!("TRACER_{name}"));
        match value {
            Value::String(text) => assert_eq!(told, text),
            other => {
                assert_eq!(&serde_json::from_str::<Value>(told).expect("JSON"), other, "{key}");
            }
        }
    }
    let priority = match line.get("severity_text").and_then(Value::as_str) {
        Some("ERROR") => "3",
        Some("WARN") => "4",
        _ => "6",
    };
    assert_eq!(field(entry, "PRIORITY"), priority);
    let event = text(line, "event.name");
    let id = IDS.iter().find(|(known, _)| *known == event).expect("an event that is known").1;
    assert_eq!(field(entry, "MESSAGE_ID"), id);
    assert!(!field(entry, "MESSAGE").is_empty());
    assert!(!entry.contains_key("OBJECT_CMDLINE"), "arguments hold secrets: {entry:?}");
}

/// Asserts that each line of a file is an entry, and which events they are of.
pub(crate) fn assert_all(journal: &mut Journal, file: &Path, said: &str) {
    let (lines, entries) = (lines(file), journal.entries());
    assert_eq!(entries.len(), lines.len(), "{said}");
    for (entry, line) in entries.iter().zip(&lines) {
        assert_same(entry, line);
    }
    let events: BTreeSet<_> = lines.iter().map(|line| text(line, "event.name")).collect();
    let expected =
        ["tracer.connection.closed", "tracer.finding", "tracer.health", "tracer.summary"];
    assert_eq!(events, expected.into());
    let lost = lines.iter().rev().find_map(|line| line.get("tracer.lost")).expect("health");
    assert_eq!(lost["output"], 0);
}

#[test]
#[ignore = "needs root"]
fn each_line_is_an_entry_with_the_same_numbers_and_a_restart_loses_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("lines");
    let mut journal = Journal::new();
    journal.run("start");
    let agent = journal.agent(&file);
    traffic(60);
    journal.run("stop");
    traffic(60);
    journal.run("start");
    traffic(60);
    let (_, said) = agent.end();
    assert_all(&mut journal, &file, &said);
}

#[test]
#[ignore = "needs root"]
fn a_journal_that_is_not_there_is_waited_for_and_told_of_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("lines");
    let mut journal = Journal::new();
    let agent = journal.agent(&file);
    traffic(60);
    agent.says("the journal takes nothing");
    journal.run("start");
    agent.says("takes lines again");
    // Gone again, socket and all.
    journal.run("remove");
    journal.run("stop");
    traffic(60);
    journal.run("start");
    traffic(20);
    let (_, said) = agent.end();
    assert_all(&mut journal, &file, &said);
    assert!(said.matches("the journal takes nothing").count() <= 2, "{said}");
}

#[test]
#[ignore = "needs journalctl"]
fn the_catalog_is_one_that_journalctl_takes() {
    let root = tempfile::tempdir().expect("a folder");
    let catalogs = root.path().join("usr/lib/systemd/catalog");
    fs::create_dir_all(&catalogs).expect("folders");
    fs::create_dir_all(root.path().join("var/lib/systemd/catalog")).expect("folders");
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fleet/journald/tracer.catalog");
    fs::copy(ours, catalogs.join("tracer.catalog")).expect("a copy");
    let option = format!("--root={}", root.path().display());
    let journalctl = |what: &str| {
        let output = program::run(Command::new(tool::path("journalctl")).args([&option, what]));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    journalctl("--update-catalog");
    let listed = journalctl("--list-catalog");
    assert_eq!(listed.lines().count(), IDS.len(), "{listed}");
    for (_, id) in IDS {
        assert!(listed.contains(id), "{listed}");
    }
}
