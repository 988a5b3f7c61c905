//! Checks of the package: same bytes twice, nothing of this machine in them, what `lintian` and
//! `systemd-analyze` say, then both journeys.

use super::{Package, Workspace, deb, journey};
use crate::process::{output, run as run_command, say};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The worst that `systemd-analyze security` may say of the unit, in tenths; docs/agent.md tells it.
const EXPOSURE: u32 = 27;

pub(super) fn run(workspace: &Workspace, package: &Package) -> Result<()> {
    let dir = workspace.target().join("package/check");
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;
    let again = deb::build(workspace, &package.binary, &dir)?;
    if fs::read(&again)? != fs::read(&package.deb)? {
        bail!("{} and {} differ", again.display(), package.deb.display());
    }
    names_no_place(workspace, &package.binary)?;
    run_command(
        Command::new("lintian")
            .args(["--fail-on", "error,warning", "--allow-root"])
            .arg(&package.deb),
    )?;
    unit(&dir)?;
    journey::run(package, &dir)?;
    say("package: all checks passed");
    Ok(())
}

/// Paths of this machine would differ elsewhere, and are nobody's business.
fn names_no_place(workspace: &Workspace, binary: &Path) -> Result<()> {
    let bytes = fs::read(binary)?;
    let root = workspace.root().to_string_lossy();
    if memchr::memmem::find(&bytes, root.as_bytes()).is_some() {
        bail!("{} has {root} in it", binary.display());
    }
    Ok(())
}

/// The unit as it is installed, below `dir/tree`, where the package was packed.
fn unit(dir: &Path) -> Result<()> {
    let tree = dir.join("tree");
    let unit = tree.join("usr/lib/systemd/system/tracer.service");
    // Its commands must be there.
    fs::create_dir_all(tree.join("bin"))?;
    fs::copy("/bin/kill", tree.join("bin/kill"))?;
    let said = Command::new("systemd-analyze")
        .arg("verify")
        .arg("--recursive-errors=no")
        .arg(format!("--root={}", tree.display()))
        .arg("tracer.service")
        .output()
        .context("cannot run systemd-analyze")?;
    let errors = String::from_utf8_lossy(&said.stderr).into_owned();
    if !said.status.success() || !errors.is_empty() {
        bail!("systemd-analyze verify: {errors}");
    }
    let exposure = exposure(&unit)?;
    say(format!("package: exposure of the unit {exposure:?} tenths, documented {EXPOSURE}"));
    if exposure > EXPOSURE {
        bail!("the unit is exposed more than docs/agent.md tells: {exposure} tenths");
    }
    Ok(())
}

/// In tenths.
fn exposure(unit: &Path) -> Result<u32> {
    let said = output(
        Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager"])
            .arg(unit),
    )?;
    parse(&said).context("systemd-analyze tells no exposure")
}

fn parse(said: &str) -> Option<u32> {
    let (_, rest) = said.split_once("Overall exposure level for ")?;
    let (_, level) = rest.split_once(": ")?;
    let (whole, tenth) = level.split_whitespace().next()?.split_once('.')?;
    Some(whole.parse::<u32>().ok()? * 10 + tenth.parse::<u32>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::{EXPOSURE, parse};

    #[test]
    fn the_exposure_is_read_in_tenths() {
        let said = "NAME\n\n→ Overall exposure level for tracer.service: 2.7 OK 🙂\n";
        assert_eq!(parse(said), Some(27));
        assert_eq!(parse("no such unit\n"), None);
    }

    #[test]
    fn the_document_tells_the_exposure_that_is_checked() {
        let document = include_str!("../../../docs/agent.md");
        let told = format!("rates it {}.{},", EXPOSURE / 10, EXPOSURE % 10);
        assert!(document.contains(&told), "{told}");
    }
}
