//! An agent that exports, and tells the same on stdout.

use std::process::Command;

use super::receiver::Protocol;
use crate::support::agent::Agent;
use crate::support::tracer::binary;

/// An agent with no other variables than a test sets, scraped at an address or `off`.
pub(crate) fn command(listen: &str) -> Command {
    let mut command = Command::new(binary());
    for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("OTEL_")) {
        command.env_remove(key);
    }
    command
        .args(["agent", "--output", "stdout", "--output", "otlp", "--connections"])
        .args(["--interval", "2s", "--metrics-listen"])
        .arg(listen)
        .env("OTEL_METRIC_EXPORT_INTERVAL", "1000");
    command
}

/// Starts one that exports to a port of this host, and waits until it is attached.
pub(crate) fn start(protocol: Protocol, port: u16, variables: &[(&str, &str)]) -> Agent {
    let mut command = command("off");
    command
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.name())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{port}"))
        .envs(variables.iter().copied());
    Agent::start(&mut command).attached()
}

/// Processor time so far, seconds, of the threads that export: what the rest does depends on what else
/// goes on at this host.
pub(crate) fn cpu(agent: &Agent) -> f64 {
    let process = procfs::process::Process::new(agent.pid().as_raw_pid());
    let tasks = process.and_then(|of| of.tasks()).expect("it runs");
    // One may end meanwhile.
    let stats = tasks.filter_map(|task| task.and_then(|task| task.stat()).ok());
    let ours: Vec<_> =
        stats.filter(|stat| ["tracer-otlp", "tracer-writer"].contains(&&*stat.comm)).collect();
    assert!(ours.len() >= 2, "an exporter and its writer");
    let ticks: u64 = ours.iter().map(|stat| stat.utime + stat.stime).sum();
    ticks as f64 / procfs::ticks_per_second() as f64
}
