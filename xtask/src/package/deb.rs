//! Packs: a staged tree, given to `dpkg-deb`.

use super::files::{self, CONFFILES, File};
use super::{Workspace, epoch, meta};
use crate::process::{output, run};
use crate::toolchain::Rustc;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Scripts that dpkg runs.
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

/// Makes the package below `dir`: where it is.
pub(super) fn build(workspace: &Workspace, binary: &Path, dir: &Path) -> Result<PathBuf> {
    let of_cargo = &workspace.metadata.packages.iter().find(|package| package.name == "tracer");
    let of_cargo = of_cargo.context("the workspace has no tracer")?.version.to_string();
    let version = meta::version(&of_cargo);
    let host = Rustc::current()?.host;
    let Some(architecture) = meta::architecture(&host) else {
        bail!("Debian's name for {host} is not known here");
    };
    let epoch = epoch(workspace)?;
    let date = output(Command::new("date").args(["-u", "-R", "-d", &format!("@{epoch}")]))?;
    let mut files = files::all(workspace, binary)?;
    files.push(File {
        path: "usr/share/doc/tracer/changelog.gz",
        mode: 0o644,
        bytes: gzip(meta::changelog(&version, date.trim()).as_bytes())?,
    });
    let tree = dir.join("tree");
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    for file in &files {
        put(&tree, file.path, file.mode, &file.bytes)?;
    }
    let size = files.iter().map(|file| (file.bytes.len() as u64).div_ceil(1024)).sum();
    put(&tree, "DEBIAN/control", 0o644, meta::control(&version, architecture, size).as_bytes())?;
    put(&tree, "DEBIAN/md5sums", 0o644, sums(&tree, &files)?.as_bytes())?;
    let conffiles = CONFFILES.map(|path| format!("/{path}\n")).concat();
    put(&tree, "DEBIAN/conffiles", 0o644, conffiles.as_bytes())?;
    for script in SCRIPTS {
        let from = workspace.root().join("packaging/debian").join(script);
        let text = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        put(&tree, &format!("DEBIAN/{script}"), 0o755, &text)?;
    }
    let deb = dir.join(format!("tracer_{version}_{architecture}.deb"));
    run(Command::new("dpkg-deb")
        // More threads cut the stream elsewhere.
        .args(["--root-owner-group", "-Zxz", "--threads-max=1", "--build"])
        .arg(&tree)
        .arg(&deb)
        .env("SOURCE_DATE_EPOCH", epoch.to_string()))?;
    Ok(deb)
}

/// Writes a file, its folders with the mode that Debian has them.
fn put(tree: &Path, path: &str, mode: u32, bytes: &[u8]) -> Result<()> {
    let mut folder = tree.to_owned();
    let (folders, _) = path.rsplit_once('/').unwrap_or(("", path));
    for name in std::iter::once("").chain(folders.split('/')) {
        folder.push(name);
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
    }
    let file = tree.join(path);
    fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(fs::set_permissions(&file, fs::Permissions::from_mode(mode))?)
}

fn sums(tree: &Path, files: &[File]) -> Result<String> {
    let paths = files.iter().map(|file| file.path).filter(|path| !CONFFILES.contains(path));
    output(Command::new("md5sum").current_dir(tree).args(paths))
}

/// Without a name and a time.
fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut gzip = Command::new("gzip")
        .args(["-9", "-n"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run gzip")?;
    gzip.stdin.take().context("gzip has no stdin")?.write_all(bytes)?;
    let done = gzip.wait_with_output()?;
    if !done.status.success() {
        bail!("gzip ended with {}", done.status);
    }
    Ok(done.stdout)
}
