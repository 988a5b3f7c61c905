//! The list of metrics, and which of them an expression of `PromQL` uses.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::read;

/// Name → labels, the ones that a server adds included.
pub(crate) struct Metrics(BTreeMap<String, BTreeSet<String>>);

/// What a scrape adds to every series.
const SCRAPED: [&str; 2] = ["job", "instance"];

impl Metrics {
    /// Those of `fleet/metrics.txt`, with the series of a histogram.
    pub(crate) fn listed() -> Self {
        let text = read("fleet/metrics.txt");
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut metrics = BTreeMap::new();
        for line in lines {
            let words: Vec<_> = line.split_whitespace().collect();
            let [name, kind, labels] = words[..] else { panic!("not a metric: {line}") };
            let labels = labels.split(',').filter(|label| *label != "-").chain(SCRAPED);
            let labels: BTreeSet<_> = labels.map(str::to_owned).collect();
            let suffixes: &[&str] = match kind {
                "counter" | "gauge" => &[""],
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => panic!("not a type: {line}"),
            };
            for suffix in suffixes {
                let mut labels = labels.clone();
                labels.extend((*suffix == "_bucket").then(|| "le".to_owned()));
                metrics.insert(format!("{name}{suffix}"), labels);
            }
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        }
        metrics.insert("up".to_owned(), SCRAPED.map(str::to_owned).into());
        Self(metrics)
    }

    /// Panics unless an expression uses only these, each with its labels only.
    #[track_caller]
    pub(crate) fn check(&self, expression: &str) {
        let used: Vec<_> = names(expression);
        let metrics: Vec<_> =
            used.iter().filter(|name| name.starts_with("tracer_") || *name == "up").collect();
        assert!(!metrics.is_empty(), "no metric in {expression}");
        let mut labels: BTreeSet<_> = BTreeSet::new();
        for metric in metrics {
            let known = self.0.get(metric);
            labels.extend(known.unwrap_or_else(|| panic!("{metric} is not in the list")));
        }
        for label in labels_of(expression) {
            assert!(labels.contains(&label), "{label} is no label of what is used: {expression}");
        }
    }

    /// Names without the suffixes of histograms.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Words outside of quotes.
fn names(expression: &str) -> Vec<String> {
    let bare = expression.split('"').step_by(2);
    bare.flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '$'))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// What is matched within braces, and what is grouped by.
fn labels_of(expression: &str) -> Vec<String> {
    let bare: String = expression.split('"').step_by(2).collect::<Vec<_>>().join("\"");
    let inside = bare.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let matched = inside
        .flat_map(|matchers| matchers.split(','))
        .map(|matcher| matcher.split(['=', '!']).next().unwrap_or_default());
    let groups = ["by (", "on (", "group_left (", "without ("]
        .iter()
        .flat_map(|word| bare.split(word).skip(1).filter_map(|rest| rest.split(')').next()));
    let grouped = groups.flat_map(|labels| labels.split(','));
    matched.chain(grouped).map(|label| label.trim().to_owned()).filter(|l| !l.is_empty()).collect()
}

#[test]
fn a_metric_or_a_label_that_is_not_listed_is_caught() {
    let metrics = Metrics::listed();
    metrics.check(
        "sum by (instance, cause) (rate(tracer_tcp_connections_closed_total{role=\"x\"}[5m]))",
    );
    let strange = [
        "rate(tracer_tcp_closes_total[5m])",
        "tracer_tcp_connections_closed_total{pid=\"1\"}",
        "sum by (peer_port) (tracer_findings)",
        "tracer_tcp_connection_duration_seconds",
        "vector(1)",
    ];
    for expression in strange {
        let caught = std::panic::catch_unwind(|| Metrics::listed().check(expression));
        assert!(caught.is_err(), "{expression}");
    }
}
