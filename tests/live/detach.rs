//! A tracer that is killed leaves nothing in the kernel: it pins nothing, and what its descriptors
//! held goes with them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use aya::maps::loaded_maps;
use aya::programs::{loaded_links, loaded_programs};
use rustix::process::Signal;

use crate::process::Process;
use crate::support::wait;

/// Programs, maps and links that process `pid` holds, as `/proc/PID/fdinfo` names them.
fn held(pid: u32) -> BTreeSet<(&'static str, u32)> {
    let files = fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("the tracer runs");
    // One that is closed meanwhile, as files of /proc are, is none of these.
    let lines = files.filter_map(|file| fs::read_to_string(file.expect("an entry").path()).ok());
    let text = lines.collect::<Vec<_>>().join("\n");
    let objects = text.lines().filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        let kind = ["prog_id", "map_id", "link_id"].into_iter().find(|kind| *kind == key)?;
        Some((kind, value.trim().parse().ok()?))
    });
    objects.collect()
}

/// All that the kernel has. One that is freed meanwhile is none.
fn loaded() -> BTreeSet<(&'static str, u32)> {
    let programs = loaded_programs().flatten().map(|program| ("prog_id", program.id()));
    let maps = loaded_maps().flatten().map(|map| ("map_id", map.id()));
    let links = loaded_links().flatten().map(|link| ("link_id", link.id()));
    programs.chain(maps).chain(links).collect()
}

fn pinned(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path().display().to_string()).collect()
}

#[test]
#[ignore = "needs root"]
fn a_killed_tracer_leaves_no_program_map_link_or_pinned_file() {
    let folder = Path::new("/sys/fs/bpf");
    let before = pinned(folder);
    let tracer = Process::start();
    let held = held(tracer.pid());
    for kind in ["prog_id", "map_id", "link_id"] {
        assert!(held.iter().any(|(of, _)| *of == kind), "no {kind} in {held:?}");
    }
    assert!(held.is_subset(&loaded()), "the kernel lists what it holds");
    let status = tracer.die();
    assert_eq!(status.signal(), Some(Signal::KILL.as_raw()));
    // The kernel frees programs once every CPU has left them.
    wait::until("the end of all it held", || held.is_disjoint(&loaded()).then_some(()));
    assert_eq!(pinned(folder), before);
}
