//! A real server of metrics on loopback, with what it has taken: by scraping, and by OTLP.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::tracer::run;
use crate::support::{port, tool};

/// A running one, which scrapes a target each second as the job `scrape`. Killed on drop.
pub(crate) struct MetricsServer {
    child: Child,
    at: String,
    _folder: TempDir,
}

impl MetricsServer {
    /// Prometheus.
    pub(crate) fn prometheus(target: &str) -> Self {
        let flags = ["--config.file=", "--storage.tsdb.path=", "--web.listen-address="];
        Self::start(&mut Command::new(tool::path("prometheus")), flags, target)
    }

    /// `VictoriaMetrics`, which takes OTLP, too, as [`Self::otlp`] says. By `cargo xtask setup --tests`.
    pub(crate) fn victoria(target: &str) -> Self {
        let built = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
        let program = built.join("agent/servers/victoria-metrics");
        let path = program.display();
        assert!(program.is_file(), "{path} is missing: run `cargo xtask setup --tests`");
        let mut command = Command::new(&program);
        // Names as scrapes have them. Answers tell what is there now, not what was half a minute ago.
        command.args(["-opentelemetry.usePrometheusNaming", "-search.latencyOffset=0"]);
        let flags = ["-promscrape.config=", "-storageDataPath=", "-httpListenAddr="];
        Self::start(&mut command, flags, target)
    }

    fn start(command: &mut Command, [settings, data, listen]: [&str; 3], target: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("scrape.yml");
        let text = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: scrape\n  \
             static_configs: [{{targets: ['{target}']}}]\n"
        );
        fs::write(&config, text).expect("its settings");
        let at = format!("127.0.0.1:{}", port::closed());
        let child = command
            .arg(format!("{settings}{}", config.display()))
            .arg(format!("{data}{}", folder.path().join("data").display()))
            .arg(format!("{listen}{at}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        Self { child, at, _folder: folder }
    }

    /// Where `VictoriaMetrics` takes metrics by OTLP.
    pub(crate) fn otlp(&self) -> String {
        format!("http://{}/opentelemetry/v1/metrics", self.at)
    }

    /// All series that answer a question: labels and value.
    pub(crate) fn ask(&self, question: &str) -> Vec<(Value, f64)> {
        let output = run(Command::new(tool::path("curl"))
            .args(["--silent", "--noproxy", "*", "--get", "--data-urlencode"])
            .arg(format!("query={question}"))
            .arg(format!("http://{}/api/v1/query", self.at)));
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let found = answer["data"]["result"].as_array().map(Vec::as_slice).unwrap_or_default();
        let number = |value: &Value| value.as_str()?.parse().ok();
        let value = |series: &Value| number(&series["value"][1]).expect("a value");
        found.iter().map(|series| (series["metric"].clone(), value(series))).collect()
    }

    /// The one value that a question has, or none.
    pub(crate) fn value(&self, question: &str) -> Option<f64> {
        let found = self.ask(question);
        assert!(found.len() <= 1, "{question}: {found:?}");
        found.first().map(|(_, value)| *value)
    }

    /// Waits until a question has this answer.
    pub(crate) fn says(&self, question: &str, expected: f64) {
        let mut last = None;
        for _ in 0..300 {
            last = self.value(question);
            if last.is_some_and(|value| (value - expected).abs() < 1e-9) {
                return;
            }
            thread::sleep(Duration::from_millis(200));
        }
        panic!("{question}: {last:?} instead of {expected}");
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _over = self.child.kill().and_then(|()| self.child.wait());
    }
}
