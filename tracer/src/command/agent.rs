//! `tracer agent`: observes without an end, and feeds the logs and metrics that are there already.
//!
//! Lines tell of findings as they come and go, of each interval's totals and of its own health; metrics
//! are cumulative. Both come from the same judged intervals.

mod anchor;
mod ecs;
mod file;
mod hangup;
mod interval;
mod journald;
mod losses;
mod otlp;
mod outputs;
mod privileges;
mod ready;
mod reload;
mod scrape;

use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use self::anchor::Anchor;
use self::ecs::Ecs;
use self::file::{LogFile, Rotation};
use self::hangup::Hangups;
use self::interval::Interval;
use self::journald::Journal;
use self::losses::Losses;
use self::otlp::Otlp;
use self::outputs::Outputs;
use self::reload::Reload;
use super::observe::{Observation, Progress};
use super::outbox::{self, Outbox};
use super::{Error, Outcome, diagnose, report, terminal, written};
use crate::cli::settings::{self, Setting};
use crate::cli::{Agent as Args, Destination, Schema};
use crate::clock::Clock;
use crate::connection::Tick;
use crate::detect::{Finding, Thresholds};
use crate::metrics::Metrics;
use crate::pipeline::Pipeline;
use crate::sink::Origin;

/// What the outputs are called that have no path.
const STDOUT: &str = "stdout";
const JOURNALD: &str = "journald";

/// Runs until a signal; `settings` is what `args` were made of.
pub(super) fn run(args: &Args, settings: Vec<Setting>) -> Result<Outcome, Error> {
    let is_otlp = args.outputs.contains(&Destination::Otlp);
    let plan = is_otlp.then(otlp::Plan::read).transpose()?;
    if args.check_config {
        let told =
            settings::as_file(&settings) + &plan.as_ref().map(otlp::Plan::told).unwrap_or_default();
        let printed = io::stdout().write_all(told.as_bytes());
        return written(printed.map(|()| Outcome::Fine).map_err(Error::Output));
    }
    let hangups = Hangups::listen().map_err(Error::Runtime)?;
    let reload = Reload::new(hangups.clone(), settings);
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
    let origin = setting.origin.clone();
    let mut otlp = plan.map(|plan| Otlp::open(plan, &origin.host)).transpose()?;
    let outputs = outputs(args, origin.clone(), &hangups, otlp.as_mut())?;
    let outlooks = outputs.outlooks();
    for outlook in &outlooks {
        observation.pipeline.count_unwritten(Some(outlook.name()), outlook.dropped());
    }
    let metrics = Arc::new(Mutex::new(Metrics::since(start_ns, ports)));
    if let Some(at) = args.metrics_listen.0 {
        let at = scrape::start(at, Arc::clone(&metrics))?;
        terminal::say(&format!("metrics at http://{at}/metrics"));
    }
    if let Some(otlp) = &mut otlp {
        observation.pipeline.count_unwritten(Some(otlp::NAME), otlp.refused());
        otlp.export(&metrics, &origin, start_ns);
    }
    ready::tell();
    let mut telling = Telling {
        outputs,
        anchor: Anchor::new(origin.clock),
        losses: Losses::default(),
        reload,
        interval: Interval::new(start_ns, args.interval),
        tells_connections: args.connections,
        metrics,
        at_ns: start_ns,
    };
    let now_ns = Clock::monotonic_ns();
    let observed =
        report::health(&mut telling.outputs, &observation.pipeline, now_ns).and_then(|()| {
            observation.run(args.duration, &mut |pipeline, progress| match progress {
                Progress::Tick(tick) => telling.tick(pipeline, tick),
                _ => Ok(()),
            })
        });
    let pipeline = observation.end_soon(&outlooks);
    let close = || observed.and_then(|()| telling.end(&pipeline)).map(|()| Outcome::Fine);
    let closed = match &mut otlp {
        Some(otlp) => otlp.end(close),
        None => close(),
    };
    report::end(closed, &pipeline, false)
}

