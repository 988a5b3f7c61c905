//! `tracer agent`: observes without an end, and feeds the logs and metrics that are there already.
//!
//! Lines tell of findings as they come and go, of each interval's totals and of its own health; metrics
//! are cumulative. Both come from the same judged intervals.

mod hangup;
mod interval;
mod outputs;
mod privileges;
mod ready;
mod reload;
mod scrape;

use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use self::hangup::Hangups;
use self::interval::Interval;
use self::outputs::Outputs;
use self::reload::Reload;
use super::observe::{Observation, Progress};
use super::outbox::Outbox;
use super::{Error, Outcome, diagnose, report, terminal, written};
use crate::cli::settings::{self, Setting};
use crate::cli::{Agent as Args, Destination};
use crate::clock::Clock;
use crate::connection::Tick;
use crate::detect::{Finding, Thresholds};
use crate::metrics::Metrics;
use crate::pipeline::Pipeline;
use crate::sink::{Origin, Sink as _};

/// Runs until a signal; `settings` is what `args` were made of.
pub(super) fn run(args: &Args, settings: Vec<Setting>) -> Result<Outcome, Error> {
    if args.check_config {
        let printed = io::stdout().write_all(settings::as_file(&settings).as_bytes());
        return written(printed.map(|()| Outcome::Fine).map_err(Error::Output));
    }
    let mut reload = Reload::new(Hangups::listen().map_err(Error::Runtime)?, settings);
    let selection = diagnose::selection(&args.filter)?;
    let thresholds = Thresholds::default();
    let (tracing, duration) = (&args.tracing, args.duration);
    let start =
        Observation::start_then(tracing, selection, thresholds, duration, privileges::give_up);
    let mut observation = start?.looking_back(args.window);
    if args.redact_addresses {
        observation.pipeline.redact_addresses();
    }
    let setting = observation.pipeline.setting();
    let (start_ns, ports) = (setting.start_ns, setting.ports);
    let mut outputs = outputs(args, setting.origin.clone())?;
    let outlooks = outputs.outlooks();
    for outlook in &outlooks {
        observation.pipeline.count_unwritten(outlook.dropped());
    }
    let metrics = Arc::new(Mutex::new(Metrics::since(start_ns, ports)));
    if let Some(at) = args.metrics_listen.0 {
        let at = scrape::start(at, Arc::clone(&metrics))?;
        terminal::say(&format!("metrics at http://{at}/metrics"));
    }
    ready::tell();
    let mut interval = Interval::new(start_ns, args.interval);
    let mut tells_connections = args.connections;
    let (mut told, mut at_ns) = (0, 0);
    let observed = report::health(&mut outputs, &observation.pipeline, Clock::monotonic_ns())
        .and_then(|()| {
            observation.run(args.duration, &mut |pipeline, progress| {
                let Progress::Tick(tick) = progress else { return Ok(()) };
                at_ns = tick.now_ns;
                report::losses(&mut outputs, pipeline, at_ns, &mut told)?;
                if let Some(args) = reload.due() {
                    interval.set_length(args.interval);
                    tells_connections = args.connections;
                }
                if tells_connections {
                    report::ended(&mut outputs, pipeline, tick)?;
                }
                let findings = pipeline.judge().findings();
                outputs.tell_news(pipeline, &findings, at_ns)?;
                interval.take(&mut outputs, pipeline, tick)?;
                count(&metrics, pipeline, tick, &findings);
                Ok(())
            })
        });
    let pipeline = observation.end(&outlooks);
    let closed = observed.and_then(|()| {
        outputs.catch_up(&pipeline, &pipeline.judge().findings(), at_ns)?;
        interval.end(&mut outputs, &pipeline)?;
        report::health(&mut outputs, &pipeline, Clock::monotonic_ns())?;
        outputs.finish().map_err(Error::Output)?;
        Ok(Outcome::Fine)
    });
    report::end(closed, &pipeline, false)
}

/// Opens what lines go to.
fn outputs(args: &Args, origin: Origin) -> Result<Outputs, Error> {
    let mut outputs = Outputs::new(origin);
    for destination in &args.outputs {
        match destination {
            Destination::Stdout => {
                let out = report::own(&io::stdout()).map(Outbox::new)?.map_err(Error::Output)?;
                outputs.add("the output", out);
            }
            Destination::Journald | Destination::Otlp | Destination::File(_) => {
                return Err(Error::Usage(format!("{destination:?} is not there yet")));
            }
        }
    }
    Ok(outputs)
}

/// Takes an interval, and how well the observation goes, into what is scraped.
fn count(metrics: &Mutex<Metrics>, pipeline: &Pipeline, tick: &Tick, findings: &[Finding]) {
    let mut metrics = metrics.lock().unwrap_or_else(PoisonError::into_inner);
    metrics.fold(tick, pipeline);
    metrics.set_findings(findings);
    metrics.set_health(pipeline.health(tick.now_ns));
}
