//! The package on a copy of this host: installed, run, removed and purged, with systemd and without.

use super::Package;
use super::sandbox::{self, Manager};
use crate::process::{is_root, print_line};
use anyhow::{Result, bail};
use std::fs;
use std::path::Path;

const COMMON: &str = include_str!("journey/common.sh");
const JOURNEYS: [(Manager, &str, &str); 2] = [
    (Manager::Bare, "without systemd", include_str!("journey/bare.sh")),
    (Manager::Systemd, "with systemd", include_str!("journey/service.sh")),
];

/// Makes both.
pub(super) fn run(package: &Package, dir: &Path) -> Result<()> {
    if !is_root() {
        bail!("a copy of this host takes root: run it with sudo");
    }
    let deb = fs::read(&package.deb)?;
    for (manager, name, script) in JOURNEYS {
        let files = [("common.sh", COMMON.as_bytes()), ("tracer.deb", &deb)];
        let said = sandbox::run(dir, manager, script, &files)?;
        for line in said.lines() {
            print_line(&format!("package {name}| {line}"));
        }
        let steps = script.matches("\nstep ").count();
        if let Some(why) = fault(&said, steps) {
            bail!("the journey {name} failed: {why}");
        }
    }
    Ok(())
}

/// What is wrong with what was said, if anything.
fn fault(said: &str, steps: usize) -> Option<String> {
    let done = said.lines().filter(|line| line.starts_with("STEP ")).count();
    let failed = said.lines().find_map(|line| line.strip_prefix("FAILED "));
    match said.lines().last() {
        Some("DONE") if done == steps => None,
        _ => Some(failed.map_or_else(
            || format!("{done} of {steps} steps were made"),
            |step| format!("not so: {step}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn only_a_journey_with_all_its_steps_is_one() {
        assert_eq!(fault("STEP a\nSTEP b\nDONE\n", 2), None);
        assert_eq!(fault("STEP a\nDONE\n", 2).unwrap(), "1 of 2 steps were made");
        assert_eq!(fault("STEP a\nFAILED a\n", 2).unwrap(), "not so: a");
        assert_eq!(fault("", 2).unwrap(), "0 of 2 steps were made");
    }
}