/// What is told of each judged interval, and when.
struct Telling {
    outputs: Outputs,
    anchor: Anchor,
    losses: Losses,
    reload: Reload,
    interval: Interval,
    tells_connections: bool,
    metrics: Arc<Mutex<Metrics>>,
    /// End of the last one, monotonic nanoseconds.
    at_ns: u64,
}

impl Telling {
    fn tick(&mut self, pipeline: &Pipeline, tick: &mut Tick) -> Result<(), Error> {
        let outputs = &mut self.outputs;
        self.at_ns = tick.now_ns;
        self.anchor.follow(outputs);
        if self.losses.are_due(pipeline, self.at_ns) {
            report::health(outputs, pipeline, self.at_ns)?;
        }
        if let Some(args) = self.reload.due() {
            self.interval.set_length(args.interval);
            self.tells_connections = args.connections;
        }
        if self.tells_connections {
            report::ended(outputs, pipeline, tick)?;
        }
        let findings = pipeline.judge().findings();
        outputs.tell_news(pipeline, &findings, self.at_ns)?;
        count(&self.metrics, pipeline, tick, &findings);
        // Last: it takes from the tick what is not of its interval.
        self.interval.take(outputs, pipeline, tick)
    }

    fn end(&mut self, pipeline: &Pipeline) -> Result<(), Error> {
        let Self { outputs, interval, at_ns, .. } = self;
        outputs.end(pipeline, *at_ns, |last| {
            interval.end(last, pipeline)?;
            report::health(last, pipeline, Clock::monotonic_ns())
        })
    }
}

/// Opens what lines go to.
fn outputs(
    args: &Args,
    origin: Origin,
    hangups: &Hangups,
    mut otlp: Option<&mut Otlp>,
) -> Result<Outputs, Error> {
    let mut outputs = Outputs::new(origin);
    for (number, destination) in args.outputs.iter().enumerate() {
        if args.outputs[..number].contains(destination) {
            let twice = format!("--output {destination} is given twice: leave one out");
            return Err(Error::Usage(twice));
        }
        match destination {
            Destination::Stdout => {
                let name = STDOUT;
                outputs.add(name, lines_to(name, report::own(&io::stdout())?, args.schema)?);
            }
            Destination::File(path) => {
                let most_bytes = u64::from(args.rotate_mib) << 20;
                let rotation = Rotation { most_bytes, keep: args.rotate_keep };
                let file = LogFile::open(path, rotation, hangups.clone())?;
                // Said as long as the agent runs.
                let name: &'static str = path.display().to_string().leak();
                outputs.add(name, lines_to(name, file, args.schema)?);
            }
            Destination::Journald => {
                let out = Outbox::to(JOURNALD, Journal::default()).map_err(Error::Output)?;
                outputs.add(JOURNALD, out);
            }
            Destination::Otlp => {
                if let Some(logs) = otlp.as_mut().map(|otlp| otlp.logs()).transpose()?.flatten() {
                    outputs.add(otlp::NAME, logs);
                }
            }
        }
    }
    Ok(outputs)
}

/// What takes lines by the names of a schema.
fn lines_to(
    name: &'static str,
    out: impl outbox::Destination + 'static,
    schema: Schema,
) -> Result<Outbox, Error> {
    let queue = match schema {
        Schema::Tracer => Outbox::to(name, out),
        Schema::Ecs => Outbox::to(name, Ecs::new(out)),
    };
    queue.map_err(Error::Output)
}

/// Takes an interval, and how well the observation goes, into what is scraped.
fn count(metrics: &Mutex<Metrics>, pipeline: &Pipeline, tick: &Tick, findings: &[Finding]) {
    let mut metrics = metrics.lock().unwrap_or_else(PoisonError::into_inner);
    metrics.fold(tick, pipeline);
    metrics.set_findings(findings);
    metrics.set_health(pipeline.health(tick.now_ns));
}
