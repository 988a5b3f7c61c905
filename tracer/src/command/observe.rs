//! The live loop: judges what the reader has read, ends an interval about every second, stops at the
//! deadline or at a signal. Nothing that it does, or waits for, keeps the reader from the ring.

use std::future::Future;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep_until};

use super::exec::Group;
use super::outbox::Outlook;
use super::signals::Signals;
use super::{Error, interval, terminal};
use crate::cli::{self, ReaderPriority};
use crate::clock::Clock;
use crate::connection::Tick;
use crate::detect::Thresholds;
use crate::pipeline::{Fed, Pipeline, Selection, Setting};
use crate::probe::{self, Capacity, Host};
use crate::process::{self, Identity, Lookup, Scan};
use crate::source::{Input, Kernel, Reading};

/// How long the reader of the output may take nothing once a signal has ended the observation: as long
/// as whoever sends SIGTERM commonly waits before SIGKILL.
const AFTER_SIGNAL: Duration = Duration::from_secs(10);

/// What the caller is told about.
pub(super) enum Progress<'a> {
    /// Bytes from the kernel, before they are interpreted.
    Input(Input<'a>),
    /// A process seen for the first time.
    Met(&'a Identity),
    /// A complete, judged interval.
    Tick(&'a Tick),
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
    /// Attaches to the kernel.
    pub(super) fn start(
        args: &cli::Tracing,
        selection: Selection,
        thresholds: Thresholds,
    ) -> Result<Self, Error> {
        // Before anything is printed: a script may send its signal at the first line.
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
        let signals = Signals::listen(&runtime).map_err(Error::Runtime)?;
        let settings = settings(args);
        let sees_pids = process::sees_kernel_pids();
        let attached = probe::attach(&settings)?;
        // The ring is read from now on: the walk may take longer than the ring lasts.
        let mut kernel = Kernel::start(attached, reading(args, &settings), sees_pids)?;
        // After the hooks are in place, so that nothing falls between.
        let listeners = kernel.seed().unwrap_or_else(|error| {
            tracing::warn!(%error, "connections that were open before are not known");
            None
        });
        let sockets = listeners.map_or_else(
            || process::scan(sees_pids),
            |listeners| Scan { listeners, ..Scan::default() },
        );
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
        self.run_until(None, async |signals| signals.stop(duration).await, on)
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

    /// Ends it: detaches, so that nothing is stalled any more, and lets the output wait for its reader,
    /// until a signal says not to. Whoever has sent one already wants an end: then that wait has one.
    pub(super) fn end(self, outlook: &Outlook) -> Pipeline {
        let Self { runtime, mut signals, kernel, pipeline } = self;
        drop(kernel);
        if signals.is_heard() {
            outlook.be_patient_for(AFTER_SIGNAL);
        } else {
            outlook.be_patient();
        }
        let outlook = outlook.clone();
        let waiter = thread::Builder::new().name("tracer-signals".into()).spawn(move || {
            runtime.block_on(signals.next());
            outlook.give_up();
        });
        if let Err(error) = waiter {
            tracing::warn!(%error, "signals are not heard while the report is written");
        }
        pipeline
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
        let mut due = began + interval::SHORTEST;
        loop {
            tokio::select! {
                done = &mut stop => return self.tick(true, on).map(|_| done),
                () = sleep_until(due) => {
                    began = Instant::now();
                    due = began + self.tick(false, on)?;
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

    /// Ends an interval; how long the next one may be.
    fn tick(
        &mut self,
        is_last: bool,
        on: &mut dyn FnMut(&Pipeline, Progress<'_>) -> Result<(), Error>,
    ) -> Result<Duration, Error> {
        let (began, now_ns) = (Instant::now(), Clock::monotonic_ns());
        self.admit();
        let pipeline = &mut *self.pipeline;
        self.kernel.snapshot(&mut |input| feed(pipeline, input, on))?;
        let taken = began.elapsed();
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
        Ok(interval::next(taken, began.elapsed().saturating_sub(taken), open, ended))
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
    let fed = pipeline.feed(input);
    if let Fed::Met(identity) = &fed {
        on(pipeline, Progress::Met(identity))?;
    }
    on(pipeline, Progress::Input(input))?;
    if let Fed::Tick(tick) = &fed {
        on(pipeline, Progress::Tick(tick))?;
    }
    Ok(())
}

/// How the reader is asked to read.
fn reading(args: &cli::Tracing, settings: &probe::Settings) -> Reading {
    Reading {
        ring_bytes: (settings.capacity.ring_mib as usize) << 20,
        queue_bytes: (args.queue_mib as usize) << 20,
        real_time: args.reader_priority == ReaderPriority::Realtime,
    }
}

/// Where processes are looked up. Says so if nowhere: names would be those of others.
fn lookup(args: &cli::Tracing) -> Lookup {
    if process::sees_kernel_pids() {
        return Lookup::Proc { commands: args.command_lines };
    }
    terminal::say(
        "this is not the initial PID namespace: pids are those of the host, not those seen here, \
         and processes are known by their comm only; run it with the host's PID namespace \
         (--pid=host, hostPID: true) to have all",
    );
    Lookup::Foreign
}

/// The pid of this process as the kernel has it, 0 if our PID namespace hides it.
pub(super) fn own_pid() -> u32 {
    if process::sees_kernel_pids() { std::process::id() } else { 0 }
}

/// Sizes of the kernel's maps: what this host suits, and what was asked for.
fn capacity(args: &cli::Tracing) -> Capacity {
    let suits = Capacity::of(&Host::read());
    Capacity {
        connections: args.max_connections.unwrap_or(suits.connections),
        plain_connections: args.max_connections.unwrap_or(suits.plain_connections),
        ring_mib: args.ring_mib.unwrap_or(suits.ring_mib),
        ..suits
    }
}

/// What the loader is asked for.
pub(super) fn settings(args: &cli::Tracing) -> probe::Settings {
    probe::Settings {
        capacity: capacity(args),
        kernel_log: args.kernel_log,
        own_pid: own_pid(),
        no_fentry: args.no_fentry,
    }
}
