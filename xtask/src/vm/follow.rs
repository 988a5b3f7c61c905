//! Follows the lines of a running column until it ends, within bounds of time.

use super::transcript::{Ending, Transcript};
use std::io::{BufRead as _, BufReader, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a column may take.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Until tests can begin. Emulated kernels that will boot do so in a fraction of it.
    pub(crate) ready: Duration,
    /// From start to end.
    pub(crate) total: Duration,
}

/// Reads until an ending; shows what is said from the time that tests can begin.
pub(crate) fn follow(
    lines: &Receiver<String>,
    limits: Limits,
    show: impl Fn(&str),
) -> (Ending, Transcript) {
    let started = Instant::now();
    let mut transcript = Transcript::default();
    loop {
        let limit = if transcript.ready() { limits.total } else { limits.ready };
        match lines.recv_timeout(limit.saturating_sub(started.elapsed())) {
            Ok(line) => {
                let ending = transcript.line(&line);
                // Before that only firmware speaks, in escape sequences.
                if transcript.ready() || ending.is_some() {
                    show(line.trim_end());
                }
                if let Some(ending) = ending {
                    return (ending, transcript);
                }
            }
            Err(RecvTimeoutError::Timeout) if transcript.ready() => {
                return (Ending::TimedOut, transcript);
            }
            Err(RecvTimeoutError::Timeout) => {
                let why = format!("not ready within {} s", limit.as_secs());
                return (Ending::NotReady(why), transcript);
            }
            Err(RecvTimeoutError::Disconnected) => {
                return (transcript.dead("it ended without a word".to_owned()), transcript);
            }
        }
    }
}

/// The lines of a pipe, read by a thread so that the reader can give up.
pub(crate) fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            if send.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    receive
}

#[cfg(test)]
mod tests {
    use super::{Limits, follow};
    use crate::vm::transcript::Ending;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    const LIMITS: Limits =
        Limits { ready: Duration::from_millis(20), total: Duration::from_millis(40) };

    #[test]
    fn a_machine_that_never_gets_ready_says_nothing_of_the_tests() {
        let (_open, lines) = channel();
        assert!(matches!(follow(&lines, LIMITS, |_| ()).0, Ending::NotReady(_)));
    }

    #[test]
    fn tests_that_do_not_end_take_too_long() {
        let (send, lines) = channel();
        send.send("COLUMN-READY 6.1\n".to_owned()).unwrap();
        let (ending, transcript) = follow(&lines, LIMITS, |_| ());
        assert_eq!(ending, Ending::TimedOut);
        assert_eq!(transcript.release.as_deref(), Some("6.1"));
    }

    #[test]
    fn a_machine_that_is_gone_has_died() {
        let (send, lines) = channel();
        send.send("COLUMN-READY 6.1\n".to_owned()).unwrap();
        drop(send);
        assert!(matches!(follow(&lines, LIMITS, |_| ()).0, Ending::Died(_)));
    }
}
