//! `tracer watch`: a line per ended connection, and findings as they begin, change and end, live.

use std::io;

use super::observe::{Observation, Progress};
use super::outbox::Outbox;
use super::{Error, Outcome, diagnose, report, terminal, written};
use crate::cli::{Output, Watch as Args};
use crate::clock::Clock;
use crate::detect::{Ledger, Thresholds};
use crate::sink::Sink;
use crate::sink::json::Json;
use crate::sink::table::Watch;

/// Prints connections as they end, and findings with news.
pub(super) fn run(args: &Args) -> Result<Outcome, Error> {
    let selection = diagnose::selection(&args.filter)?;
    let mut observation = Observation::start(&args.tracing, selection, Thresholds::default())?
        .looking_back(args.window);
    let setting = observation.pipeline.setting();
    let out = report::own(&io::stdout()).map(Outbox::new)?.map_err(Error::Output)?;
    let (outlook, origin) = (out.outlook(), setting.origin.clone());
    let mut sink: Box<dyn Sink> = match args.output {
        Output::Table => Box::new(Watch::new(out, origin, terminal::look())),
        Output::Json => Box::new(Json::new(out, origin)),
    };
    observation.pipeline.count_unwritten(outlook.dropped());
    written((|| {
        report::health(&mut *sink, &observation.pipeline, Clock::monotonic_ns())?;
        let (mut ledger, mut told) = (Ledger::default(), 0);
        observation.run(args.duration, &mut |pipeline, progress| {
            if let Progress::Tick(tick) = progress {
                report::losses(&mut *sink, pipeline, tick.now_ns, &mut told)?;
                if !args.findings {
                    report::ended(&mut *sink, pipeline, tick)?;
                }
                report::news(&mut *sink, pipeline, &mut ledger, tick.now_ns)?;
            }
            Ok(())
        })?;
        let pipeline = observation.end(&outlook);
        report::health(&mut *sink, &pipeline, Clock::monotonic_ns())?;
        sink.finish().map_err(Error::Output)?;
        report::tell_unwritten(&pipeline);
        let is_whole = pipeline.health(0).is_whole();
        Ok(if args.strict && !is_whole { Outcome::Lost } else { Outcome::Fine })
    })())
}
