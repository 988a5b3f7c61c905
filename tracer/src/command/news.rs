//! Findings as they begin, change and end, to a reader who may be slow: what it was told is what it
//! got. A line that had no room is told again once there is, so that which findings are open is right.

use super::outbox::Outlook;
use super::{Error, report};
use crate::detect::{Finding, Ledger, Notice};
use crate::pipeline::Pipeline;
use crate::sink::{Item, Sink, Verdict};

/// What the reader knows.
pub(super) struct News {
    outlook: Outlook,
    ledger: Ledger,
    /// Some of it was not told.
    is_behind: bool,
}

impl News {
    /// Nothing yet, of an output that is doing so.
    pub(super) fn new(outlook: Outlook) -> Self {
        Self { outlook, ledger: Ledger::default(), is_behind: false }
    }

    /// Writes which of `findings`, all that hold now, have news since it was told the last time.
    pub(super) fn tell(
        &mut self,
        sink: &mut dyn Sink,
        pipeline: &Pipeline,
        findings: &[Finding],
        at_ns: u64,
    ) -> Result<(), Error> {
        self.is_behind = !self.outlook.has_room();
        if self.is_behind {
            // Trying would only drop and count the same lines again each time.
            return Ok(());
        }
        for notice in self.ledger.update(findings.to_vec(), at_ns) {
            let Notice { state, finding } = &notice;
            let identity = report::identity(pipeline, &finding.key.who);
            let verdict = Verdict { at_ns, state: Some(*state), finding, identity };
            let dropped = self.outlook.dropped_lines();
            // One by one: a block of several would not tell which had no room.
            sink.write(&Item::Finding(verdict))
                .and_then(|()| sink.flush())
                .map_err(Error::Output)?;
            if self.outlook.dropped_lines() != dropped {
                self.is_behind = true;
                self.ledger.take_back(notice);
            }
        }
        Ok(())
    }

    /// The same once the observation is over, and lines wait for room: only what was not told.
    pub(super) fn catch_up(
        &mut self,
        sink: &mut dyn Sink,
        pipeline: &Pipeline,
        findings: &[Finding],
        at_ns: u64,
    ) -> Result<(), Error> {
        if !self.is_behind {
            return Ok(());
        }
        // What waits to be read goes first.
        sink.flush().map_err(Error::Output)?;
        self.tell(sink, pipeline, findings, at_ns)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{self, BufRead as _, BufReader, Write as _};
    use std::os::fd::OwnedFd;
    use std::thread;

    use super::super::outbox::Outbox;
    use super::*;
    use crate::detect::Thresholds;
    use crate::pipeline::{Fed, Selection, Setting};
    use crate::process::Lookup;
    use crate::sink::json::Json;
    use crate::source::Reader;

    const RECORDING: &str =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/python-new.trace");

    /// Codes and states that a reader got which began to read only in the end, after `before` lines that
    /// nobody asked for.
    fn told(before: usize) -> Vec<(String, String)> {
        let mut recording = Reader::new(File::open(RECORDING).unwrap()).unwrap();
        let setting = Setting::from_json(recording.meta()).unwrap();
        let origin = setting.origin.clone();
        let selection = Selection::default();
        let mut pipeline =
            Pipeline::new(setting, Lookup::Recorded, selection, Thresholds::default());
        let (reader, writer) = io::pipe().unwrap();
        let mut out = Outbox::new(OwnedFd::from(writer).into()).unwrap();
        let outlook = out.outlook();
        for _ in 0..before {
            writeln!(out, "{:1000}", "{}").and_then(|()| out.flush()).unwrap();
        }
        let mut sink = Json::new(out, origin);
        let (mut news, mut at_ns) = (News::new(outlook.clone()), 0);
        while let Some(input) = recording.next().unwrap() {
            if let Fed::Tick(tick) = pipeline.feed(input) {
                at_ns = tick.now_ns;
                let findings = pipeline.judge().findings();
                news.tell(&mut sink, &pipeline, &findings, at_ns).unwrap();
            }
        }
        outlook.be_patient();
        let lines = thread::spawn(|| BufReader::new(reader).lines().map(Result::unwrap).collect());
        news.catch_up(&mut sink, &pipeline, &pipeline.judge().findings(), at_ns).unwrap();
        drop(sink);
        let lines: Vec<String> = lines.join().unwrap();
        let values = lines.iter().map(|line| serde_json::from_str(line).unwrap());
        let text = |line: &serde_json::Value, key: &str| line[key].as_str().unwrap().to_owned();
        values
            .filter(|line: &serde_json::Value| line.get("tracer.finding.code").is_some())
            .map(|line| (text(&line, "tracer.finding.code"), text(&line, "tracer.finding.state")))
            .collect()
    }

    #[test]
    fn a_finding_that_began_while_nothing_had_room_is_told_as_soon_as_it_has() {
        let begun = ("one-shot".to_owned(), "begun".to_owned());
        assert_eq!(told(0).first(), Some(&begun));
        assert_eq!(told(10_000), [begun], "once");
    }
}
