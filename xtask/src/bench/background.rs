//! A program that runs while something else is measured: started, listened to, stopped. It is killed
//! if nobody stops it. Knows nothing of what it says.

use anyhow::{Context as _, Result, bail};
use memchr::memmem::Finder;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use std::collections::BTreeSet;
use std::io::Read as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// So much of the end of its output is kept.
const TAIL: usize = 4 << 20;

/// A running program.
pub(crate) struct Background {
    name: String,
    child: Child,
    /// Closing it ends programs that hold something until then.
    stdin: Option<ChildStdin>,
    started: Instant,
    lines: Receiver<(Duration, String)>,
    listener: Option<JoinHandle<Heard>>,
}

/// What a program has said in all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Lines of its output.
    pub(super) lines: u64,
    /// How often the mark was in it, if there is one.
    pub(super) marks: u64,
    /// The last ones, whole.
    pub(super) tail: String,
}

/// What is known of a program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) heard: Heard,
    /// CPU time of all its threads.
    pub(super) cpu_seconds: f64,
}

impl Background {
    /// Starts it. The first `told` lines of its output can be waited for.
    pub(super) fn start(command: &mut Command, told: usize) -> Result<Self> {
        Self::marked(command, told, "")
    }

    /// The same; counts how often `mark` is in its output.
    pub(super) fn marked(command: &mut Command, told: usize, mark: &'static str) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let started = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot run {name}"))?;
        let stdout = child.stdout.take().context("the command has no stdout")?;
        let (sender, lines) = channel();
        let listener = thread::spawn(move || listen(stdout, started, told, mark, &sender));
        let stdin = child.stdin.take();
        Ok(Self { name, child, stdin, started, lines, listener: Some(listener) })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next of the lines that are told, and how long after its start it came.
    pub(super) fn line(&mut self, patience: Duration) -> Result<(Duration, String)> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => {
                bail!("{} has said nothing for {patience:?}", self.name)
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait()?;
                bail!("{} ended with {status} before it was ready", self.name)
            }
        }
    }

    /// Waits until it has loaded BPF programs and loads no more.
    pub(super) fn settle(&mut self, patience: Duration) -> Result<()> {
        const STEADY: Duration = Duration::from_millis(400);
        let (mut seen, mut since) = (BTreeSet::new(), Instant::now());
        while self.started.elapsed() < patience {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status} before it was ready", self.name);
            }
            let now = self.fd_numbers("prog_id:")?;
            if now != seen {
                (seen, since) = (now, Instant::now());
            } else if !seen.is_empty() && since.elapsed() >= STEADY {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("{} has loaded no BPF program for {patience:?}", self.name)
    }

    /// The kernel's numbers of what its file descriptors hold: `prog_id:` or `map_id:`.
    pub(super) fn fd_numbers(&self, key: &str) -> Result<BTreeSet<u64>> {
        let mut numbers = BTreeSet::new();
        for entry in std::fs::read_dir(format!("/proc/{}/fdinfo", self.pid()))? {
            // It may be closed meanwhile.
            let Ok(text) = std::fs::read_to_string(entry?.path()) else { continue };
            let values = text.lines().filter_map(|line| line.strip_prefix(key));
            numbers.extend(values.filter_map(|value| value.trim().parse::<u64>().ok()));
        }
        Ok(numbers)
    }

    /// CPU time of all its threads, those that ended included, in seconds.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()))?;
        parse_cpu(&text).with_context(|| format!("no CPU times of {}", self.name))
    }

    /// Sends SIGINT, and waits for its end. Its stdin is closed, too: where we run in the background of
    /// a shell (`nohup … &`), programs without a handler ignore SIGINT.
    pub(super) fn stop(mut self) -> Result<Ended> {
        kill_process(self.raw_pid()?, Signal::INT)?;
        drop(self.stdin.take());
        self.wait()
    }

    /// Closes its stdin, and waits for its end.
    pub(super) fn release(mut self) -> Result<Ended> {
        drop(self.stdin.take());
        self.wait()
    }

    /// Waits for its end.
    pub(super) fn wait(mut self) -> Result<Ended> {
        // Until it is waited for in earnest, the times of all its threads can be read.
        let only_look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(self.raw_pid()?), only_look)?;
        let cpu_seconds = self.cpu_seconds()?;
        let status = self.child.wait()?;
        let heard = self.listener.take().map(JoinHandle::join);
        let heard = heard.and_then(Result::ok).context("its output was not read")?;
        Ok(Ended { status, heard, cpu_seconds })
    }

    fn raw_pid(&self) -> Result<Pid> {
        Pid::from_raw(i32::try_from(self.pid())?).context("no pid")
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It is gone already if it was stopped.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// User and system time of a line of `/proc/PID/stat`: the name may hold blanks and parentheses.
fn parse_cpu(text: &str) -> Option<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) as f64 / TICKS_PER_SECOND)
}

