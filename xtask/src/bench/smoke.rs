//! `cargo xtask bench --smoke`: what a change may make dear without anybody noticing, in figures that
//! hold on a busy machine: run time of the BPF programs by that of empty ones in the same run, how many
//! programs run for a connection, and that nothing is lost at a modest rate, in one turn of three.
//!
//! Of several slices the least counts: what else the machine does adds to run times and to runs, it
//! takes nothing away.

use super::contender::Contender;
use super::load::Load;
use super::runtime::{self, Slice, Slices};
use super::spread::{Spread, round};
use super::tools::Tools;
use super::turn::Turn;
use crate::process::say;
use anyhow::{Context as _, Result, bail};

/// Run time per connection, by empty programs on the same hooks: no more than this. It is about a
/// third above what it was when this was written; half as much again is beyond it.
const MOST_TIMES_FLOOR: f64 = 7.0;
/// Slices of each, at least.
const ROUNDS: u32 = 3;
/// And at most, as long as the bound is not kept: on a busy machine it takes more of them until one
/// is not disturbed, and none becomes cheaper than the programs are.
const MOST_ROUNDS: u32 = 12;
const SECONDS: u32 = 1;
/// What a machine that does other things too can make, and any build can read.
const RATE: u32 = 2000;
const PACED_SECONDS: u32 = 3;
/// How far the number of runs may be from that of as many empty programs.
const RUNS_APART: f64 = 0.02;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Found {
    times_floor: f64,
    /// Runs per connection, by those of as many empty programs.
    runs: f64,
    /// Ends of connections, or as many told too often.
    lost: u64,
}

/// Measures, and fails if anything is beyond its bound.
pub(crate) fn main(tools: &Tools) -> Result<()> {
    let contenders = [Contender::Floor, Contender::FloorCopies, Contender::Tracer];
    // At full speed caches are as warm as they become, which differs least from slice to slice.
    let full_speed = Load::Churn { seconds: SECONDS, rate: None };
    let mut slices = Slices::new();
    let by_floor = |slices: &Slices| times(slices, Contender::Floor, Slice::ns_per_connection);
    let runs = |slices: &Slices| times(slices, Contender::FloorCopies, Slice::runs_per_connection);
    for round in 1..=MOST_ROUNDS {
        runtime::round(tools, &contenders, full_speed, &mut slices)?;
        let is_kept = by_floor(&slices).is_some_and(|times| times <= MOST_TIMES_FLOOR)
            && runs(&slices).is_some_and(|runs| (runs - 1.0).abs() <= RUNS_APART);
        if round >= ROUNDS && is_kept {
            break;
        }
    }
    let mut lost = lost(tools)?;
    for _ in 1..ROUNDS {
        if lost > 0 {
            lost = lost.min(self::lost(tools)?);
        }
    }
    let found = Found {
        times_floor: by_floor(&slices).context("no run times")?,
        runs: runs(&slices).context("no runs")?,
        lost,
    };
    say(format!(
        "bench: run time {} times that of empty programs (at most {MOST_TIMES_FLOOR}), runs {} times \
         theirs, {} ends lost",
        round(found.times_floor),
        round(found.runs),
        found.lost
    ));
    match faults(&found).as_slice() {
        [] => Ok(()),
        faults => bail!("{}", faults.join("; ")),
    }
}

/// Ends that are lost at a modest rate.
fn lost(tools: &Tools) -> Result<u64> {
    let paced = Load::Churn { seconds: PACED_SECONDS, rate: Some(RATE) };
    let turn = Turn::take(tools, Contender::Tracer, paced)?;
    turn.surely_lost()
        .max(turn.dropped_lines())
        .max(turn.missing().map(i64::unsigned_abs))
        .context("tracer told nothing")
}

/// The least figure of tracer, by the least of another.
fn times(slices: &Slices, other: Contender, figure: impl Fn(&Slice) -> f64) -> Option<f64> {
    let least = |contender| Some(Spread::of(slices.get(&contender)?.iter().map(&figure))?.min);
    Some(least(Contender::Tracer)? / least(other)?)
}

fn faults(found: &Found) -> Vec<String> {
    let mut faults = Vec::new();
    let times = found.times_floor;
    if times > MOST_TIMES_FLOOR {
        faults.push(format!(
            "the BPF programs take {times:.2} times the run time of empty ones, more than \
             {MOST_TIMES_FLOOR}"
        ));
    }
    let runs = found.runs;
    if (runs - 1.0).abs() > RUNS_APART {
        faults.push(format!(
            "{runs:.3} programs run where as many empty ones run once: a program is not attached \
             where it is to be, or is skipped"
        ));
    }
    if found.lost > 0 {
        faults.push(format!("{} ends of connections were lost at {RATE} a second", found.lost));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(times: f64, runs: f64, lost: u64) -> Found {
        Found { times_floor: times, runs, lost }
    }

    #[test]
    fn what_is_within_its_bounds_is_no_fault() {
        assert!(faults(&found(MOST_TIMES_FLOOR, 1.0, 0)).is_empty());
    }

    #[test]
    fn each_bound_is_a_fault_of_its_own() {
        let bad = found(MOST_TIMES_FLOOR + 0.1, 1.0 - 2.0 * RUNS_APART, 1);
        assert_eq!(faults(&bad).len(), 3);
        assert!(faults(&bad)[0].contains("times the run time"));
    }
}
