//! What a replay told of the load, line by line: there are hundreds of thousands.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::log::{Log, Sample, Side};
use super::run::Load;
use crate::support::report::{int, text};
use crate::support::tracer::binary;

/// How a connection was told, as far as it is compared for every one of them:
/// pid, cause, how, initiator, direction of the reset, after the peer's FIN, exchanges.
type Kind = (u64, String, String, String, String, bool, u64);

/// What came of comparing what was told with what was done.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Lines about connections of the load.
    pub(crate) records: u64,
    /// Samples whose every field is as it was.
    pub(crate) matched: u64,
    /// Samples that are told otherwise, with what was expected.
    pub(crate) mismatched: Vec<String>,
    /// In how many of those and the next each field is not as it was.
    pub(crate) wrong: BTreeMap<String, u64>,
    /// Samples whose cause or process is told to be unknown.
    pub(crate) unknown: u64,
    /// Samples of which nothing was told.
    pub(crate) absent: Vec<Sample>,
    /// Kinds of which more were told than there were, by how many.
    pub(crate) excess: BTreeMap<Kind, u64>,
    /// `tracer.decode_errors` of the closing health line.
    pub(crate) unreadable: u64,
    /// `tracer.lost` of the closing health line.
    pub(crate) lost: BTreeMap<String, u64>,
}

/// Replays `file` and compares.
pub(crate) fn compare(file: &Path, load: &Load) -> Told {
    let mut ports: Vec<u16> = load.logs.iter().map(Log::port).collect();
    ports.dedup();
    let mut command = Command::new(binary());
    command.arg("replay").arg(file).args(["--output", "json", "--connections"]);
    for port in ports {
        command.args(["-P", &port.to_string()]);
    }
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the tracer binary starts");
    let mut told = Told::default();
    let mut samples: HashMap<u64, (&Log, &Sample)> = load
        .logs
        .iter()
        .flat_map(|log| log.samples.iter().map(move |sample| (sample.cookie, (log, sample))))
        .collect();
    let mut kinds = BTreeMap::new();
    let mut health = None;
    let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
    for line in stdout.lines().map(|line| line.expect("UTF-8")) {
        match field(&line, "event.name") {
            Some("tracer.connection.closed") => {
                told.records += 1;
                *kinds.entry(kind(&line)).or_insert(0_u64) += 1;
                let cookie =
                    field(&line, "tracer.socket_cookie").and_then(|word| word.parse().ok());
                if let Some((log, sample)) = cookie.and_then(|cookie| samples.remove(&cookie)) {
                    told.judge(&line, log, sample);
                }
            }
            Some("tracer.health") => health = Some(line),
            _ => {}
        }
    }
    assert!(child.wait().expect("its end").success(), "the replay failed");
    told.absent = samples.into_values().map(|(_, sample)| sample.clone()).collect();
    told.excess = excess(kinds, load);
    let health: Value = serde_json::from_str(&health.expect("health")).expect("JSON");
    told.unreadable = int(&health, "tracer.decode_errors");
    let lost = health["tracer.lost"].as_object().expect("tracer.lost is an object");
    told.lost = lost.iter().map(|(why, n)| (why.clone(), n.as_u64().expect("a count"))).collect();
    told
}

impl Told {
    /// All that is said to be lost: records, and events of which records may lack something.
    pub(crate) fn lost_in_all(&self) -> u64 {
        self.lost.values().sum()
    }

    fn judge(&mut self, line: &str, log: &Log, sample: &Sample) {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let wrong = differences(&line, log, sample);
        for field in &wrong {
            let key = field.split(' ').next().unwrap_or_default();
            *self.wrong.entry(key.to_owned()).or_default() += 1;
        }
        if wrong.is_empty() {
            self.matched += 1;
        } else if line["tracer.close.cause"] == "unknown" || line.get("process.pid").is_none() {
            self.unknown += 1;
        } else {
            self.mismatched.push(format!("{wrong:?} of {sample:?}: {line}"));
        }
    }
}

