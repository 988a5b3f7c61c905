//! One contender, one load: what the load did, what it cost the contender, and what the contender told
//! of it. Run times are not taken meanwhile.

use super::background::Heard;
use super::contender::Contender;
use super::load::{Done, Load};
use super::tools::Tools;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

/// Tools that read on a timer have read by then.
const AFTER: Duration = Duration::from_millis(500);

/// The reason by which tracer counts lines that it dropped.
const OUTPUT: &str = "output";
/// And of events for which a program was skipped.
const MISSED: &str = "missed";

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(super) done: Done,
    /// CPU time of the contender, from ready to its end.
    pub(super) agent_seconds: Option<f64>,
    /// Lines of its output, a heading aside.
    pub(super) lines: u64,
    /// Lines of ended connections, of the whole host; of tracer alone.
    pub(super) closed_lines: u64,
    /// What tracer says of itself and of the load.
    pub(super) told: Option<Told>,
}

/// From the output of tracer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Ended connections in the namespace of the load, each end one.
    pub(super) ends: u64,
    /// The same of the whole host.
    pub(super) all_ends: u64,
    /// Records that the kernel could not keep or deliver, or that could not be decoded, by reason;
    /// without zeros.
    pub(super) lost: BTreeMap<String, u64>,
    /// Open connections pushed out of a full table.
    pub(super) evicted: u64,
}

impl Turn {
    pub(super) fn take(tools: &Tools, contender: Contender, load: Load) -> Result<Self> {
        let running = contender.start(tools)?;
        let at_ready = running.as_ref().map(|one| one.background.cpu_seconds()).transpose()?;
        let done = load.run(tools)?;
        thread::sleep(AFTER);
        let mut turn = Self { done, agent_seconds: None, lines: 0, closed_lines: 0, told: None };
        if let Some(running) = running {
            let ended = running.background.stop()?;
            turn.agent_seconds = at_ready.map(|before| ended.cpu_seconds - before);
            turn.lines = ended.heard.lines;
            turn.closed_lines = ended.heard.marks;
            if contender.is_tracer() {
                if !ended.status.success() {
                    bail!("tracer ended with {}", ended.status);
                }
                let told = Told::of(&ended.heard, done.netns);
                turn.told = Some(told.context("tracer told no health at its end")?);
            }
        }
        Ok(turn)
    }

    pub(super) fn per_second(&self, load: Load) -> f64 {
        load.units(&self.done).1 as f64 / self.done.seconds
    }

    /// Microseconds of CPU time of the load for each connection or exchange: its own code, and what the
    /// kernel did for it, hooks included.
    pub(super) fn load_us(&self, load: Load) -> f64 {
        self.done.cpu_seconds * 1e6 / load.units(&self.done).1 as f64
    }

    /// CPU seconds of the contender for a million connections.
    pub(super) fn agent_seconds_per_million(&self) -> Option<f64> {
        Some(self.agent_seconds? * 1e6 / self.done.connections as f64)
    }

    /// Ends of connections that no total tells of; less than none, if more were told than there were.
    pub(super) fn missing(&self) -> Option<i64> {
        (2 * self.done.connections).checked_signed_diff(self.told.as_ref()?.ends)
    }

    /// What tracer counted as lost or pushed out; lines it dropped aside, which no total lacks.
    pub(super) fn counted_lost(&self) -> Option<u64> {
        let told = self.told.as_ref()?;
        Some(told.lost.values().sum::<u64>() - self.dropped_lines()? + told.evicted)
    }

    /// The same without `missed`: events that the kernel skipped a program for, which may have been one
    /// copy here and another there, so that nothing is lost.
    pub(super) fn surely_lost(&self) -> Option<u64> {
        let missed = self.told.as_ref()?.lost.get(MISSED).copied().unwrap_or(0);
        Some(self.counted_lost()? - missed)
    }

    /// Lines that nobody took in time.
    pub(super) fn dropped_lines(&self) -> Option<u64> {
        self.told.as_ref().map(|told| told.lost.get(OUTPUT).copied().unwrap_or(0))
    }
}

/// Ends in the totals that have neither a line nor are counted as a dropped one; less than none are
/// lines too many, told or counted. `None` if nothing was told.
///
/// Of other lines only those of health can be dropped, of which there is one a second at most.
pub(super) fn lines_astray(turn: &Turn) -> Option<i64> {
    // It begins before the load, and ends after it.
    let health = Duration::from_secs_f64(turn.done.seconds).as_secs() + 5;
    let health = i64::try_from(health).ok()?;
    let lines = turn.closed_lines + turn.dropped_lines()?;
    let astray = turn.told.as_ref()?.all_ends.checked_signed_diff(lines)?;
    Some(if (-health..0).contains(&astray) { 0 } else { astray })
}

impl Told {
    fn of(heard: &Heard, netns: u64) -> Option<Self> {
        let mut told = None;
        let (mut ends, mut all_ends) = (0, 0);
        let lines = heard.tail.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        for line in lines {
            if line["event.name"] == "tracer.summary" {
                let closed = line["tracer.connections_closed"].as_u64()?;
                all_ends += closed;
                if line["tracer.netns"].as_u64() == Some(netns) {
                    ends += closed;
                }
            }
            if line["event.name"] == "tracer.health" {
                let lost = line["tracer.lost"].as_object()?.iter();
                let lost = lost.filter_map(|(why, count)| Some((why.clone(), count.as_u64()?)));
                let undecoded = ("not_decoded".to_owned(), line["tracer.decode_errors"].as_u64()?);
                let lost = lost.chain([undecoded]).filter(|(_, count)| *count > 0).collect();
                let evicted = line["tracer.evicted"].as_u64()?;
                told = Some(Self { lost, evicted, ..Self::default() });
            }
        }
        told.map(|told| Self { ends, all_ends, ..told })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY: &str =
        r#"{"event.name":"tracer.summary","tracer.netns":7,"tracer.connections_closed":3}"#;
    const OTHERS: &str =
        r#"{"event.name":"tracer.summary","tracer.netns":8,"tracer.connections_closed":9}"#;
    const HEALTH: &str = r#"{"event.name":"tracer.health","tracer.lost":{"a":1,"b":0},"tracer.evicted":4,"tracer.decode_errors":5}"#;

    fn told(lines: &[&str]) -> Option<Told> {
        Told::of(&Heard { tail: lines.join("\n"), ..Heard::default() }, 7)
    }

    #[test]
    fn what_others_did_is_not_told_as_the_load() {
        let lost = [("a", 1), ("not_decoded", 5)].map(|(why, count)| (why.to_owned(), count));
        let wanted = Told { ends: 6, all_ends: 15, lost: lost.into(), evicted: 4 };
        assert_eq!(told(&[SUMMARY, OTHERS, SUMMARY, HEALTH]), Some(wanted));
    }

    #[test]
    fn without_a_line_of_health_nothing_is_known() {
        assert_eq!(told(&[SUMMARY]), None);
    }
}
