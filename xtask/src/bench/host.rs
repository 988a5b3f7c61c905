//! The machine that the figures are of, and what else it does.

use crate::process::{probe, say};
use serde_json::{Value, json};
use std::process::Command;

/// What the figures are of. Says what makes them worth little.
pub(super) fn told() -> Value {
    let said = |program: &str, arguments: &[&str]| {
        let text = probe(Command::new(program).args(arguments)).unwrap_or_default();
        text.trim().to_owned()
    };
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = said("nproc", &[]).parse::<u32>().unwrap_or(1);
    let load = read("/proc/loadavg");
    let load: f64 = load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0);
    let sockets = sockets(&read("/proc/net/sockstat")).unwrap_or(0);
    if load > f64::from(cpus) {
        say(format!(
            "bench: the load average is {load} on {cpus} CPUs: throughput and CPU times are worth \
             little, run times are too long"
        ));
    }
    if sockets > BUSY_SOCKETS {
        say(format!(
            "bench: {sockets} TCP sockets are there already: memory and the CPU of tracer are theirs, \
             too"
        ));
    }
    json!({
        "kernel": said("uname", &["-r"]),
        "machine": said("uname", &["-m"]),
        "cpus": cpus,
        "commit": said("git", &["rev-parse", "--short", "HEAD"]),
        "load_average": load,
        "tcp_sockets": sockets,
    })
}

/// More sockets of others than a host has that is left alone.
const BUSY_SOCKETS: u64 = 2000;

/// TCP sockets of all network namespaces.
fn sockets(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    line.split_once("alloc ")?.1.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::sockets;

    #[test]
    fn sockets_of_all_namespaces_are_counted() {
        let text = "sockets: used 9\nTCP: inuse 5 orphan 0 tw 7 alloc 12 mem 1\nUDP: inuse 2\n";
        assert_eq!(sockets(text), Some(12));
        assert_eq!(sockets(""), None);
    }
}
