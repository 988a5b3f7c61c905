//! One run of one case: the tracer restricted to the case's ports, a recording beside it where one is
//! to be kept, and who must be told as what.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::reduce::reduce;
use crate::support::expectation::{Expectation, Party};
use crate::support::fixture::{JSON, folder, parsed, quiet_stdout, replay};
use crate::support::recording::Recording;
use crate::support::report::{Report, tally};
use crate::support::tracer::Tracer;
use crate::support::verdict::{Judged, judge};

/// What a case works with.
pub(crate) struct Scene {
    ports: Vec<u16>,
    parties: Vec<Party>,
    running: Option<(Tracer, Option<Recording>)>,
    lines: Vec<Value>,
    /// Where recordings are made, if one is.
    recordings: Option<TempDir>,
}

/// How a run went.
pub(crate) struct Run {
    /// What the tracer said while it ran.
    pub(crate) live: Judged,
    /// What the new recording leads to, if one was made.
    pub(crate) replay: Option<Judged>,
    /// How connections opened and ended, for the reader of a failure.
    pub(crate) told: String,
}

impl Scene {
    /// An empty one.
    pub(crate) fn new(is_kept: bool) -> Self {
        Self {
            ports: Vec::new(),
            parties: Vec::new(),
            running: None,
            lines: Vec::new(),
            recordings: is_kept.then(|| tempfile::tempdir().expect("a temporary directory")),
        }
    }

    /// Has connections of this port traced. All ports are named before [`Self::begin`].
    pub(crate) fn watch(&mut self, port: u16) {
        assert!(self.running.is_none(), "the tracer runs already");
        self.ports.push(port);
    }

    fn raw(&self) -> Option<PathBuf> {
        self.recordings.as_ref().map(|dir| dir.path().join("raw.trace"))
    }

    /// Attaches the tracer.
    pub(crate) fn begin(&mut self) {
        assert!(!self.ports.is_empty(), "a case watches a port");
        let recording =
            self.raw().map(|file| Recording::start(&file, &["--strict", "--ring-mib", "64"]));
        let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        let args: Vec<&str> = ports.iter().flat_map(|port| ["-P", port]).collect();
        self.running = Some((Tracer::start_with(&args), recording));
    }

    /// Stops the tracer: what is open now is told as open.
    pub(crate) fn end(&mut self) {
        let (tracer, recording) = self.running.take().expect("it was begun");
        if let Some(recording) = recording {
            let last = recording.finish();
            assert!(last.contains("0 lost"), "{last}");
        }
        self.lines = tracer.stop(Signal::INT);
        drop(Report::new(self.lines.clone()));
    }

    /// Says who was there, and as what it must be told. Whoever is not said must not be named.
    pub(crate) fn expect(&mut self, party: Party) {
        assert!(self.ports.contains(&party.port), "port {} is not watched", party.port);
        self.parties.push(party);
    }

    /// Judges the run, and keeps its recording as `name`.
    pub(crate) fn judge(mut self, name: &str, codes: &[&str]) -> Run {
        assert!(self.running.is_none() && !self.lines.is_empty(), "the case did not end the run");
        let parties = std::mem::take(&mut self.parties);
        let expectation = Expectation { ports: self.ports.clone(), parties };
        same_codes(&expectation, codes);
        let live = judge(&self.lines, &expectation);
        let told = told(&self.lines);
        let replay = self.raw().map(|raw| {
            let dir = raw.with_file_name("");
            let trace = dir.join("reduced.trace");
            reduce(&raw, &expectation.ports, &trace);
            let stdout = quiet_stdout(replay(&trace, &expectation.ports, &JSON, &[]));
            let judged = judge(&parsed(&stdout), &expectation);
            // Verdicts may be wrong, then tracer is to be mended; a run with wrong counts was not
            // what the case is about.
            if judged.counts.is_empty() {
                let keep = |extension| folder().join(format!("{name}.{extension}"));
                fs::copy(&trace, keep("trace")).expect("tests/fixtures can be written");
                fs::write(keep("case"), expectation.to_text()).expect("the same");
            }
            judged
        });
        Run { live, replay, told }
    }
}

/// Asserts that the parties' codes are those that the list of cases shows.
pub(crate) fn same_codes(expectation: &Expectation, codes: &[&str]) {
    let mut told: Vec<&str> =
        expectation.parties.iter().flat_map(|party| &party.codes).map(String::as_str).collect();
    let mut wanted = codes.to_vec();
    for list in [&mut told, &mut wanted] {
        list.sort_unstable();
        list.dedup();
    }
    assert_eq!(told, wanted, "the codes of the case and of its parties");
}

fn told(lines: &[Value]) -> String {
    let ended = || lines.iter().filter(|line| line["event.name"] == "tracer.connection.closed");
    let roles = [("client", Some("client")), ("server", Some("server")), ("neither", None)];
    let told = roles.map(|(name, role)| {
        let ended: Vec<&Value> =
            ended().filter(|line| line["tracer.role"].as_str() == role).collect();
        let by = |key| tally(&ended, key);
        format!(
            "{name}: opened {:?}, closed {:?}, exchanges {:?}",
            by("tracer.open.cause"),
            by("tracer.close.cause"),
            by("tracer.exchanges")
        )
    });
    let lost = lines.last().map(|health| &health["tracer.lost"]);
    format!("{}\nlost: {}", told.join("\n"), lost.unwrap_or(&Value::Null))
}