/// Reads all of it, so that the program never waits for us.
fn listen(
    mut output: ChildStdout,
    started: Instant,
    told: usize,
    mark: &str,
    sender: &Sender<(Duration, String)>,
) -> Heard {
    let (mut heard, mut marks, mut kept) = (0, 0, Vec::new());
    let finder = Finder::new(mark);
    let mut buffer = vec![0; 1 << 18];
    let mut left = told;
    while let Ok(len @ 1..) = output.read(&mut buffer) {
        let (at, chunk) = (started.elapsed(), &buffer[..len]);
        let before = kept.len();
        kept.extend_from_slice(chunk);
        heard += bytecount::count(chunk, b'\n') as u64;
        if !mark.is_empty() {
            // One may have begun in what was read before, but none is in there whole.
            let from = before.saturating_sub(mark.len() - 1);
            marks += finder.find_iter(&kept[from..]).count() as u64;
        }
        if left > 0 {
            let whole = kept.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let begin =
                kept[..before].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let text = String::from_utf8_lossy(&kept[begin.min(whole)..whole]);
            for line in text.lines().take(left) {
                let _nobody_waits = sender.send((at, line.to_owned()));
            }
            left = left.saturating_sub(text.lines().count());
        } else if kept.len() > 2 * TAIL {
            let from = kept.len() - TAIL;
            let from = kept[from..]
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(from, |at| from + at + 1);
            kept.drain(..from);
        }
    }
    Heard { lines: heard, marks, tail: String::from_utf8_lossy(&kept).into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_times_are_found_behind_any_name() {
        let line = "7 (a ) b) S 1 7 7 0 -1 4194560 1 0 0 0 150 25 9 9 20 0 1 0 5";
        assert_eq!(parse_cpu(line), Some(1.75));
        assert_eq!(parse_cpu("7 (a"), None);
    }

    #[test]
    fn lines_can_be_waited_for_and_are_all_counted() {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "echo one; printf tw; sleep 0.1; echo o; printf 'three\\nfour\\n'; read -r _; exit 3",
        ]);
        let mut program = Background::start(&mut command, 3).unwrap();
        let patience = Duration::from_mins(1);
        for line in ["one", "two", "three"] {
            assert_eq!(program.line(patience).unwrap().1, line);
        }
        let ended = program.stop().unwrap();
        assert!(!ended.status.success());
        assert_eq!(
            ended.heard,
            Heard { lines: 4, marks: 0, tail: "one\ntwo\nthree\nfour\n".to_owned() }
        );
    }

    #[test]
    fn a_mark_is_counted_once_also_where_it_is_read_in_pieces() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo a:mark; printf mar; sleep 0.1; echo k; sleep 0.1; echo mark mark"]);
        let program = Background::marked(&mut command, 0, "mark").unwrap();
        assert_eq!(program.wait().unwrap().heard.marks, 4);
    }

    #[test]
    fn a_program_that_ends_before_it_is_ready_is_an_error() {
        let mut program = Background::start(&mut Command::new("false"), 1).unwrap();
        assert!(program.line(Duration::from_secs(10)).is_err());
    }
}
