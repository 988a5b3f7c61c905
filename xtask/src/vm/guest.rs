//! One boot: starts QEMU, follows the serial line, and says how it ended. Retries nothing.

use super::column::Lockdown;
use super::follow::{Limits, follow, lines};
use super::transcript::{Ending, Transcript};
use anyhow::{Context as _, Result};
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub(crate) const QEMU: &str = "qemu-system-x86_64";

/// What to boot.
pub(crate) struct Boot<'a> {
    pub(crate) kernel: &'a Path,
    pub(crate) initramfs: &'a Path,
    pub(crate) lockdown: Lockdown,
    /// MiB.
    pub(crate) memory: u32,
}

/// Boots and returns how it ended and what was said.
pub(crate) fn boot(
    boot: &Boot<'_>,
    limits: Limits,
    show: impl Fn(&str),
) -> Result<(Ending, Transcript)> {
    let mut qemu = Qemu::start(boot)?;
    let serial = qemu.0.stdout.take().context("qemu has no serial line")?;
    Ok(follow(&lines(serial), limits, show))
}

/// A running emulator, ended when dropped.
struct Qemu(Child);

impl Qemu {
    fn start(boot: &Boot<'_>) -> Result<Self> {
        // Only emergencies from the kernel, so that it cannot write into a line of a test.
        let mut line = "console=ttyS0 panic=-1 quiet loglevel=1".to_owned();
        if boot.lockdown != Lockdown::Off {
            line = format!("{line} lockdown={}", boot.lockdown.word());
        }
        let child = Command::new(QEMU)
            // QEMU 7.2 in software emulation corrupts guests that use cmpxchg16b: 4 boots in 10
            // of 6.12 panicked with cx16, none of 40 without.
            .args(["-accel", "tcg", "-cpu", "max,cx16=off", "-m", &boot.memory.to_string()])
            .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
            .args(["-serial", "stdio"])
            .arg("-kernel")
            .arg(boot.kernel)
            .arg("-initrd")
            .arg(boot.initramfs)
            .args(["-append", &line])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {QEMU}: run `cargo xtask setup --tests`"))?;
        Ok(Self(child))
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        // Both fail only if it has already ended and been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
