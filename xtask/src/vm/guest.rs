//! One boot: starts QEMU, follows the serial line, and says how it ended. Retries nothing.

use super::initramfs::{EXIT, READY};
use crate::process::print_line;
use crate::tally::Tally;
use anyhow::{Context as _, Result};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

pub(crate) const QEMU: &str = "qemu-system-x86_64";

/// How a boot ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The test binary ran and exited with this status.
    Exited(i32),
    /// The guest died before it could run tests: nothing was learned of the code under test.
    NotReady(String),
    /// The guest died while tests ran.
    Died(String),
    TimedOut,
}

/// Boots `kernel` with `initramfs` and returns how it ended and the tests it counted.
pub(crate) fn boot(
    kernel: &Path,
    initramfs: &Path,
    memory: u32,
    timeout: Duration,
) -> Result<(Ending, Tally)> {
    let started = Instant::now();
    let mut qemu = Qemu::start(kernel, initramfs, memory)?;
    let lines = qemu.lines()?;
    let mut reader = Reader::default();
    loop {
        let left = timeout.saturating_sub(started.elapsed());
        match lines.recv_timeout(left) {
            Ok(line) => {
                let ending = reader.line(&line);
                // Before that only firmware speaks, in escape sequences.
                if reader.ready || ending.is_some() {
                    print_line(line.trim_end());
                }
                if let Some(ending) = ending {
                    // After the exit status the guest only powers off.
                    return Ok((ending, reader.tally));
                }
            }
            Err(RecvTimeoutError::Timeout) => return Ok((Ending::TimedOut, reader.tally)),
            Err(RecvTimeoutError::Disconnected) => {
                return Ok((reader.dead("qemu ended".to_owned()), reader.tally));
            }
        }
    }
}

/// What the serial line has said so far.
#[derive(Default)]
struct Reader {
    ready: bool,
    tally: Tally,
}

impl Reader {
    fn line(&mut self, raw: &str) -> Option<Ending> {
        let line = raw.trim_end();
        if line.starts_with(READY) {
            self.ready = true;
        }
        if line.contains("Kernel panic") {
            return Some(self.dead(line.to_owned()));
        }
        self.tally.line(line);
        let status = line.strip_prefix(EXIT)?.trim().parse();
        Some(status.map_or_else(|_| self.dead(format!("unreadable: {line}")), Ending::Exited))
    }

    fn dead(&self, why: String) -> Ending {
        if self.ready { Ending::Died(why) } else { Ending::NotReady(why) }
    }
}

/// A running emulator, ended when dropped.
struct Qemu(Child);

impl Qemu {
    fn start(kernel: &Path, initramfs: &Path, memory: u32) -> Result<Self> {
        let child = Command::new(QEMU)
            // QEMU 7.2 in software emulation corrupts guests that use cmpxchg16b: 4 boots in 10
            // of 6.12 panicked with cx16, none of 40 without.
            .args(["-accel", "tcg", "-cpu", "max,cx16=off", "-m", &memory.to_string()])
            .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
            .args(["-serial", "stdio"])
            .arg("-kernel")
            .arg(kernel)
            .arg("-initrd")
            .arg(initramfs)
            // Only emergencies from the kernel, so that it cannot write into a line of a test.
            .args(["-append", "console=ttyS0 panic=-1 quiet loglevel=1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {QEMU}: run `cargo xtask setup --tests`"))?;
        Ok(Self(child))
    }

    fn lines(&mut self) -> Result<Receiver<String>> {
        let serial = self.0.stdout.take().context("qemu has no serial line")?;
        let (send, receive) = channel();
        std::thread::spawn(move || {
            let mut serial = BufReader::new(serial);
            let mut line = Vec::new();
            while serial.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                if send.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
                line.clear();
            }
        });
        Ok(receive)
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        // Both fail only if it has already ended and been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, Reader};

    fn read(lines: &[&str]) -> Option<Ending> {
        let mut reader = Reader::default();
        lines.iter().find_map(|line| reader.line(line))
    }

    #[test]
    fn the_status_of_the_tests_is_the_ending() {
        assert_eq!(
            read(&["GUEST-READY 6.1.0\r\n", "GUEST-EXIT 101\r\n"]),
            Some(Ending::Exited(101))
        );
    }

    #[test]
    fn a_panic_before_the_marker_says_nothing_of_the_tests() {
        let panic = "Kernel panic - not syncing";
        assert_eq!(read(&[panic]), Some(Ending::NotReady(panic.to_owned())));
    }

    #[test]
    fn a_panic_after_the_marker_is_a_failure() {
        let panic = "Kernel panic - not syncing";
        assert_eq!(read(&["GUEST-READY 6.1.0", panic]), Some(Ending::Died(panic.to_owned())));
    }

    #[test]
    fn an_exit_without_a_number_is_not_a_success() {
        assert!(matches!(read(&["GUEST-READY 6.1.0", "GUEST-EXIT"]), Some(Ending::Died(_))));
    }
}
