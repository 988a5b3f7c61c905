//! What is looked at every few seconds: memory of tracer, entries of the load in the kernel's table;
//! and what is left of these when the load has no socket any more.

use super::observer::Observer;
use super::place::Place;
use super::table::{Entry, Table};
use anyhow::{Context as _, Result};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(1_500);
/// How long the last sockets may take: closed ones that wait for their peer are a second or two from
/// their end.
const PATIENCE: Duration = Duration::from_secs(30);
/// An entry that is there so long after the last socket is gone has outlived its own: the kernel
/// frees a socket soon after it has ceased to count it.
const OUTLIVED: Duration = Duration::from_secs(2);
/// By then tracer should have seen that: it takes some snapshots, which a busy host delays.
const AFTER_LAST: Duration = Duration::from_secs(20);
/// So many dead entries are described.
const DESCRIBED: usize = 4;

/// One look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    /// Since the beginning.
    pub(super) seconds: f64,
    /// 0 before the first.
    pub(super) cycle: usize,
    pub(super) rss_kib: u64,
    pub(super) entries: u64,
}

/// What there is when the load has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Left {
    /// Its sockets that the kernel still has.
    pub(super) sockets: u64,
    /// Its entries in the table. Beyond the sockets they are dead: of sockets whose end was shown to
    /// no program.
    pub(super) entries: u64,
    /// Entries that outlived their sockets, though tracer may have taken them since.
    pub(super) outlived: u64,
    /// Some of them, described.
    pub(super) which: Vec<String>,
}

impl Left {
    pub(super) fn dead(&self) -> u64 {
        // A socket need not have an entry: a listening one has none.
        self.entries.saturating_sub(self.sockets)
    }

    /// Waits until nothing is left, or in vain.
    pub(super) fn wait(
        place: &Place,
        mut entries: impl FnMut() -> Result<Vec<Entry>>,
    ) -> Result<Self> {
        let began = Instant::now();
        let (mut gone_at, mut outlived, mut which) = (None, 0, Vec::new());
        loop {
            let (sockets, found) = (place.sockets()?, entries()?);
            if sockets == 0 {
                let at: Instant = *gone_at.get_or_insert_with(Instant::now);
                if outlived == 0 && at.elapsed() > OUTLIVED {
                    outlived = found.len() as u64;
                    which = found.iter().take(DESCRIBED).map(Entry::to_string).collect();
                }
            }
            let is_over = gone_at.is_some_and(|at| at.elapsed() > AFTER_LAST);
            let is_empty = sockets == 0 && found.is_empty();
            if is_empty || is_over || began.elapsed() > PATIENCE {
                let entries = found.len() as u64;
                return Ok(Self { sockets, entries, outlived, which });
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}

/// All of them.
pub(super) struct Samples {
    pid: u32,
    netns: u32,
    /// None at the end: it holds tracer's map, which must be free then.
    table: Option<Table>,
    began: Instant,
    cycle: usize,
    pub(super) all: Vec<Sample>,
    /// After each cycle.
    pub(super) left: Vec<Left>,
}

impl Samples {
    pub(super) fn begin(observer: &Observer) -> Result<Self> {
        let pid = observer.pid();
        let mut samples = Self {
            pid,
            netns: observer.netns(),
            table: Some(Table::of(pid)?),
            began: Instant::now(),
            cycle: 0,
            all: Vec::new(),
            left: Vec::new(),
        };
        samples.look()?;
        Ok(samples)
    }

    pub(super) fn begin_cycle(&mut self) {
        self.cycle += 1;
    }

    /// Looks, then waits for the next time.
    pub(super) fn take(&mut self) -> Result<()> {
        self.look()?;
        thread::sleep(EVERY);
        Ok(())
    }

    /// Waits until nothing of the load is left, and notes what is.
    pub(super) fn end_cycle(&mut self, place: &Place) -> Result<()> {
        let left = Left::wait(place, || self.look())?;
        self.left.push(left);
        Ok(())
    }

    /// No look any more: lets go of tracer's map, which must be free afterwards.
    pub(super) fn end(&mut self) {
        self.table = None;
    }

    pub(super) fn last_rss_mib(&self) -> f64 {
        self.all.last().map_or(0.0, |sample| mib(sample.rss_kib))
    }

    pub(super) fn most_entries(&self) -> u64 {
        self.all.iter().map(|sample| sample.entries).max().unwrap_or(0)
    }

    /// The median RSS of each cycle, MiB.
    pub(super) fn cycle_medians(&self) -> Vec<f64> {
        let of_cycle = |cycle: usize| {
            let samples = self.all.iter().filter(|sample| sample.cycle == cycle);
            let mut all: Vec<_> = samples.map(|sample| sample.rss_kib).collect();
            all.sort_unstable();
            all.get(all.len() / 2).map(|rss| mib(*rss))
        };
        (1..=self.cycle).filter_map(of_cycle).collect()
    }

    fn look(&mut self) -> Result<Vec<Entry>> {
        let table = self.table.as_ref().context("the soak is over")?;
        let found = table.entries(self.netns)?;
        let entries = found.len() as u64;
        let rss_kib = rss_kib(self.pid)?;
        let seconds = self.began.elapsed().as_secs_f64();
        self.all.push(Sample { seconds, cycle: self.cycle, rss_kib, entries });
        Ok(found)
    }
}

pub(super) fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// Its highest so far.
pub(super) fn peak_mib(pid: u32) -> Result<f64> {
    status_kib(pid, "VmHWM:").map(mib)
}

fn rss_kib(pid: u32) -> Result<u64> {
    status_kib(pid, "VmRSS:")
}

fn status_kib(pid: u32, key: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    // What has ended and was not waited for has no memory.
    number.context("tracer ended while it was observing: see what it said, or who sent it a signal")
}
