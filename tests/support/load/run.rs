//! Runs the load in a network namespace of its own, and reads what its processes noted.

use std::env;
use std::process::Command;
use std::time::Duration;

use super::log::{Log, Side};
use super::part::Part;
use crate::support::tool;

/// Client processes, each with a server process of its own: more than this has cores, so that each
/// has some work waiting whenever it runs.
const PAIRS: u8 = 3;

/// How the kernel spreads received packets over the processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// Not: a packet is received where it was sent.
    None,
    /// By its hash (RPS): the receiving softirq then interrupts whatever runs on its processor.
    Rps,
}

/// What the load was.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// By process.
    pub(crate) logs: Vec<Log>,
}

impl Load {
    /// Runs `PAIRS` pairs for `duration`. No address is used twice, and the sockets left in
    /// `TIME_WAIT` end with the namespace. `test` must be the full name of a test that plays its
    /// [`Part`].
    pub(crate) fn run(test: &str, duration: Duration, spread: Spread) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let part = Part::all(test, duration, folder.path(), PAIRS);
        let busybox = tool::path("busybox");
        let mut apart = Command::new(tool::path("unshare"));
        apart.args(["--net", "--mount"]).arg(&busybox).args(["sh", "-c"]);
        // sysfs shows the devices of the namespace it was mounted in.
        let rps = match spread {
            Spread::None => "",
            Spread::Rps => "echo 3 >/sys/class/net/lo/queues/rx-0/rps_cpus &&",
        };
        // Some ten thousand a second, for a minute. One that found no room would answer the peer's FIN
        // with a reset, and the peer's end would be another one than it is noted as.
        let room = "echo 4000000 >/proc/sys/net/ipv4/tcp_max_tw_buckets &&";
        apart.arg(format!(
            "{room} \"$0\" mount -t sysfs sysfs /sys && {rps} \"$0\" ip link set lo up && exec \"$@\""
        ));
        apart.arg(&busybox).arg(env::current_exe().expect("this program"));
        let status = part.command(apart).status().expect("unshare starts");
        assert!(status.success(), "the load: {status}");
        let logs = Log::read_all(folder.path());
        assert_eq!(logs.len(), usize::from(PAIRS) * 2, "a log of each process");
        Self { logs }
    }

    /// Connections dialled.
    pub(crate) fn dialled(&self) -> u64 {
        self.total(Side::Client)
    }

    /// Connections accepted.
    pub(crate) fn accepted(&self) -> u64 {
        self.total(Side::Server)
    }

    fn total(&self, side: Side) -> u64 {
        self.logs.iter().filter(|log| log.side == side).map(Log::total).sum()
    }

    /// Connections per second, all pairs together.
    pub(crate) fn rate(&self) -> f64 {
        let took = self.logs.iter().map(|log| log.took).max().unwrap_or_default();
        self.dialled() as f64 / took.as_secs_f64()
    }
}
