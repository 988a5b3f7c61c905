//! curl against nginx: a process for each request is named, one process that reuses is not.

use std::collections::BTreeSet;

use crate::support::curl::curl;
use crate::support::nginx::Nginx;
use crate::support::report::{all_are, int, real, tally};
use crate::support::tracer::Tracer;
use crate::support::wait;

#[test]
#[ignore = "needs root"]
fn a_curl_for_each_request_is_a_short_lived_process() {
    const RUNS: u64 = 30;
    let nginx = Nginx::keep_alive();
    let url = format!("http://127.0.0.1:{}/small", nginx.port);
    let tracer = Tracer::start();
    let runs: Vec<(u32, u64)> = (0..RUNS).map(|_| curl(&url)).collect();
    wait::quiet(nginx.port);
    let report = tracer.finish();

    assert!(runs.iter().all(|(_, connects)| *connects == 1));
    nginx.served(RUNS, RUNS);
    let dialled = report.dialled(nginx.port);
    all_are(&dialled, 30, "tracer.exchanges", "1");
    all_are(&dialled, 30, "process.executable.name", "curl");
    let owners: BTreeSet<u64> = dialled.iter().map(|line| int(line, "process.pid")).collect();
    let pids: BTreeSet<u64> = runs.iter().map(|(pid, _)| u64::from(*pid)).collect();
    assert_eq!(owners, pids, "each connection belongs to the curl that dialled it");
    all_are(&report.accepted(nginx.port), 30, "tracer.exchanges", "1");

    let summary = report.folded_summary(nginx.port);
    assert_eq!(int(summary, "tracer.processes"), RUNS);
    assert_eq!(int(summary, "tracer.connections_opened"), RUNS);
    assert_eq!(int(summary, "tracer.exchanges"), RUNS);
    let finding = report.finding("short-lived-process", nginx.port);
    assert_eq!(int(finding, "tracer.processes"), RUNS, "{finding}");
    let codes = tally(&report.findings(nginx.port), "tracer.finding.code");
    assert_eq!(codes.len(), 1, "one cause, one finding: {codes:?}");
}

#[test]
#[ignore = "needs root"]
fn one_curl_with_many_urls_is_silent() {
    const URLS: u64 = 30;
    let nginx = Nginx::keep_alive();
    let tracer = Tracer::start();
    let (pid, connects) = curl(&format!("http://127.0.0.1:{}/small?[1-{URLS}]", nginx.port));
    wait::quiet(nginx.port);
    let report = tracer.finish();

    assert_eq!(connects, 1);
    nginx.served(1, URLS);
    all_are(&report.dialled(nginx.port), 1, "process.pid", &pid.to_string());
    all_are(&report.dialled(nginx.port), 1, "tracer.exchanges", "30");
    let summary = report.summary(pid, "client", nginx.port);
    assert!((real(summary, "tracer.reuse_ratio") - 29.0 / 30.0).abs() < 1e-6, "{summary}");
    let found = report.findings(nginx.port);
    assert!(found.is_empty(), "{found:#?}");
}
