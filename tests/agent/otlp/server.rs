//! The same metrics by two ways into one server: scraped from the agent, and sent to it by OTLP, which
//! it decodes and names by itself. It must tell the same series.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::exporting::command;
use crate::metrics_server::MetricsServer;
use crate::running::traffic;
use crate::support::agent::Agent;
use crate::support::{port, wait};

/// Name and labels → value.
type Series = BTreeMap<String, f64>;

/// All labels that a series of ours may have. The server adds some: job, instance, the resource.
fn labels() -> Vec<String> {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fleet/metrics.txt");
    let list = fs::read_to_string(list).expect("the list of metrics");
    let named = list.lines().filter(|line| line.starts_with("tracer_"));
    let named = named.flat_map(|line| line.split_whitespace().nth(2).expect("labels").split(','));
    named.chain(["__name__", "le"]).map(str::to_owned).collect()
}

/// Bounds as numbers, for one writes 5 and the other 5.0.
fn name(metric: &Value, known: &[String]) -> String {
    let labels = metric.as_object().expect("labels").iter();
    let mut labels: Vec<_> = labels
        .filter(|(label, _)| known.contains(label))
        .map(|(label, value)| match value.as_str().expect("text").parse::<f64>() {
            Ok(bound) if label == "le" => format!("le={bound:?}"),
            _ => format!("{label}={}", value.as_str().expect("text")),
        })
        .collect();
    labels.sort_unstable();
    labels.join(",")
}

/// Of our own connections, or of none; ports are held on for a while after these have ended.
fn is_still(name: &str, server: &str) -> bool {
    let of_others = name.contains("server=") && !name.contains(server);
    !of_others && !["_seconds", "tracked", "_ports_"].iter().any(|part| name.contains(part))
}

#[test]
#[ignore = "needs root"]
fn victoria_metrics_has_the_same_series_by_otlp_as_by_a_scrape() {
    let listen = format!("127.0.0.1:{}", port::closed());
    let server = MetricsServer::victoria(&listen);
    let mut command = command(&listen);
    command
        .env("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", server.otlp())
        .env("OTEL_LOGS_EXPORTER", "none");
    let agent = Agent::start(&mut command).attached();
    let known = labels();
    let both = || -> [Series; 2] {
        ["=", "!="].map(|by| {
            let found = server.ask(&format!("{{__name__=~\"tracer_.*\",job{by}\"scrape\"}}"));
            let count = found.len();
            let series: Series =
                found.iter().map(|(metric, value)| (name(metric, &known), *value)).collect();
            assert_eq!(series.len(), count, "each is there once: {found:#?}");
            series
        })
    };
    let own = format!("server=127.0.0.1:{}", traffic(super::CONNECTIONS));
    let began = Instant::now();
    let last = loop {
        let mut last = both();
        // What goes on meanwhile (scrapes, exports) is not the same at two moments.
        for series in &mut last {
            series.retain(|name, _| is_still(name, &own));
        }
        if last[0].keys().any(|name| name.contains("opened_total")) && last[0] == last[1] {
            break last;
        }
        if began.elapsed() > wait::PATIENCE {
            let [scraped, sent] = last.map(|series| {
                series.into_iter().map(|(name, value)| format!("{name} {value}")).collect()
            });
            let only = |these: &BTreeSet<String>, those| {
                these.difference(those).cloned().collect::<Vec<_>>().join("\n")
            };
            panic!("scraped:\n{}\nsent:\n{}", only(&scraped, &sent), only(&sent, &scraped));
        }
        std::thread::sleep(Duration::from_millis(500));
    };
    let opened: f64 = last[1]
        .iter()
        .filter(|(name, _)| name.contains("opened_total") && name.contains("role=client"))
        .map(|(_, value)| value)
        .sum();
    assert!((opened - super::CONNECTIONS as f64).abs() < f64::EPSILON, "{opened}");
    // Of the whole host, which may have news between two looks: their names are what is compared.
    for kind in ["_seconds_bucket", "_seconds_sum", "_seconds_count", "tracer_findings", "_info"] {
        wait::until(kind, || {
            let [scraped, sent] = both().map(|series| {
                series.into_keys().filter(|name| name.contains(kind)).collect::<Vec<_>>()
            });
            (!scraped.is_empty() && scraped == sent).then_some(())
        });
    }
    let (_, said) = agent.end();
    assert!(said.matches("takes no metrics").count() <= 1, "{said}");
}