/// Every field that is not as it was.
fn differences(line: &Value, log: &Log, sample: &Sample) -> Vec<String> {
    let end = log.end(sample.plan.behaviour);
    let (sent, doubtful) = sample.plan.sent(log.side);
    let mut wrong = Vec::new();
    let mut is = |key: &str, value: Value| {
        if line.get(key).cloned().unwrap_or_default() != value {
            wrong.push(format!("{key} is not {value}"));
        }
    };
    is("process.pid", log.pid.into());
    is("process.executable.name", log.executable.as_str().into());
    is("tracer.role", log.side.name().into());
    is("tracer.netns", log.netns.into());
    is("network.local.address", sample.local.ip().to_string().into());
    is("network.local.port", sample.local.port().into());
    is("network.peer.address", sample.peer.ip().to_string().into());
    is("network.peer.port", sample.peer.port().into());
    is("tracer.close.cause", end.cause.into());
    is("tracer.close.how", end.how.into());
    is("tracer.close.pid", end.how.map(|_| log.pid).into());
    is("tracer.close.initiator", end.initiator.into());
    is("tracer.close.rst", end.rst.into());
    is("tracer.close.after_peer_fin", end.is_after_peer_fin.into());
    is("tracer.close.late_peer_data", false.into());
    is("tracer.unread_bytes", sample.plan.unread(log.side).into());
    is("tracer.bytes_received", sample.plan.received(log.side).into());
    is("tracer.exchanges", end.exchanges.into());
    is("tracer.start_known", true.into());
    let acknowledged = line["tracer.bytes_sent"].as_u64();
    if ![sent, sent - doubtful].iter().any(|bytes| Some(*bytes as u64) == acknowledged) {
        wrong.push(format!("tracer.bytes_sent is not {sent}, of which {doubtful} in doubt"));
    }
    let opened = text(line, "tracer.open.cause");
    let is_fit = match log.side {
        Side::Server => opened == "accept",
        Side::Client => !["accept", "preexisting"].contains(&opened),
    };
    if !is_fit {
        wrong.push(format!("tracer.open.cause is {opened}"));
    }
    wrong
}

/// The kinds that were told too often: each such record is false in some field.
fn excess(mut kinds: BTreeMap<Kind, u64>, load: &Load) -> BTreeMap<Kind, u64> {
    for log in &load.logs {
        for (behaviour, count) in &log.counts {
            let end = log.end(*behaviour);
            let of = |word: Option<&str>| word.unwrap_or("").to_owned();
            let kind = (
                u64::from(log.pid),
                end.cause.to_owned(),
                of(end.how),
                end.initiator.to_owned(),
                of(end.rst),
                end.is_after_peer_fin,
                end.exchanges,
            );
            if let Some(told) = kinds.get_mut(&kind) {
                *told = told.saturating_sub(*count);
            }
        }
    }
    // What is told to be unknown is not told wrongly.
    kinds.retain(|(pid, cause, ..), told| *told > 0 && *pid != 0 && cause != "unknown");
    kinds
}

fn kind(line: &str) -> Kind {
    let of = |key: &str| field(line, key).unwrap_or("").to_owned();
    let number = |key: &str| field(line, key).and_then(|word| word.parse().ok()).unwrap_or(0);
    (
        number("process.pid"),
        of("tracer.close.cause"),
        of("tracer.close.how"),
        of("tracer.close.initiator"),
        of("tracer.close.rst"),
        of("tracer.close.after_peer_fin") == "true",
        number("tracer.exchanges"),
    )
}

/// The value of a key whose name occurs once, without quotes: reading whole lines as JSON takes
/// longer than all the rest.
fn field<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("\"{key}\":"))?;
    let end = rest.find([',', '}'])?;
    Some(rest[..end].trim_matches('"'))
}
