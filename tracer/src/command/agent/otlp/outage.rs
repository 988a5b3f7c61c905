//! Tells on stderr that a collector takes nothing, once, and that it takes something again.

use std::time::{Duration, Instant};

use super::super::super::terminal;
use super::backoff::Backoff;
use super::settings::Signal;

/// How it goes with one collector and one signal.
#[derive(Debug)]
pub(super) struct Outage {
    collector: String,
    signal: Signal,
    backoff: Backoff,
    /// Since when nothing was taken, and how often it was tried.
    failed: Option<(Instant, u64)>,
    is_refusal_told: bool,
}

impl Outage {
    /// None so far.
    pub(super) const fn new(collector: String, signal: Signal) -> Self {
        Self { collector, signal, backoff: Backoff::new(), failed: None, is_refusal_told: false }
    }

    /// As [`Backoff::is_due`].
    pub(super) fn is_due(&self, now: Instant, is_awaited: bool) -> bool {
        self.backoff.is_due(now, is_awaited)
    }

    /// It took nothing, for a reason; `so` is what becomes of it.
    pub(super) fn fail(&mut self, now: Instant, after: Option<Duration>, why: &str, so: &str) {
        self.backoff.fail(now, after);
        let (_, tries) = self.failed.get_or_insert((now, 0));
        *tries += 1;
        tracing::debug!(collector = self.collector, why, "not exported");
        if *tries == 1 {
            let (collector, signal) = (&self.collector, self.signal.name());
            terminal::say(&format!("{collector} takes no {signal}: {why}; {so}"));
        }
    }

    /// It took what it was sent, but for what it refused.
    pub(super) fn succeed(&mut self, now: Instant) {
        self.backoff.succeed();
        if let Some((since, tries)) = self.failed.take() {
            let (collector, signal) = (&self.collector, self.signal.name());
            let seconds = now.duration_since(since).as_secs_f64();
            let times = if tries == 1 { "try" } else { "tries" };
            terminal::say(&format!(
                "{collector} takes {signal} again, after {tries} {times} in {seconds:.0} s"
            ));
        }
    }

    /// It refused some for good; `so` is what becomes of them. Told once: then they are only counted.
    pub(super) fn refuse(&mut self, count: u64, why: &str, so: &str) {
        tracing::debug!(collector = self.collector, count, why, "refused");
        if !std::mem::replace(&mut self.is_refusal_told, true) {
            let (collector, item) = (&self.collector, self.signal.item());
            let items = if count == 1 { "" } else { "s" };
            terminal::say(&format!("{collector} refused {count} {item}{items}: {why}; {so}"));
        }
    }
}
