//! One cycle of the load: every kind of it at a time, then a burst, then nothing until its sockets
//! are gone. Counts what the load says it did. Servers have ports by which tracer is told to look at them only: what
//! else the host does must not hide what is lost of the load.

use super::place::Place;
use super::samples::Samples;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Connections that are held during a cycle, and closed at once: two lines of 1.2 KB each, of which
/// tracer's queue of output has room for some 7,000. None may be dropped on a host whose seconds are
/// late, so all that may come in three of them is less.
const IDLE: &str = "1000";
/// Seconds of the burst, and connections per second, by the same bound. More of them: `overload.rs`.
const BURST: u64 = 2;
const BURST_RATE: &str = "1000";
/// First ports of the servers of each load.
pub(super) const CHURN: &str = "20000";
const EXCHANGE: &str = "20100";
const IDLE_PORT: &str = "20200";
const FAULTS: &str = "20300";
/// Every port that a load has something at.
pub(super) const PORTS: [u16; 11] =
    [20_000, 20_001, 20_002, 20_003, 20_100, 20_101, 20_200, 20_300, 20_301, 20_302, 20_303];

/// Ends of sockets, as the load counted them: there is one record to be told of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) dialled: u64,
    pub(super) accepted: u64,
    /// By kind of load and name; any is one too many.
    pub(super) errors: BTreeMap<String, u64>,
    /// Dials of `load faults` by what became of them.
    pub(super) faults: BTreeMap<String, u64>,
}

impl Ends {
    pub(super) fn expected(&self) -> u64 {
        self.dialled + self.accepted
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.dialled += other.dialled;
        self.accepted += other.accepted;
        for (into, from) in [(&mut self.errors, &other.errors), (&mut self.faults, &other.faults)] {
            for (name, count) in from {
                *into.entry(name.clone()).or_default() += count;
            }
        }
    }

    /// Adds what a load printed.
    pub(super) fn hear(&mut self, line: &Value) -> Result<()> {
        let count = |value: &Value| value.as_u64().with_context(|| format!("no count in {line}"));
        let load = line["load"].as_str().context("a load without name")?;
        if load == "faults" {
            self.dialled += count(&line["dialled"])?;
            self.accepted += count(&line["accepted"])? + count(&line["unaccepted"])?;
        } else {
            self.dialled += count(&line["connections"])?;
            self.accepted += count(&line["server"]["connections"])?;
        }
        for (key, into) in [("errors", &mut self.errors), ("kinds", &mut self.faults)] {
            for (name, value) in line[key].as_object().into_iter().flatten() {
                let name = if key == "errors" { format!("{load} {name}") } else { name.clone() };
                *into.entry(name).or_default() += count(value)?;
            }
        }
        Ok(())
    }
}

/// Plays it, for about `time`, and takes samples meanwhile.
pub(super) fn play(
    place: &Place,
    time: Duration,
    number: u32,
    samples: &mut Samples,
) -> Result<Ends> {
    let mixed = (time.as_secs() - BURST).to_string();
    let seed = number.to_string();
    let mut ends = Ends::default();
    let mut idle = Running::start(place, &["idle", "--connections", IDLE, "--port", IDLE_PORT])?;
    let loads = [
        ["churn", "--port", CHURN, "--rate", "400"].as_slice(),
        &["exchange", "--port", EXCHANGE, "--connections", "64", "--rate", "4000"],
        &["faults", "--port", FAULTS, "--rate", "200", "--seed", &seed],
    ];
    let loads: Result<Vec<_>> = loads
        .iter()
        .map(|load| Running::start(place, &[load, &["--seconds", &mixed][..]].concat()))
        .collect();
    let mut loads = loads?;
    samples.begin_cycle();
    while loads.iter_mut().any(Running::runs) {
        samples.take()?;
    }
    for load in loads {
        ends.hear(&load.finish()?)?;
    }
    idle.let_go();
    ends.hear(&idle.finish()?)?;
    burst(place, BURST, samples, &mut ends)?;
    samples.end_cycle(place)?;
    Ok(ends)
}

/// A long burst, before all cycles: what tracer keeps for the records of one interval then has its
/// size.
pub(super) fn warm_up(place: &Place, time: Duration, samples: &mut Samples) -> Result<Ends> {
    let mut ends = Ends::default();
    burst(place, time.as_secs(), samples, &mut ends)?;
    Ok(ends)
}

fn burst(place: &Place, seconds: u64, samples: &mut Samples, ends: &mut Ends) -> Result<()> {
    let seconds = seconds.to_string();
    let rate = ["--rate", BURST_RATE];
    let load = [&["churn", "--port", CHURN, "--seconds", &seconds][..], &rate].concat();
    let mut load = Running::start(place, &load)?;
    while load.runs() {
        samples.take()?;
    }
    ends.hear(&load.finish()?)
}

/// A load that runs.
pub(super) struct Running {
    child: Child,
    name: String,
}

impl Running {
    pub(super) fn start(place: &Place, arguments: &[&str]) -> Result<Self> {
        let mut command: Command = place.load(arguments);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let name = format!("load {}", arguments.join(" "));
        let child = child.with_context(|| format!("cannot run {name}"))?;
        Ok(Self { child, name })
    }

    /// Whether it has not ended yet.
    fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends one that holds connections.
    fn let_go(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits for its end and gives the line it printed. It ends in time by itself.
    pub(super) fn finish(mut self) -> Result<Value> {
        let output = self.child.stdout.take().context("a load without stdout")?;
        let said = std::io::read_to_string(output)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "{} ended with {status}", self.name);
        let line = said.lines().last().with_context(|| format!("{} said nothing", self.name))?;
        serde_json::from_str(line).with_context(|| format!("{} said {line}", self.name))
    }
}

impl Drop for Running {
    /// For when the soak fails: a load ends with its stdin or in time, but not at once.
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::Ends;
    use serde_json::json;

    #[test]
    fn each_connection_has_two_ends_and_a_dial_that_fails_one() {
        let mut ends = Ends::default();
        let churn = json!({ "load": "churn", "connections": 5, "errors": { "EADDRNOTAVAIL": 1 },
                            "server": { "connections": 4 } });
        let faults = json!({ "load": "faults", "dialled": 10, "accepted": 7, "unaccepted": 1,
                             "kinds": { "refused": 2, "backlog": 1 }, "errors": {} });
        ends.hear(&churn).unwrap();
        ends.hear(&faults).unwrap();
        assert_eq!((ends.dialled, ends.accepted, ends.expected()), (15, 12, 27));
        assert_eq!(ends.errors, [("churn EADDRNOTAVAIL".to_owned(), 1)].into());
        assert_eq!(ends.faults["refused"], 2);
        assert!(ends.hear(&json!({ "load": "churn" })).is_err());
    }
}
