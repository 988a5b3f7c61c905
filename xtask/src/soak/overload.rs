//! More than can be printed, and nobody who reads it: connections as fast as they can be made, beside
//! a tracer that is to print a line for each end, while the reader of its lines does nothing for half
//! of the time, on purpose. What is counted must not suffer.

use super::cycle::{CHURN, Ends, Running};
use super::heard::Counts;
use super::kernel::Objects;
use super::observer::{Mode, Observer};
use super::place::Place;
use super::samples::{Left, peak_mib};
use super::table::Table;
use super::{detach, rules};
use anyhow::Result;
use rustix::process::Signal;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// What came of it.
pub(super) struct Overload {
    pub(super) ends: Ends,
    pub(super) told: Counts,
    pub(super) left: Left,
    /// Highest RSS of tracer.
    pub(super) peak_mib: f64,
    pub(super) time: Duration,
    /// How tracer ended.
    pub(super) end: rules::Verdict,
}

/// Plays it for `time`.
pub(super) fn play(tracer: &Path, load: &Path, time: Duration) -> Result<Overload> {
    let place = Place::open(load)?;
    let before = Objects::all()?;
    let mut observer = Observer::start(tracer, place.number(), Mode::Totals)?;
    let table = Table::of(observer.pid())?;
    let seconds = time.as_secs().to_string();
    let load = Running::start(&place, &["churn", "--port", CHURN, "--seconds", &seconds])?;
    thread::sleep(time / 4);
    observer.pause(true);
    thread::sleep(time / 2);
    observer.pause(false);
    let mut ends = Ends::default();
    ends.hear(&load.finish()?)?;
    let left = Left::wait(&place, || table.entries(place.number()))?;
    drop(table);
    let peak_mib = peak_mib(observer.pid())?;
    let end = detach::stop(&mut observer, Signal::INT, &before)?;
    let told = observer.finish()?.counts().clone();
    Ok(Overload { ends, told, left, peak_mib, time, end: rules::gone(Signal::INT, &end) })
}
