//! What the agent needs at start, and what is left of it in each of its threads once it observes.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use rustix::thread::CapabilitySet;
use serde_json::Value;
use tempfile::TempDir;
use tracer::privileges::{NEEDS, Need, Term};

use crate::support::agent::{self, Agent};
use crate::support::report::text;
use crate::support::tracer::binary;
use crate::support::wait;

/// `nobody`.
const USER: &str = "65534";

/// The binary where anybody may run it.
fn public() -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("its mode");
    fs::copy(binary(), dir.path().join("tracer")).expect("a copy");
    dir
}

/// These capabilities and no others, as `setpriv` has them.
fn only(granted: &[&Need]) -> String {
    let plus = |need: &&Need| need.name.replace("CAP_", "+").to_lowercase();
    let sets = ["-all".to_owned()].into_iter().chain(granted.iter().map(plus));
    sets.collect::<Vec<_>>().join(",")
}

/// An agent, by the `tracer` of `dir`, of nobody, who has these capabilities, as ambient ones, and can gain no others.
fn by_nobody(dir: &Path, granted: &[&Need]) -> Command {
    let sets = only(granted);
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", USER, "--regid", USER, "--clear-groups"])
        .args(["--inh-caps", &sets, "--ambient-caps", &sets, "--bounding-set", &sets])
        .arg("--")
        .arg(dir.join("tracer"));
    agent::with_seconds(command)
}

fn set<'a>(needs: impl IntoIterator<Item = &'a Need>) -> CapabilitySet {
    needs.into_iter().map(|need| need.set).collect()
}

fn granted() -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| need.is_granted).collect()
}

/// What the agent may keep.
fn kept(of: &[&Need]) -> CapabilitySet {
    set(of.iter().copied().filter(|need| need.term == Term::Always))
}

/// The main thread has what is needed on, all others nothing.
fn assert_dropped(agent: &Agent, kept: CapabilitySet) {
    for wanted in ["tracer-reader", "tracer-writer", "tracer-metrics", "tracer-stderr"] {
        // A thread names itself.
        wait::until(wanted, || {
            agent.threads().iter().any(|(name, ..)| name == wanted).then_some(())
        });
    }
    agent.gives_up_all_but(kept);
}

#[test]
#[ignore = "needs root"]
fn once_it_observes_root_has_left_what_it_looks_at_processes_with_and_can_gain_no_more() {
    let agent = Agent::start(&mut agent::command()).attached();
    let kept = kept(&NEEDS.iter().collect::<Vec<_>>());
    assert_dropped(&agent, kept);
    for (name, _, bounding) in agent.threads() {
        assert!(kept.contains(bounding), "{name}: {bounding:?}");
    }
    agent.end();
}

#[test]
#[ignore = "needs root"]
fn the_threads_of_every_output_have_given_up_all() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("agent.jsonl");
    let mut command = agent::command();
    // Nobody is there; the name is looked up by a thread of its own.
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:9");
    let outputs = ["stdout", "journald", "otlp", &file.to_string_lossy()];
    let outputs: Vec<_> = outputs.iter().flat_map(|output| ["--output", output]).collect();
    let agent = Agent::start(command.args(outputs)).attached();
    wait::until("the threads that export", || {
        let threads = agent.threads();
        let is_there = |wanted: &&str| threads.iter().any(|(name, ..)| name == wanted);
        ["tracer-otlp", "tracer-resolve"].iter().all(is_there).then_some(())
    });
    assert_dropped(&agent, kept(&NEEDS.iter().collect::<Vec<_>>()));
}

#[test]
#[ignore = "needs root"]
fn a_user_with_what_the_unit_grants_attaches_what_root_does_and_sees_whose_connections_are() {
    let as_root = Agent::start(&mut agent::command()).attached();
    let hooks = as_root.health()["tracer.hooks"].clone();
    as_root.end();
    let dir = public();
    let agent = Agent::start(&mut by_nobody(dir.path(), &granted())).attached();
    assert_eq!(agent.health()["tracer.hooks"], hooks);
    assert_eq!(agent.health()["tracer.reader"], "realtime");
    assert_dropped(&agent, kept(&granted()));
    // Ours are root's, and closed to it but for what it keeps.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    for _ in 0..5 {
        drop(TcpStream::connect(listener.local_addr().expect("its address")).expect("a dial"));
        drop(listener.accept().expect("it arrives"));
    }
    let told = wait::until("the interval", || {
        let line = agent.lines.try_recv().ok()?;
        let line: Value = serde_json::from_str(&line).expect("JSON");
        (line["server.port"] == port && line["process.executable.path"].is_string()).then_some(line)
    });
    let own = std::env::current_exe().expect("our name");
    assert_eq!(text(&told, "process.executable.path"), own.to_string_lossy());
    let (_, said) = agent.end();
    assert!(!said.contains("is missing"), "{said}");
}

#[test]
#[ignore = "needs root"]
fn a_root_with_no_more_than_the_manifest_grants_attaches_what_root_does() {
    let as_root = Agent::start(&mut agent::command()).attached();
    let hooks = as_root.health()["tracer.hooks"].clone();
    as_root.end();
    let mut command = Command::new("setpriv");
    command
        .args(["--no-new-privs", "--inh-caps", "-all", "--bounding-set", &only(&granted())])
        .arg("--")
        .arg(binary());
    let agent = Agent::start(&mut agent::with_seconds(command)).attached();
    assert_eq!(agent.health()["tracer.hooks"], hooks);
    assert_dropped(&agent, kept(&granted()));
    let (_, said) = agent.end();
    assert!(!said.contains("is missing"), "{said}");
}

#[test]
#[ignore = "needs root"]
fn without_what_is_optional_it_observes_and_tells_what_is_missing_and_what_that_gives() {
    let dir = public();
    let required: Vec<_> = NEEDS.iter().filter(|need| need.is_required).collect();
    let agent = Agent::start(&mut by_nobody(dir.path(), &required)).attached();
    assert_eq!(agent.hook("inet_sock_set_state"), "attached:tp_btf");
    assert_eq!(agent.hook("cgroup/connect4"), "refused:EPERM");
    assert_dropped(&agent, CapabilitySet::empty());
    let (_, said) = agent.end();
    for need in granted().into_iter().filter(|need| !need.is_required) {
        let sentence = format!("{} is missing, which would give {}", need.name, need.gives);
        assert!(said.contains(&sentence), "{said}");
    }
}

#[test]
#[ignore = "needs root"]
fn without_one_that_is_required_it_names_that_one_and_how_to_grant_it() {
    let dir = public();
    for missing in NEEDS.iter().filter(|need| need.is_required) {
        let rest: Vec<_> = granted().into_iter().filter(|need| need.name != missing.name).collect();
        let (code, said) = Agent::start(&mut by_nobody(dir.path(), &rest)).ended();
        assert_eq!(code, Some(2), "{said}");
        let names = format!("tracer needs {} to load", missing.name);
        assert!(said.contains(&names) && said.contains("AmbientCapabilities="), "{said}");
    }
}
