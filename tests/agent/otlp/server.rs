//! The same metrics by two ways into one Prometheus: scraped from the agent, and sent by OTLP to a
//! collector that names them by the official mapping. Its API must tell the same series.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::exporting::{Exporting, command, traffic};
use super::receiver::{Protocol, Receiver};
use crate::support::tool;
use crate::support::tracer::run;
use crate::support::wait;

/// A running server. Killed on drop.
struct Prometheus {
    child: Child,
    at: String,
    _folder: TempDir,
}

/// A port that nobody has.
fn port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

impl Prometheus {
    /// Scrapes each job at a port of this host, each second.
    fn start(jobs: &[(&str, u16)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = "global: {scrape_interval: 1s}\nscrape_configs:\n".to_owned();
        for (job, port) in jobs {
            config +=
                &["- job_name: ", job, "\n  static_configs: [{targets: ['127.0.0.1:"].concat();
            config += &[&port.to_string(), "']}]\n"].concat();
        }
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config).expect("a file");
        let at = format!("127.0.0.1:{}", port());
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        let child = Command::new(tool::path("prometheus"))
            .arg(flag("--config.file=", &file))
            .arg(flag("--storage.tsdb.path=", &folder.path().join("data")))
            .arg(format!("--web.listen-address={at}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus starts");
        Self { child, at, _folder: folder }
    }

    /// Series of a job: name and labels → value.
    fn series(&self, job: &str) -> BTreeMap<String, String> {
        let query = format!("query={{__name__=~\"tracer_.*\",job=\"{job}\"}}");
        let url = format!("http://{}/api/v1/query", self.at);
        let curl = tool::path("curl");
        let output = run(Command::new(curl).args(["-s", "-G", "--data-urlencode", &query, &url]));
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let found = answer["data"]["result"].as_array().map(Vec::as_slice).unwrap_or_default();
        found.iter().map(|series| (name(&series["metric"]), told(&series["value"][1]))).collect()
    }
}

fn flag(name: &str, path: &Path) -> String {
    format!("{name}{}", path.display())
}

fn told(value: &Value) -> String {
    value.as_str().expect("a value").to_owned()
}

/// Without what depends on the way; bounds as numbers, for one writes 5 and the other 5.0.
fn name(metric: &Value) -> String {
    let labels = metric.as_object().expect("labels").iter();
    let labels = labels.filter(|(label, _)| !["job", "instance"].contains(&label.as_str()));
    let mut labels: Vec<_> = labels
        .map(|(label, value)| match value.as_str().expect("text").parse::<f64>() {
            Ok(bound) if label == "le" => format!("le={bound:?}"),
            _ => format!("{label}={}", value.as_str().expect("text")),
        })
        .collect();
    labels.sort_unstable();
    labels.join(",")
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _over = self.child.kill().and_then(|()| self.child.wait());
    }
}

#[test]
#[ignore = "needs root"]
fn prometheus_gets_the_same_series_by_otlp_as_by_a_scrape() {
    let folder = super::folder();
    let receiver = Receiver::start(Protocol::Http, folder.path());
    let listen = port();
    let agent = Exporting::run(
        command(&format!("127.0.0.1:{listen}"))
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{}", receiver.port)),
    );
    let prometheus = Prometheus::start(&[("scrape", listen), ("otlp", receiver.port)]);
    let server = format!("server=127.0.0.1:{}", traffic(super::CONNECTIONS));
    let mut last = (BTreeMap::new(), BTreeMap::new());
    let same = |last: &mut (BTreeMap<String, String>, BTreeMap<String, String>)| {
        // What goes on meanwhile (scrapes, exports) is not the same at two moments.
        *last = (prometheus.series("scrape"), prometheus.series("otlp"));
        for series in [&mut last.0, &mut last.1] {
            series.retain(|name, _| is_still(name, &server));
        }
        let is_whole = last.0.keys().any(|name| name.contains("opened_total"));
        (is_whole && last.0 == last.1).then_some(())
    };
    let began = std::time::Instant::now();
    while same(&mut last).is_none() {
        assert!(began.elapsed() < wait::PATIENCE, "{:#?}\nis not\n{:#?}", last.0, last.1);
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    let opened: f64 = last
        .1
        .iter()
        .filter(|(name, _)| name.contains("opened_total") && name.contains("role=client"))
        .map(|(_, value)| value.parse::<f64>().expect("a number"))
        .sum();
    assert!((opened - super::CONNECTIONS as f64).abs() < f64::EPSILON, "{opened}");
    for kind in ["_seconds_bucket", "_seconds_sum", "_seconds_count", "tracer_findings", "_info"] {
        // Distributions are of the whole host: their names are what is compared.
        let names = [prometheus.series("scrape"), prometheus.series("otlp")];
        let of = |series: &BTreeMap<String, String>| {
            series.keys().filter(|name| name.contains(kind)).cloned().collect::<Vec<_>>()
        };
        assert!(!of(&names[0]).is_empty(), "{kind}");
        assert_eq!(of(&names[0]), of(&names[1]), "{kind}");
    }
    agent.end(Signal::TERM);
}

/// Of our own connections, or of none; ports are held on for a while after these have ended.
fn is_still(name: &str, server: &str) -> bool {
    let of_others = name.contains("server=") && !name.contains(server);
    !of_others && !["_seconds", "tracked", "_ports_"].iter().any(|part| name.contains(part))
}
