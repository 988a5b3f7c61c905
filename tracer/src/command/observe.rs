//! The live loop: judges what the reader has read, ends an interval about every second, stops at the
//! deadline or at a signal. Nothing that it does, or waits for, keeps the reader from the ring.

use std::future::Future;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::SignalKind;
use tokio::time::{Instant, sleep_until};

use super::asked::{lookup, reading, settings};
use super::exec::Group;
use super::outbox::Outlook;
use super::signals::Signals;
use super::{Error, before, interval};
use crate::cli;
use crate::clock::Clock;
use crate::connection::Tick;
use crate::detect::Thresholds;
use crate::pipeline::{Fed, Pipeline, Selection, Setting};
use crate::probe;
use crate::process::{self, Identity};
use crate::source::{Input, Kernel};

/// How long the reader of the output may take nothing once SIGTERM has ended the observation: as long
/// as whoever sends SIGTERM commonly waits before SIGKILL.
const AFTER_SIGNAL: Duration = Duration::from_secs(10);

/// What the caller is told about.
pub(super) enum Progress<'a> {
    /// Bytes from the kernel, before they are interpreted.
    Input(Input<'a>),
    /// A process seen for the first time.
    Met(&'a Identity),
    /// A complete, judged interval.
    Tick(&'a mut Tick),
}

/// A running observation.
pub(super) struct Observation {
    runtime: Runtime,
    signals: Signals,
    kernel: Kernel,
    /// Its stages.
    pub(super) pipeline: Pipeline,
}

impl Observation {
    /// Attaches to the kernel, and looks up what was there before: for `duration` at most, or until a
    /// signal comes.
    pub(super) fn start(
        args: &cli::Tracing,
        selection: Selection,
        thresholds: Thresholds,
        duration: Option<Duration>,
    ) -> Result<Self, Error> {
        Self::start_then(args, selection, thresholds, duration, |_| Ok(()))
    }

    /// The same; once attached, before anything is looked up, `then` is done.
    pub(super) fn start_then(
        args: &cli::Tracing,
        selection: Selection,
        thresholds: Thresholds,
        duration: Option<Duration>,
        then: impl FnOnce(&mut Kernel) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        // Before anything is printed: a script may send its signal at the first line.
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
        let mut signals = Signals::listen(&runtime).map_err(Error::Runtime)?;
        let settings = settings(args);
        let sees_pids = process::sees_kernel_pids();
        let attached = probe::attach(&settings)?;
        // The ring is read from now on: the walk may take longer than the ring lasts.
        let mut kernel = Kernel::start(attached, reading(args, &settings), sees_pids)?;
        then(&mut kernel)?;
        // After the hooks are in place, so that nothing falls between.
        let sockets = before::look_up(&runtime, &mut signals, &mut kernel, sees_pids, duration);
        let setting = Setting::live(kernel.attached(), kernel.priority(), sockets);
        let mut pipeline = Pipeline::new(setting, lookup(args), selection, thresholds);
        // The first line tells what the walk had no room for.
        kernel.losses(&mut |input| {
            pipeline.feed(input);
            Ok::<_, Error>(())
        })?;
        Ok(Self { runtime, signals, kernel, pipeline })
    }

    /// Lets verdicts look back this far at most.
    pub(super) fn looking_back(mut self, window: Duration) -> Self {
        self.pipeline = self.pipeline.looking_back(window);
        self
    }

    /// Observes until `duration` is over, or SIGINT or SIGTERM comes.
    pub(super) fn run(
        &mut self,
        duration: Option<Duration>,
        on: &mut dyn FnMut(&Pipeline, Progress<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let stop = async |signals: &mut Signals| {
            // One that came while we started ends it, too.
            if signals.heard().is_none() {
                signals.stop(duration).await;
            }
        };
        self.run_until(None, stop, on)
    }

    /// Observes until `stop` is done, and gives what it gave. Control groups that are made below
    /// `group` meanwhile belong to the family that is judged.
    pub(super) fn run_until<T>(
        &mut self,
        group: Option<&Group>,
        stop: impl AsyncFnOnce(&mut Signals) -> T,
        on: &mut dyn FnMut(&Pipeline, Progress<'_>) -> Result<(), Error>,
    ) -> Result<T, Error> {
        let Self { runtime, signals, kernel, pipeline } = self;
        runtime.block_on(Loop { kernel, pipeline, group }.until(stop(signals), on))
    }

    /// Ends it: detaches, so that nothing is stalled any more, and lets each output wait for its reader,
    /// until a signal says not to: then only as long as it reads. Where SIGTERM has ended it, it ends the wait too, after a while: a
    /// service manager has nobody to read on, as whoever pressed Ctrl-C may.
    pub(super) fn end(self, outlooks: &[Outlook]) -> Pipeline {
        let is_terminated = self.signals.heard() == Some(SignalKind::terminate());
        self.end_for(outlooks, is_terminated.then_some(AFTER_SIGNAL))
    }

    /// The same, and however it came to the end, outputs have ten seconds: of who has nobody to press Ctrl-C.
    pub(super) fn end_soon(self, outlooks: &[Outlook]) -> Pipeline {
        self.end_for(outlooks, Some(AFTER_SIGNAL))
    }

    fn end_for(self, outlooks: &[Outlook], limit: Option<Duration>) -> Pipeline {
        let Self { runtime, mut signals, kernel, pipeline } = self;
        drop(kernel);
        for outlook in outlooks {
            match limit {
                Some(limit) => outlook.be_patient_for(limit),
                None => outlook.be_patient(),
            }
        }
        let outlooks = outlooks.to_vec();
        let waiter = thread::Builder::new().name("tracer-signals".into()).spawn(move || {
            runtime.block_on(signals.next());
            outlooks.iter().for_each(Outlook::hurry);
            runtime.block_on(signals.next());
            outlooks.iter().for_each(Outlook::give_up);
        });
        if let Err(error) = waiter {
            tracing::warn!(%error, "signals are not heard while the report is written");
        }
        pipeline
    }

    /// The signal that came last, if one did.
    pub(super) const fn heard(&self) -> Option<SignalKind> {
        self.signals.heard()
    }

    /// Waits for something without observing.
    pub(super) fn wait<T>(&mut self, work: impl AsyncFnOnce(&mut Signals) -> T) -> T {
        self.runtime.block_on(work(&mut self.signals))
    }
}

/// What the loop works on.
struct Loop<'a> {
    kernel: &'a mut Kernel,
    pipeline: &'a mut Pipeline,
    group: Option<&'a Group>,
}

impl Loop<'_> {
    async fn until<T>(
        &mut self,
        stop: impl Future<Output = T>,
        on: &mut dyn FnMut(&Pipeline, Progress<'_>) -> Result<(), Error>,
    ) -> Result<T, Error> {
        let mut stop = std::pin::pin!(stop);
        let mut began = Instant::now();
        let mut length = interval::SHORTEST;
        let mut due = began + length;
        loop {
            tokio::select! {
                done = &mut stop => return self.tick(true, on).map(|_| done),
                () = sleep_until(due) => {
                    began = Instant::now();
                    length = interval::next(length, &self.tick(false, on)?);
                    due = began + length;
                }
                () = self.kernel.filled() => {
                    self.admit();
                    let pipeline = &mut *self.pipeline;
                    self.kernel.take(&mut |input| feed(pipeline, input, on))?;
                    if self.pipeline.waiting() >= interval::MANY {
                        due = due.min(began + interval::SHORTEST);
                    }
                }
            }
        }
    }

    /// Ends an interval; what that took.
    fn tick(
        &mut self,
        is_last: bool,
        on: &mut dyn FnMut(&Pipeline, Progress<'_>) -> Result<(), Error>,
    ) -> Result<interval::Cost, Error> {
        let (began, now_ns) = (Instant::now(), Clock::monotonic_ns());
        self.admit();
        let pipeline = &mut *self.pipeline;
        self.kernel.snapshot(&mut |input| feed(pipeline, input, on))?;
        let snapshot = began.elapsed().saturating_sub(self.kernel.drained());
        self.admit();
        let pipeline = &mut *self.pipeline;
        self.kernel.settle(&mut |input| feed(pipeline, input, on))?;
        let (mut open, mut ended) = (0, 0);
        let mut counted = |pipeline: &Pipeline, progress: Progress<'_>| {
            if let Progress::Tick(tick) = &progress {
                (open, ended) = (tick.live.len(), tick.ended.len());
            }
            on(pipeline, progress)
        };
        feed(self.pipeline, Input::Tick { now_ns, is_last }, &mut counted)?;
        let rest = began.elapsed().saturating_sub(snapshot);
        Ok(interval::Cost { snapshot, rest, open, ended })
    }

    /// Takes in control groups that were made since.
    fn admit(&mut self) {
        if let Some(group) = self.group {
            self.pipeline.admit(group.numbers());
        }
    }
}

/// Feeds one input, and tells what it led to.
fn feed(
    pipeline: &mut Pipeline,
    input: Input<'_>,
    on: &mut dyn FnMut(&Pipeline, Progress<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut fed = pipeline.feed(input);
    if let Fed::Met(identity) = &fed {
        on(pipeline, Progress::Met(identity))?;
    }
    if let Fed::Tick(_) = &fed {
        pipeline.learned().try_for_each(|identity| on(pipeline, Progress::Met(identity)))?;
    }
    on(pipeline, Progress::Input(input))?;
    if let Fed::Tick(tick) = &mut fed {
        on(pipeline, Progress::Tick(tick))?;
    }
    Ok(())
}
