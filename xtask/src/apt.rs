//! A private apt root: packages of any Debian suite, from the mirror this machine already uses,
//! verified with Debian's archive keys, without touching what the machine has installed.

use crate::process::{is_root, output, pipe, probe, run, say};
use anyhow::{Context as _, Result};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// From the package debian-archive-keyring, which every Debian has.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

pub(crate) struct PrivateApt {
    dir: PathBuf,
    mirror: String,
    user: String,
}

impl PrivateApt {
    /// `None` if this machine has no apt or no Debian mirror in its sources.
    pub(crate) fn open(dir: &Path) -> Result<Option<Self>> {
        let dir = std::path::absolute(dir)?;
        if probe(Command::new("apt-get").arg("--version")).is_none() || !Path::new(KEYRING).exists()
        {
            return Ok(None);
        }
        // The list files name their origin, so a machine that never updated shows no mirror.
        if mirror().is_none() && is_root() {
            run(Command::new("apt-get").args(["-qq", "update"])).ok();
        }
        let Some(mirror) = mirror() else { return Ok(None) };
        for part in ["lists/partial", "cache/archives/partial", "download"] {
            fs::create_dir_all(dir.join(part))?;
        }
        let user = output(Command::new("id").arg("-un"))?.trim().to_owned();
        Ok(Some(Self { dir, mirror, user }))
    }

    /// Makes `suite` the only source. `None` if the mirror does not have it.
    pub(crate) fn select(&self, suite: &str) -> Option<()> {
        let source = format!("deb [signed-by={KEYRING}] {} {suite} main\n", self.mirror);
        fs::write(self.dir.join("sources.list"), source).ok()?;
        say(format!("apt: reading Debian {suite}"));
        // A suite that is unreachable or unknown must fail, not fall back on an older list.
        let mut update = self.command("apt-get");
        update.args(["-qq", "-o", "APT::Update::Error-Mode=any", "update"]);
        let found = probe(&mut update).map(drop);
        if found.is_none() {
            say(format!("apt: cannot read Debian {suite} from this machine's mirror"));
        }
        found
    }

    /// Downloads the newest package that matches `spec` (`name` or `name=version-glob`).
    pub(crate) fn download(&self, spec: &str) -> Option<PathBuf> {
        let dir = self.dir.join("download");
        fs::remove_dir_all(&dir).ok()?;
        fs::create_dir_all(&dir).ok()?;
        probe(self.command("apt-get").args(["-qq", "download", spec]).current_dir(&dir))?;
        let mut files = fs::read_dir(&dir).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let package = files.find(|path| path.extension() == Some(OsStr::new("deb")))?;
        say(format!("apt: downloaded {}", package.file_name()?.to_string_lossy()));
        Some(package)
    }

    /// The newest package with `prefix` that `package` depends on, in the selected suite.
    pub(crate) fn dependency(&self, package: &str, prefix: &str) -> Option<String> {
        let text = probe(self.command("apt-cache").args(["depends", "--important", package]))?;
        let mut names = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        names.find(|name| name.starts_with(prefix)).map(str::to_owned)
    }

    /// Removes lists and downloads; they are large and soon stale.
    pub(crate) fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.dir).context("cannot remove the private apt root")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let settings = [
            format!("Dir::Etc::SourceList={}", self.dir.join("sources.list").display()),
            "Dir::Etc::SourceParts=/dev/null".to_owned(),
            format!("Dir::State::Lists={}", self.dir.join("lists").display()),
            format!("Dir::Cache={}", self.dir.join("cache").display()),
            "Debug::NoLocking=1".to_owned(),
            format!("APT::Sandbox::User={}", self.user),
            "Acquire::Languages=none".to_owned(),
            "Acquire::Retries=5".to_owned(),
        ];
        for setting in settings {
            command.arg("-o").arg(setting);
        }
        command
    }
}

/// Unpacks a package into a folder, without installing it.
pub(crate) fn unpack(package: &Path, dir: &Path) -> Result<()> {
    pipe(
        Command::new("dpkg-deb").arg("--fsys-tarfile").arg(package),
        Command::new("tar").arg("-x").arg("-C").arg(dir),
    )
}

/// The address of the Debian archive proper (not security, not updates) among apt's sources.
fn mirror() -> Option<String> {
    let targets = probe(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(REPO_URI) $(CODENAME)",
        "Created-By: Packages",
        "Origin: Debian",
        "Component: main",
    ]))?;
    targets.lines().find_map(|line| {
        let (uri, codename) = line.split_once(' ')?;
        (!codename.contains('-')).then(|| uri.to_owned())
    })
}
