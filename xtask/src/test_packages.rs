//! Debian packages that the tests use: real servers, clients, languages, an emulator, `promtool`. Installs
//! nothing that is already there, and starts no service.

use crate::process::{is_root, probe, run, run_patiently, say};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

const PACKAGES: [&str; 25] = [
    "nginx-light",
    "haproxy",
    "postgresql",
    "redis-server",
    "openssl",
    "iproute2",
    "golang-go",
    "python3",
    "python3-venv",
    "nodejs",
    "default-jdk-headless",
    "php-cli",
    "php-curl",
    "ruby",
    "curl",
    "util-linux",
    "strace",
    "prometheus",
    "systemd",
    "lintian",
    "qemu-system-x86",
    "busybox-static",
    "cpio",
    "xz-utils",
    "logrotate",
];

/// Makes every package present; an error names those that are not.
pub(crate) fn ensure() -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        say("test packages: all installed");
        return Ok(());
    }
    let list = missing.join(" ");
    if !is_root() {
        bail!("the tests need packages that only root can install: apt-get install {list}");
    }
    let _quiet = NoServices::begin()?;
    if install(&missing).is_err() {
        say("test packages: not found in the lists as they are; reading new ones");
        run_patiently(Command::new("apt-get").args(["-qq", "update"]))?;
        install(&missing).with_context(|| format!("cannot install {list}"))?;
    }
    Ok(())
}

fn missing() -> Vec<&'static str> {
    let installed = |package: &&str| {
        let status =
            probe(Command::new("dpkg-query").args(["-W", "-f=${db:Status-Status}", package]));
        status.as_deref() == Some("installed")
    };
    // Node.js of its makers brings it along, and is not to be installed beside Debian's.
    let npm = Some("npm").filter(|npm| probe(Command::new(npm).arg("--version")).is_none());
    PACKAGES.into_iter().filter(|package| !installed(package)).chain(npm).collect()
}

fn install(packages: &[&str]) -> Result<()> {
    run(Command::new("apt-get")
        // Something else may install at the same time, as a machine does that has just been started.
        .args(["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=5"])
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive"))
}

const POLICY: &str = "/usr/sbin/policy-rc.d";
const SAVED: &str = "/usr/sbin/policy-rc.d.before-xtask";
const MARK: &str = "# Written by cargo xtask setup --tests, which removes it.";

/// While it lives, installing a package starts no service: nginx would take port 80.
struct NoServices;

impl NoServices {
    fn begin() -> Result<Self> {
        // Ours may be left from an interrupted run; only a foreign one is kept.
        let ours = fs::read_to_string(POLICY).is_ok_and(|text| text.contains(MARK));
        if !ours && Path::new(POLICY).exists() {
            fs::rename(POLICY, SAVED).context("cannot set the service policy aside")?;
        }
        fs::write(POLICY, format!("#!/bin/sh\n{MARK}\nexit 101\n"))?;
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        Ok(Self)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        let restored = match fs::rename(SAVED, POLICY) {
            Err(error) if error.kind() == ErrorKind::NotFound => fs::remove_file(POLICY),
            other => other,
        };
        if let Err(error) = restored {
            say(format!("test packages: cannot restore {POLICY}: {error}"));
        }
    }
}
