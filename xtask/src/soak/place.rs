//! The network namespace that the load runs in: made by a process that holds it, gone with it.

use anyhow::{Context as _, Result, ensure};
use std::fs;
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

    /// TCP sockets in there, but for those in TIME_WAIT, of which the kernel has freed all but the
    /// addresses.
    pub(super) fn sockets(&self) -> Result<u64> {
        let net = format!("/proc/{}/net", self.holder.id());
        let mut all = 0;
        for (file, name) in [("sockstat", "TCP:"), ("sockstat6", "TCP6:")] {
            let path = format!("{net}/{file}");
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
            all += in_use(&text, name).with_context(|| format!("{path} has no {name}"))?;
        }
        Ok(all)
    }

    /// `load` with `arguments`, in there.
    pub(super) fn load(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.holder.id()));
        command.arg(&self.load).args(arguments);
        command
    }
}

fn in_use(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_prefix("inuse ")?.split(' ').next()?.parse().ok()
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // Gone already is fine.
        let _status = self.holder.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::in_use;

    #[test]
    fn sockets_in_use_are_those_of_the_namespace() {
        let text = "sockets: used 15\nTCP: inuse 3 orphan 9 tw 7 alloc 8 mem 1\nUDP: inuse 2\n";
        assert_eq!(in_use(text, "TCP:"), Some(3));
        assert_eq!(in_use("TCP6: inuse 4\n", "TCP6:"), Some(4));
        assert_eq!(in_use(text, "TCP6:"), None);
    }
}
