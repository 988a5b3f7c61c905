//! What the terminal can show.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use anstream::stream::RawStream;

use crate::privileges;
use crate::sink::table::Look;

/// Width and colours for stdout. `NO_COLOR` and `CLICOLOR` are honoured; a pipe gets plain text.
pub(super) fn look() -> Look {
    look_of(&io::stdout())
}

/// The same for another stream.
pub(super) fn look_of(stream: &(impl RawStream + AsFd)) -> Look {
    let colour = anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never;
    let mut look = Look { colour, ..Look::default() };
    if stream.is_terminal()
        && let Ok(size) = rustix::termios::tcgetwinsize(stream)
        && size.ws_col > 0
    {
        look.width = usize::from(size.ws_col);
    }
    look
}

/// Says something to the person at the terminal, on stderr: stdout belongs to the data.
pub fn say(sentence: &str) {
    Stderr::put(format!("tracer: {sentence}\n").into_bytes());
}

/// How long a write to stderr may keep us. A terminal that was stopped (Ctrl-S) takes nothing, and
/// whoever waits for it has hooks attached.
const PATIENCE: Duration = Duration::from_secs(1);
/// Most texts that wait for a terminal that takes nothing; what comes then is not said.
const WAITING: usize = 64;

/// stderr, written by a thread of its own: in order, and as a rule before [`Write::write`] returns.
#[derive(Clone, Copy, Debug)]
pub struct Stderr;

type Text = (Vec<u8>, SyncSender<()>);

impl Stderr {
    fn put(text: Vec<u8>) {
        static THREAD: OnceLock<Option<SyncSender<Text>>> = OnceLock::new();
        /// A text was not written in time: nobody waits for the next ones.
        static STOPPED: AtomicBool = AtomicBool::new(false);
        let thread = THREAD.get_or_init(|| {
            let (sender, texts) = sync_channel::<Text>(WAITING);
            let write = move || {
                privileges::keep_none();
                for (text, written) in texts {
                    // Nobody is left to be told that stderr is gone, or who does not wait any more.
                    let _unheard = io::stderr().write_all(&text);
                    STOPPED.store(false, Ordering::Relaxed);
                    let _unawaited = written.send(());
                }
            };
            thread::Builder::new().name("tracer-stderr".into()).spawn(write).ok().map(|_| sender)
        });
        let Some(thread) = thread else {
            let _unheard = io::stderr().write_all(&text);
            return;
        };
        let (written, done) = sync_channel(1);
        let is_taken = thread.try_send((text, written)).is_ok();
        if is_taken
            && !STOPPED.load(Ordering::Relaxed)
            && done.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout)
        {
            STOPPED.store(true, Ordering::Relaxed);
        }
    }
}

impl Write for Stderr {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        Self::put(text.to_vec());
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether diagnostics on stderr may be coloured.
#[must_use]
pub fn stderr_has_colour() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}
