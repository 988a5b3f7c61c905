//! The network namespace that the load runs in: made by a process that holds it, gone with it.

use anyhow::{Context as _, Result, ensure};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// One retransmission of a SYN: dials that nobody answers are given up by the kernel while the load
/// waits, not two minutes later.
const SCRIPT: &str = "ip link set lo up && echo 1 > /proc/sys/net/ipv4/tcp_syn_retries && \
                      readlink /proc/self/ns/net && exec cat";

/// The namespace.
pub(super) struct Place {
    holder: Child,
    /// The holder ends with it.
    stdin: Option<ChildStdin>,
    load: PathBuf,
    number: u32,
}

impl Place {
    pub(super) fn open(load: &Path) -> Result<Self> {
        let mut holder = Command::new("unshare")
            .args(["--net", "sh", "-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run unshare")?;
        let stdin = holder.stdin.take();
        let stdout = holder.stdout.take().context("unshare has no stdout")?;
        let mut place = Self { holder, stdin, load: load.to_owned(), number: 0 };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let number = line.trim().strip_prefix("net:[").and_then(|rest| rest.strip_suffix(']'));
        ensure!(number.is_some(), "no network namespace could be made, see above");
        place.number = number.unwrap_or_default().parse()?;
        Ok(place)
    }

    /// The inode number by which tracer tells it.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// `load` with `arguments`, in there.
    pub(super) fn load(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.holder.id()));
        command.arg(&self.load).args(arguments);
        command
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // Gone already is fine.
        let _status = self.holder.wait();
    }
}
