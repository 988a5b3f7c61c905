//! The tracer under test, and a thread that reads all it prints: bytes as they come, of which lines
//! of connections are only counted, never parsed, so that an unoptimized build keeps up with them.

use super::cycle::PORTS;
use super::heard::Heard;
use anyhow::{Context as _, Result, anyhow, bail};
use rustix::pipe::fcntl_setpipe_size;
use rustix::process::{Pid, Signal, kill_process};
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long it may take to start and to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// Bytes between tracer and this process: the most that the kernel allows without asking.
const PIPE: usize = 1 << 20;

/// How tracer is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// `watch`: a line per end, as long as it runs.
    Watch,
    /// `diagnose --connections`: the same, and totals in the end, which need no line.
    Totals,
}

impl Mode {
    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Watch => &["watch", "--output", "json"],
            Self::Totals => &["diagnose", "--output", "json", "--connections"],
        }
    }
}

/// A running tracer, attached. Killed on drop.
pub(super) struct Observer {
    child: Child,
    reader: Option<JoinHandle<Result<Heard>>>,
    is_paused: Arc<AtomicBool>,
    netns: u32,
}

impl Observer {
    /// Starts it and waits until it is attached.
    pub(super) fn start(tracer: &Path, netns: u32, mode: Mode) -> Result<Self> {
        let mut child = Command::new(tracer)
            .args(mode.arguments())
            .args(PORTS.map(|port| format!("--port={port}")))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run tracer")?;
        let stdout = child.stdout.take().context("tracer has no stdout")?;
        // So that a moment in which this process does not run costs no line.
        fcntl_setpipe_size(&stdout, PIPE).context("the pipe cannot be made larger")?;
        let (sender, attached) = channel();
        let is_paused = Arc::<AtomicBool>::default();
        let of_thread = Arc::clone(&is_paused);
        let reader = thread::spawn(move || read(stdout, netns, &of_thread, &sender));
        let observer = Self { child, reader: Some(reader), is_paused, netns };
        let waited = attached.recv_timeout(PATIENCE);
        waited.map_err(|_| anyhow!("tracer was not attached within {PATIENCE:?}, see above"))?;
        Ok(observer)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn netns(&self) -> u32 {
        self.netns
    }

    /// From now on its output is read, or is not.
    pub(super) fn pause(&self, is_paused: bool) {
        self.is_paused.store(is_paused, Ordering::Relaxed);
    }

    /// Sends a signal and waits for the end.
    pub(super) fn end(&mut self, signal: Signal) -> Result<ExitStatus> {
        let pid = Pid::from_raw(i32::try_from(self.pid())?).context("no pid")?;
        kill_process(pid, signal).context("tracer has ended before")?;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("tracer did not end within {PATIENCE:?} after {signal:?}")
    }

    /// All it told. It must have ended.
    pub(super) fn finish(mut self) -> Result<Heard> {
        let reader = self.reader.take().context("tracer was not read")?;
        reader.join().map_err(|_| anyhow!("the reader of tracer panicked"))?
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.pause(false);
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

fn read(
    mut stdout: ChildStdout,
    netns: u32,
    is_paused: &AtomicBool,
    attached: &Sender<()>,
) -> Result<Heard> {
    let mut heard = Heard::new(netns);
    let mut chunk = vec![0; PIPE];
    loop {
        while is_paused.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
        }
        let len = stdout.read(&mut chunk)?;
        if len == 0 {
            return Ok(heard);
        }
        if heard.hear(&chunk[..len])? > 0 {
            // Nobody waits for any but the first.
            let _ = attached.send(());
        }
    }
}
