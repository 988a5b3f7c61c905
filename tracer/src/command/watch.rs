//! `tracer watch`: a line per ended connection, and findings as they begin, change and end, live.

use std::io;
use std::slice;

use super::news::News;
use super::observe::{Observation, Progress};
use super::outbox::Outbox;
use super::{Error, Outcome, diagnose, report, terminal};
use crate::cli::{Output, Watch as Args};
use crate::clock::Clock;
use crate::detect::Thresholds;
use crate::sink::Sink;
use crate::sink::json::Json;
use crate::sink::table::Watch;

/// Prints connections as they end, and findings with news.
pub(super) fn run(args: &Args) -> Result<Outcome, Error> {
    let selection = diagnose::selection(&args.filter)?;
    let mut observation =
        Observation::start(&args.tracing, selection, Thresholds::default(), args.duration)?
            .looking_back(args.window);
    let setting = observation.pipeline.setting();
    let out = report::own(&io::stdout()).map(Outbox::new)?.map_err(Error::Output)?;
    let (outlook, origin) = (out.outlook(), setting.origin.clone());
    let mut sink: Box<dyn Sink> = match args.output {
        Output::Table => Box::new(Watch::new(out, origin, terminal::look())),
        Output::Json => Box::new(Json::new(out, origin)),
    };
    observation.pipeline.count_unwritten(None, outlook.dropped());
    let (mut news, mut told, mut at_ns) = (News::new(outlook.clone()), 0, 0);
    let observed = report::health(&mut *sink, &observation.pipeline, Clock::monotonic_ns())
        .and_then(|()| {
            observation.run(args.duration, &mut |pipeline, progress| {
                if let Progress::Tick(tick) = progress {
                    at_ns = tick.now_ns;
                    report::losses(&mut *sink, pipeline, at_ns, &mut told)?;
                    if !args.findings {
                        report::ended(&mut *sink, pipeline, tick)?;
                    }
                    news.tell(&mut *sink, pipeline, &pipeline.judge().findings(), at_ns)?;
                }
                Ok(())
            })
        });
    let pipeline = observation.end(slice::from_ref(&outlook));
    let closed = observed.and_then(|()| {
        news.catch_up(&mut *sink, &pipeline, &pipeline.judge().findings(), at_ns)?;
        report::health(&mut *sink, &pipeline, Clock::monotonic_ns())?;
        sink.finish().map_err(Error::Output)?;
        Ok(Outcome::Fine)
    });
    report::end(closed, &pipeline, args.strict)
}
