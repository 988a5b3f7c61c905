//! The list of capabilities against what grants them and what tells of them, and threads that give up
//! theirs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rustix::thread::no_new_privs;

use super::*;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap()
}

fn granted() -> BTreeSet<&'static str> {
    NEEDS.iter().filter(|need| need.is_granted).map(|need| need.name).collect()
}

#[test]
fn the_unit_grants_what_is_needed_and_bounds_itself_to_that() {
    let unit = read("packaging/tracer.service");
    for key in ["AmbientCapabilities=", "CapabilityBoundingSet="] {
        let lists: Vec<_> = unit.lines().filter_map(|line| line.strip_prefix(key)).collect();
        let [list] = lists.as_slice() else { panic!("{key} {lists:?}") };
        assert_eq!(list.split(' ').collect::<BTreeSet<_>>(), granted(), "{key}");
    }
}

#[test]
fn the_manifest_for_kubernetes_grants_the_same() {
    let manifest = read("fleet/kubernetes/daemonset.yaml");
    let (_, list) = manifest.split_once("add:\n").unwrap();
    let names = list.lines().map_while(|line| line.trim().strip_prefix("- "));
    let names: Vec<_> = names.map(|name| format!("CAP_{name}")).collect();
    assert_eq!(names.iter().map(String::as_str).collect::<BTreeSet<_>>(), granted());
    assert!(!manifest.contains("privileged: true"));
}

#[test]
fn the_document_tells_of_each_for_how_long_it_is_needed_and_whether_it_is_granted() {
    let document = read("docs/agent.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `CAP_"));
    let told: Vec<_> = rows.map(|row| format!("| `CAP_{row}")).collect();
    let row = |need: &Need| {
        let term = match need.term {
            Term::Start => "at start",
            Term::StartOrLonger => "at start; before 5.19 always",
            Term::Always => "always",
        };
        let need_of_it = if need.is_required { "required" } else { "optional" };
        let granted = if need.is_granted { "yes" } else { "no" };
        format!("| `{}` | {} | {need_of_it} | {term} | {granted} |", need.name, need.gives)
    };
    let expected: Vec<_> = NEEDS.iter().map(row).collect();
    assert_eq!(told, expected, "\n{}\n", expected.join("\n"));
}

#[test]
fn each_name_is_that_of_its_set() {
    for need in NEEDS {
        let name = need.name.strip_prefix("CAP_").unwrap();
        assert_eq!(CapabilitySet::from_name(name), Some(need.set));
    }
}

#[test]
fn what_a_thread_gives_up_is_gone_there_and_where_it_starts_another_and_nowhere_else() {
    let before = held().unwrap();
    let kept = CapabilitySet::SYS_PTRACE & before;
    let now = || (capabilities(None).unwrap(), no_new_privs().unwrap());
    let both = std::thread::spawn(move || {
        keep(kept).unwrap();
        [now(), std::thread::spawn(now).join().unwrap()]
    });
    for (sets, is_bound) in both.join().unwrap() {
        assert_eq!(sets.permitted, kept);
        assert_eq!(sets.effective, kept);
        assert!(sets.inheritable.is_empty());
        assert!(is_bound);
    }
    assert_eq!(held().unwrap(), before, "ours are our own");
}

#[test]
fn what_a_thread_does_without_for_now_it_can_have_again() {
    std::thread::spawn(|| {
        let before = held().unwrap();
        act_with(CapabilitySet::empty()).unwrap();
        assert!(held().unwrap().is_empty());
        act_with(CapabilitySet::all()).unwrap();
        assert_eq!(held().unwrap(), before & capabilities(None).unwrap().permitted);
    })
    .join()
    .unwrap();
}
