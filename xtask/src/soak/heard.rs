//! What a tracer has told, in bytes as they come. Lines of connections are searched for two words;
//! only the few others are parsed.

use anyhow::{Context as _, Result};
use memchr::memmem::Finder;
use serde_json::Value;
use std::collections::BTreeMap;

/// A line of an ended connection has it.
const CLOSED: &str = r#""event.name":"tracer.connection.closed""#;
const NETNS: &str = r#""tracer.netns":"#;
/// Reasons for which the end of a connection is not told: nothing else explains one that is missing.
const ENDS: [&str; 4] = ["table_full", "no_memory", "ring_full", "queue_full"];

/// What it has told.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    counts: Counts,
    /// The begin of a line that has not ended yet.
    begun: Vec<u8>,
    netns: u32,
    closed: Finder<'static>,
    here: Finder<'static>,
    anywhere: Finder<'static>,
}

/// The same in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Lines of connections that ended, of the load's namespace.
    pub(super) lines: u64,
    /// Those of the rest of the host.
    pub(super) others: u64,
    /// Connections of which the network namespace is not told.
    pub(super) nowhere: u64,
    /// Connections that ended, by the totals in the end; those of other namespaces are left out.
    pub(super) totals: Option<u64>,
    /// Lines of health.
    pub(super) health: u64,
    /// Lines of findings.
    pub(super) findings: u64,
    /// Bytes.
    pub(super) output: u64,
    /// By reason, of the whole host, as the last health line has it.
    pub(super) lost: BTreeMap<String, u64>,
    /// What totals lack or count together because a table of userspace was full, the same way.
    pub(super) evicted: u64,
    pub(super) decode_errors: u64,
}

impl Counts {
    /// Ends of connections that tracer counted instead of telling them.
    pub(super) fn lost_ends(&self) -> u64 {
        ENDS.iter().filter_map(|why| self.lost.get(*why)).sum()
    }

    /// Lines it did not print, for nobody took them.
    pub(super) fn dropped_lines(&self) -> u64 {
        self.lost.get("output").copied().unwrap_or(0)
    }
}

impl Heard {
    pub(super) fn new(netns: u32) -> Self {
        Self {
            counts: Counts::default(),
            begun: Vec::new(),
            netns,
            closed: Finder::new(CLOSED),
            here: Finder::new(&format!("{NETNS}{netns},")).into_owned(),
            anywhere: Finder::new(NETNS),
        }
    }

    /// Takes bytes; gives how many lines ended in them. A killed tracer may leave half a line.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Result<u64> {
        self.counts.output += bytes.len() as u64;
        let (mut from, mut lines) = (0, 0);
        for end in memchr::memchr_iter(b'\n', bytes) {
            if self.begun.is_empty() {
                self.line(&bytes[from..end])?;
            } else {
                let mut line = std::mem::take(&mut self.begun);
                line.extend_from_slice(&bytes[from..end]);
                self.line(&line)?;
            }
            (from, lines) = (end + 1, lines + 1);
        }
        self.begun.extend_from_slice(&bytes[from..]);
        Ok(lines)
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    fn line(&mut self, line: &[u8]) -> Result<()> {
        let counts = &mut self.counts;
        if self.closed.find(line).is_some() {
            // As a line has it, not as any of its texts might: those have their quotes escaped.
            if self.here.find(line).is_some() {
                counts.lines += 1;
            } else if self.anywhere.find(line).is_some() {
                counts.others += 1;
            } else {
                counts.nowhere += 1;
            }
            return Ok(());
        }
        let line: Value = serde_json::from_slice(line)?;
        let count = |key: &str| line[key].as_u64().with_context(|| format!("no {key}"));
        match line["event.name"].as_str().context("a line without name")? {
            "tracer.health" => {
                counts.health += 1;
                let lost = line["tracer.lost"].as_object().context("no tracer.lost")?;
                let lost = lost.iter().filter_map(|(why, n)| Some((why.clone(), n.as_u64()?)));
                counts.lost = lost.collect();
                counts.evicted = count("tracer.evicted")?;
                counts.decode_errors = count("tracer.decode_errors")?;
            }
            "tracer.summary" => {
                let totals = counts.totals.get_or_insert(0);
                // Beyond the bound on their number keys are counted together, without a namespace:
                // only the load is at the ports that tracer looks at.
                let netns = line["tracer.netns"].as_u64();
                if netns.is_none_or(|netns| netns == u64::from(self.netns)) {
                    *totals += count("tracer.connections_closed")?;
                }
            }
            "tracer.finding" => counts.findings += 1,
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Heard;

    fn heard(lines: &[&str]) -> Heard {
        let mut heard = Heard::new(7);
        let text = lines.join("\n") + "\n";
        // In pieces, as a pipe gives them.
        for piece in text.as_bytes().chunks(13) {
            heard.hear(piece).unwrap();
        }
        heard
    }

    #[test]
    fn lines_are_counted_by_where_they_are_from() {
        let closed = r#"{"event.name":"tracer.connection.closed","#;
        let lines = [
            r#""tracer.netns":7,"tracer.role":"client"}"#,
            r#""tracer.netns":7,"tracer.role":"server"}"#,
            r#""tracer.netns":77,"tracer.role":"client"}"#,
            r#""process.command":"\"tracer.netns\":7,"}"#,
        ]
        .map(|rest| format!("{closed}{rest}"));
        let heard = heard(&lines.each_ref().map(String::as_str));
        let counts = heard.counts();
        assert_eq!((counts.lines, counts.others, counts.nowhere), (2, 1, 1));
        assert_eq!(counts.totals, None);
    }

    #[test]
    fn totals_are_of_the_load_and_of_keys_that_are_counted_together() {
        let heard = heard(&[
            r#"{"event.name":"tracer.summary","tracer.netns":7,"tracer.connections_closed":5}"#,
            r#"{"event.name":"tracer.summary","tracer.netns":8,"tracer.connections_closed":9}"#,
            r#"{"event.name":"tracer.summary","tracer.connections_closed":2}"#,
        ]);
        assert_eq!(heard.counts().totals, Some(7));
    }

    #[test]
    fn only_losses_of_whole_ends_explain_one_that_is_missing() {
        let heard = heard(&[concat!(
            r#"{"event.name":"tracer.health","tracer.lost":{"table_full":1,"no_memory":16,"ring_full":2,"#,
            r#""late_ring_full":64,"missed":128,"queue_full":4,"late_queue_full":256,"output":8},"#,
            r#""tracer.evicted":3,"tracer.decode_errors":5}"#
        )]);
        let counts = heard.counts();
        assert_eq!((counts.lost_ends(), counts.dropped_lines()), (23, 8));
        assert_eq!((counts.evicted, counts.decode_errors, counts.health), (3, 5, 1));
    }
}
