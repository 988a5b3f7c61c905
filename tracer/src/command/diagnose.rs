//! `tracer diagnose`: observe, then report.

use procfs::process::Process;

use super::observe::{Observation, Progress};
use super::{Error, Outcome, report, terminal};
use crate::cli::{Diagnose, Filter, Output};
use crate::clock::Clock;
use crate::pipeline::Selection;
use crate::process;

/// Observes and reports.
pub(super) fn run(args: &Diagnose) -> Result<Outcome, Error> {
    report::check(&args.report)?;
    let Some(thresholds) = report::thresholds(&args.report)? else { return Ok(Outcome::Fine) };
    let selection = selection(&args.filter)?;
    let mut observation = Observation::start(&args.tracing, selection, thresholds, args.duration)?;
    if args.report.peers {
        observation.pipeline.count_peers();
    }
    let explain = report::explain(&args.report, &args.filter.pids);
    let (mut sink, outlook) =
        report::sink(args.report.output, explain, observation.pipeline.setting())?;
    observation.pipeline.count_unwritten(None, outlook.dropped());
    if args.report.output == Output::Table {
        announce(args);
    }
    let (mut at_ns, mut told) = (0, 0);
    let observed = report::health(&mut *sink, &observation.pipeline, Clock::monotonic_ns())
        .and_then(|()| {
            observation.run(args.duration, &mut |pipeline, progress| {
                if let Progress::Tick(tick) = progress {
                    at_ns = tick.now_ns;
                    if args.report.connections {
                        report::losses(&mut *sink, pipeline, at_ns, &mut told)?;
                        report::ended(&mut *sink, pipeline, tick)?;
                    }
                }
                Ok(())
            })
        });
    let pipeline = observation.end(std::slice::from_ref(&outlook));
    let closed =
        observed.and_then(|()| report::close(&mut *sink, &pipeline, at_ns, &args.report, explain));
    report::end(closed, &pipeline, args.report.strict)
}

/// The filter, once every PID in it is known to exist, as far as that can be known: an empty report would look like good news.
pub(super) fn selection(filter: &Filter) -> Result<Selection, Error> {
    // Where /proc has other processes under the kernel's pids it cannot tell.
    let known = if process::sees_kernel_pids() { filter.pids.as_slice() } else { &[] };
    for pid in known {
        let process = i32::try_from(*pid).ok().and_then(|pid| Process::new(pid).ok());
        // /proc has an entry for each thread too, under its own number.
        let leader = process.and_then(|process| process.status().ok()).map(|status| status.tgid);
        match leader.and_then(|leader| u32::try_from(leader).ok()) {
            None => return Err(Error::NoSuchPid(*pid)),
            Some(leader) if leader != *pid => {
                return Err(Error::IsThread { tid: *pid, pid: leader });
            }
            Some(_) => {}
        }
    }
    Ok(recorded_selection(filter))
}

/// The filter as it is: the processes of a recording need not live any more.
pub(super) fn recorded_selection(filter: &Filter) -> Selection {
    Selection { pids: filter.pids.clone(), ports: filter.ports.clone(), family: None }
}

/// Says what happens meanwhile, on stderr.
fn announce(args: &Diagnose) {
    let time = args.duration.map_or_else(
        || "until Ctrl-C".to_owned(),
        |time| format!("for {time:?} (Ctrl-C ends it early)"),
    );
    terminal::say(&format!("watching TCP connections {time}"));
}
