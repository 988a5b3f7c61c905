//! Alert rules and the dashboard: each rule fires and stays silent where its tests say so, and nothing
//! asks for a metric that tracer does not have.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::engine::{file, read};
use crate::metrics::Metrics;
use crate::support::tool;
use crate::support::tracer::run;

/// Runs `promtool`, which must succeed.
#[track_caller]
fn promtool(args: &[&str]) -> String {
    let output = run(Command::new(tool::path("promtool")).args(args));
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    let said = said.concat();
    assert!(output.status.success(), "promtool {args:?}: {said}");
    said
}

/// Values of a key in a file of rules, one line each; a block takes the lines that are further in.
fn values(text: &str, key: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let rest = line.trim_start();
        let depth = line.len() - rest.len();
        let Some(value) = rest.trim_start_matches("- ").strip_prefix(key) else { continue };
        let mut value = value.trim_start_matches(':').trim().to_owned();
        if value == "|" {
            value.clear();
            while let Some(more) =
                lines.next_if(|more| more.len() - more.trim_start().len() > depth)
            {
                value.push_str(more);
                value.push('\n');
            }
        }
        found.push(value);
    }
    found
}

fn alerts() -> String {
    read("fleet/prometheus/alerts.yml")
}

#[test]
#[ignore = "needs promtool: cargo xtask setup --tests"]
fn each_alert_fires_and_stays_silent_as_its_tests_say() {
    let rules = file("fleet/prometheus/alerts_test.yml");
    promtool(&["test", "rules", rules.to_str().expect("UTF-8")]);
}

#[test]
fn each_alert_is_tested_waits_and_says_what_to_do() {
    let tests = read("fleet/prometheus/alerts_test.yml");
    let names = values(&alerts(), "alert");
    assert!(names.len() >= 8, "{names:?}");
    for key in ["expr", "for", "summary", "action", "severity"] {
        assert_eq!(values(&alerts(), key).len(), names.len(), "{key}");
    }
    let cases: Vec<_> = tests.split("- eval_time:").skip(1).collect();
    for name in names {
        let line = format!("alertname: {name}\n");
        let fires = |case: &&&str| case.contains(&line) && !case.contains("exp_alerts: []");
        assert!(cases.iter().any(|case| fires(&case)), "no test in which {name} fires");
    }
}

#[test]
fn alerts_ask_for_metrics_of_the_list_only() {
    let metrics = Metrics::listed();
    for expression in values(&alerts(), "expr") {
        let code: Vec<_> =
            expression.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        metrics.check(&code.join("\n"));
    }
}

/// Every expression of the dashboard, with its variables filled in as a server gets them.
fn expressions(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    targets
        .map(|target| target["expr"].as_str().expect("an expression"))
        .map(|expression| expression.replace("$__rate_interval", "5m"))
        .collect()
}

fn dashboard() -> Value {
    serde_json::from_str(&read("fleet/grafana/tracer.json")).expect("JSON")
}

#[test]
fn the_dashboard_asks_for_metrics_of_the_list_only_and_shows_each() {
    let metrics = Metrics::listed();
    let mut shown = BTreeSet::new();
    for expression in expressions(&dashboard()) {
        metrics.check(&expression);
        shown.extend(metrics.all().filter(|name| expression.contains(name)).map(str::to_owned));
    }
    // The sum and count of a histogram are there for other questions.
    let other = |name: &str| name == "up" || name.ends_with("_sum") || name.ends_with("_count");
    let missing: Vec<_> =
        metrics.all().filter(|name| !shown.contains(*name) && !other(name)).collect();
    assert!(missing.is_empty(), "on no panel: {missing:?}");
}

#[test]
fn variables_of_the_dashboard_take_values_of_listed_labels() {
    let metrics = Metrics::listed();
    let board = dashboard();
    let variables = board["templating"]["list"].as_array().expect("variables");
    let queries: Vec<_> =
        variables.iter().filter_map(|variable| variable["definition"].as_str()).collect();
    assert!(!queries.is_empty());
    for query in queries {
        let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
        let (series, label) = inner.and_then(|inner| inner.rsplit_once(", ")).expect(query);
        metrics.check(&format!("count by ({label}) ({series})"));
    }
}

#[test]
#[ignore = "needs promtool: cargo xtask setup --tests"]
fn expressions_of_the_dashboard_are_promql() {
    let rules = expressions(&dashboard()).iter().enumerate().fold(
        "groups:\n  - name: dashboard\n    rules:\n".to_owned(),
        |rules, (n, expression)| {
            let text = expression.replace('\'', "''");
            format!("{rules}      - record: dashboard:{n}\n        expr: '{text}'\n")
        },
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rules.yml");
    fs::write(&path, rules).expect("a file");
    promtool(&["check", "rules", path.to_str().expect("UTF-8")]);
}

#[test]
fn panels_of_the_dashboard_do_not_overlap() {
    let board = dashboard();
    let mut cells = BTreeSet::new();
    for panel in board["panels"].as_array().expect("panels") {
        let place = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
        assert!(place("x") + place("w") <= 24, "{}", panel["title"]);
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(cells.insert((x, y)), "{} lies on another one", panel["title"]);
            }
        }
    }
}
