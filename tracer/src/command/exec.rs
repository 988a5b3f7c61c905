//! `tracer exec`: attach, run a command, judge it and all its descendants, report, give its exit
//! code. Owns the order of these; its control group and its process have files of their own.

mod group;
mod running;

use std::fs::File;
use std::io;
use std::process::ExitStatus;
use std::slice;
use std::time::Duration;

pub(super) use group::Group;
use running::{Running, Spawned};

use super::observe::{Observation, Progress};
use super::{Error, Outcome, report, terminal, written};
use crate::cli::Exec;
use crate::clock::Clock;
use crate::connection::LATE_WAIT_NS;
use crate::pipeline::{Family, Selection};
use crate::sink::Sink;
use crate::sink::table::Look;

/// How long the observation goes on after the command: data that arrives after a close is waited
/// for so long, and the last FINs cross.
const LINGER: Duration = Duration::from_nanos(LATE_WAIT_NS + 100_000_000);

/// Runs, judges and reports.
pub(super) fn run(args: &Exec) -> Result<Outcome, Error> {
    report::check(&args.report)?;
    let Some(thresholds) = report::thresholds(&args.report)? else { return Ok(Outcome::Fine) };
    // Before anything runs: a report that cannot be written would be noticed too late.
    let file = args.file.as_ref().map(|path| {
        let failed = |error| Error::File { path: path.display().to_string(), error };
        File::create(path).map_err(failed)
    });
    let file = file.transpose()?;
    let place = group::Place::find()?;
    let family = Some(Family::of(place.path()));
    let selection = Selection { ports: args.ports.clone(), family, ..Selection::default() };
    let mut observation = Observation::start(&args.tracing, selection, thresholds, None)?;
    if let Some(signal) = observation.heard() {
        // Whoever sent it wants an end, not a command that begins.
        return Ok(Outcome::Command(running::code_of(signal.as_raw_value())));
    }
    observation.pipeline.judge_a_command();
    if args.report.peers {
        observation.pipeline.count_peers();
    }
    // Not earlier: from here on a signal does not end us before it is removed.
    let group = place.make()?;
    let (mut sink, outlook) = sink(file, args, &observation)?;
    observation.pipeline.count_unwritten(None, outlook.dropped());
    health(&mut *sink, &observation)?;
    let spawned = observation.wait(async |_| Running::spawn(&args.command, &group))?;
    let running = match spawned {
        Spawned::Running(running) => running,
        Spawned::Refused(outcome) => return Ok(outcome),
    };
    let (status, result) = observe(&mut observation, running, &group, &mut *sink, args)?;
    tell_left(&group, args);
    let explain = report::explain(&args.report, &[]);
    let pipeline = observation.end(slice::from_ref(&outlook));
    let close = |at_ns| report::close(&mut *sink, &pipeline, at_ns, &args.report, explain);
    end(status, report::end(result.and_then(close), &pipeline, args.report.strict))
}

/// Where the report goes.
fn sink(
    file: Option<File>,
    args: &Exec,
    observation: &Observation,
) -> Result<report::Printer, Error> {
    let (output, setting) = (args.report.output, observation.pipeline.setting());
    let explain = report::explain(&args.report, &[]);
    if let Some(file) = file {
        return report::sink_on(file, Look { explain, ..Look::default() }, output, setting);
    }
    let look = Look { explain, ..terminal::look_of(&io::stderr()) };
    report::sink_on(report::own(&io::stderr())?, look, output, setting)
}

/// Tells that the hooks are attached. A reader that has left is no reason not to run the command.
fn health(sink: &mut dyn Sink, observation: &Observation) -> Result<(), Error> {
    let told = report::health(sink, &observation.pipeline, Clock::monotonic_ns());
    written(told.map(|()| Outcome::Fine)).map(drop)
}

/// Observes until the command has ended and a little longer: how it ended, and the moment of the
/// last tick. What fails on our side does not end the command: it is waited for all the same.
fn observe(
    observation: &mut Observation,
    mut running: Running,
    group: &Group,
    sink: &mut dyn Sink,
    args: &Exec,
) -> Result<(ExitStatus, Result<u64, Error>), Error> {
    let (mut at_ns, mut told) = (0, 0);
    let observed = observation.run_until(
        Some(group),
        async |signals| {
            let status = running.end(signals).await;
            signals.stop(Some(LINGER)).await;
            status
        },
        &mut |pipeline, progress| {
            if let Progress::Tick(tick) = progress {
                at_ns = tick.now_ns;
                if args.report.connections {
                    report::losses(sink, pipeline, at_ns, &mut told)?;
                    report::ended(sink, pipeline, tick)?;
                }
            }
            Ok(())
        },
    );
    match observed {
        Ok(status) => Ok((status.map_err(Error::Wait)?, Ok(at_ns))),
        Err(error) => {
            let status = observation.wait(async |signals| running.end(signals).await);
            Ok((status.map_err(Error::Wait)?, Err(error)))
        }
    }
}

/// Says what outlives the command.
fn tell_left(group: &Group, args: &Exec) {
    let left = group.processes().len();
    if left > 0 {
        let name = args.command.first().map(|name| name.display().to_string()).unwrap_or_default();
        let (noun, verb, they) =
            if left == 1 { ("process", "runs", "it is") } else { ("processes", "run", "they are") };
        terminal::say(&format!(
            "{left} {noun} of {name} still {verb}: {they} left alone, and not observed any further"
        ));
    }
}

/// The command's exit code if it failed, else what the report leads to.
fn end(status: ExitStatus, reported: Result<Outcome, Error>) -> Result<Outcome, Error> {
    match running::exit_code(status) {
        0 => reported,
        code => {
            if let Err(error) = reported {
                terminal::say(&error.to_string());
            }
            Ok(Outcome::Command(code))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn a_command_that_failed_outranks_what_was_found() {
        let failed = ExitStatus::from_raw(3 << 8);
        for reported in [Outcome::Fine, Outcome::Findings, Outcome::Lost] {
            assert!(matches!(end(failed, Ok(reported)), Ok(Outcome::Command(3))));
        }
        let unwritten = Error::Output(io::Error::other("full"));
        assert!(matches!(end(failed, Err(unwritten)), Ok(Outcome::Command(3))));
    }

    #[test]
    fn a_command_that_did_well_leaves_the_say_to_the_report() {
        let well = ExitStatus::from_raw(0);
        for reported in [Outcome::Fine, Outcome::Findings, Outcome::Lost] {
            assert!(matches!(end(well, Ok(reported)), Ok(outcome) if outcome == reported));
        }
        assert!(end(well, Err(Error::Output(io::Error::other("full")))).is_err());
    }
}
