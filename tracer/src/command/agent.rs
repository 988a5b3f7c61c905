//! `tracer agent`: observes without an end, and feeds the logs and metrics that are there already.
//!
//! Lines tell of findings as they come and go, of each interval's totals and of its own health; metrics
//! are cumulative. Both come from the same judged intervals.

mod interval;
mod scrape;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use self::interval::Interval;
use super::news::News;
use super::observe::{Observation, Progress};
use super::outbox::Outbox;
use super::{Error, Outcome, diagnose, report, terminal};
use crate::cli::Agent as Args;
use crate::clock::Clock;
use crate::detect::Thresholds;
use crate::metrics::Metrics;
use crate::sink::Sink;
use crate::sink::json::Json;

/// Runs until a signal.
pub(super) fn run(args: &Args) -> Result<Outcome, Error> {
    let selection = diagnose::selection(&args.filter)?;
    let mut observation = Observation::start(&args.tracing, selection, Thresholds::default())?
        .looking_back(args.window);
    let setting = observation.pipeline.setting();
    let out = report::own(&io::stdout()).map(Outbox::new)?.map_err(Error::Output)?;
    let (outlook, origin) = (out.outlook(), setting.origin.clone());
    let mut interval = Interval::new(setting.start_ns, args.interval);
    let mut sink: Box<dyn Sink> = Box::new(Json::new(out, origin));
    observation.pipeline.count_unwritten(outlook.dropped());
    let metrics = Arc::new(Mutex::new(Metrics::since(setting_start(&observation))));
    if let Some(at) = args.metrics_listen.0 {
        let at = scrape::start(at, Arc::clone(&metrics))?;
        terminal::say(&format!("metrics at http://{at}/metrics"));
    }
    let (mut news, mut told, mut at_ns) = (News::new(&outlook), 0, 0);
    let observed = report::health(&mut *sink, &observation.pipeline, Clock::monotonic_ns())
        .and_then(|()| {
            observation.run(args.duration, &mut |pipeline, progress| {
                let Progress::Tick(tick) = progress else { return Ok(()) };
                at_ns = tick.now_ns;
                report::losses(&mut *sink, pipeline, at_ns, &mut told)?;
                if args.connections {
                    report::ended(&mut *sink, pipeline, tick)?;
                }
                news.tell(&mut *sink, pipeline, at_ns)?;
                interval.take(&mut *sink, pipeline, tick)?;
                let mut metrics = metrics.lock().unwrap_or_else(PoisonError::into_inner);
                metrics.fold(tick, pipeline);
                metrics.set_findings(&pipeline.judge().findings());
                metrics.set_health(pipeline.health(at_ns));
                Ok(())
            })
        });
    let pipeline = observation.end(&outlook);
    let closed = observed.and_then(|()| {
        news.catch_up(&mut *sink, &pipeline, at_ns)?;
        interval.end(&mut *sink, &pipeline)?;
        report::health(&mut *sink, &pipeline, Clock::monotonic_ns())?;
        sink.finish().map_err(Error::Output)?;
        Ok(Outcome::Fine)
    });
    report::end(closed, &pipeline, false)
}

fn setting_start(observation: &Observation) -> u64 {
    observation.pipeline.setting().start_ns
}
