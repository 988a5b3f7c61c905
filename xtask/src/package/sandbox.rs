//! Runs a script as root on a copy of this host whose changes are thrown away: an overlay in memory, in
//! namespaces of its own for processes, network and control groups. With systemd as process 1 if asked
//! for: the real one, which needs no machine.

use crate::process::{output, say};
use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

/// What is process 1 there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manager {
    Systemd,
    /// The script itself.
    Bare,
}

/// One that hangs is ended after so many seconds.
const SECONDS: &str = "900";
const SCRIPTS: [(&str, &str); 3] = [
    ("outside.sh", include_str!("sandbox/outside.sh")),
    ("inside.sh", include_str!("sandbox/inside.sh")),
    ("script.service", include_str!("sandbox/script.service")),
];

/// Runs `script` with `files` (name and bytes) beside it in `/mnt`; uses the folder `dir` meanwhile.
/// Returns what it said.
pub(super) fn run(
    dir: &Path,
    manager: Manager,
    script: &str,
    files: &[(&str, &[u8])],
) -> Result<String> {
    let (place, mnt) = (dir.join("sandbox"), dir.join("sandbox-files"));
    for folder in [&place, &mnt] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
    }
    let scripts = SCRIPTS.iter().map(|(name, text)| (*name, text.as_bytes()));
    let all = scripts.chain([("script.sh", script.as_bytes())]).chain(files.iter().copied());
    for (name, bytes) in all {
        fs::write(mnt.join(name), bytes)?;
    }
    let group = Group::make()?;
    let name = if manager == Manager::Systemd { "systemd" } else { "bare" };
    say(format!("package: a copy of this host, process 1 is {name}"));
    output(
        Command::new("timeout")
            .args([SECONDS, "unshare", "--mount", "sh"])
            .arg(mnt.join("outside.sh"))
            .args([&place, &mnt, &group.0])
            .arg(name),
    )
}

/// A control group of its own, removed when dropped with those that were made below it.
struct Group(PathBuf);

impl Group {
    fn make() -> Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let of_version_2 = |line: &&str| line.split(' ').nth(2) == Some("cgroup2");
        let mount = mounts.lines().find(of_version_2).and_then(|line| line.split(' ').nth(1));
        let mount = mount.context(
            "no control group hierarchy of version 2 is mounted: `mount -t cgroup2 none /sys/fs/cgroup`",
        )?;
        let path = Path::new(mount).join(format!("tracer-package-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The last process there may still be ending.
        for _ in 0..50 {
            if remove(&self.0).is_ok() {
                return;
            }
            sleep(Duration::from_millis(100));
        }
        say(format!("package: {} could not be removed", self.0.display()));
    }
}

fn remove(group: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}
