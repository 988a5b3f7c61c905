//! The tracer under test: `watch` with a JSON line per connection. A thread reads all it prints and
//! counts; nothing is kept but the last health line.

use super::cycle::PORTS;
use anyhow::{Context as _, Result, anyhow, bail};
use rustix::pipe::fcntl_setpipe_size;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long it may take to start and to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// Bytes between tracer and this process: the most that the kernel allows without asking.
const PIPE: usize = 1 << 20;

/// A running tracer, attached. Killed on drop.
pub(super) struct Observer {
    child: Child,
    reader: Option<JoinHandle<Result<Heard>>>,
    netns: u32,
}

/// What it has told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// Connections that ended, of the load's namespace.
    pub(super) told: u64,
    /// The same by role and cause of the close.
    pub(super) causes: BTreeMap<String, u64>,
    /// Those of the rest of the host.
    pub(super) others: u64,
    /// Connections of which the network namespace is not told.
    pub(super) nowhere: u64,
    /// Bytes.
    pub(super) output: u64,
    /// By reason, of the whole host, as the last health line has it.
    pub(super) lost: BTreeMap<String, u64>,
    /// What did not fit into a table of userspace, the same way.
    pub(super) evicted: u64,
    pub(super) decode_errors: u64,
}

impl Observer {
    /// Starts it and waits until it is attached. Findings look back for `window`.
    pub(super) fn start(tracer: &Path, netns: u32, window: Duration) -> Result<Self> {
        let mut child = Command::new(tracer)
            .args(["watch", "--output", "json", "--window", &format!("{}s", window.as_secs())])
            .args(PORTS.map(|port| format!("--port={port}")))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run tracer")?;
        let stdout = child.stdout.take().context("tracer has no stdout")?;
        // So that a moment in which this process does not run costs no line.
        fcntl_setpipe_size(&stdout, PIPE).context("the pipe cannot be made larger")?;
        let (sender, attached) = channel();
        let reader = thread::spawn(move || read(stdout, netns, &sender));
        let observer = Self { child, reader: Some(reader), netns };
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
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

fn read(stdout: ChildStdout, netns: u32, attached: &Sender<()>) -> Result<Heard> {
    let mut heard = Heard::default();
    let mut lines = BufReader::with_capacity(1 << 20, stdout);
    let mut line = String::new();
    let here = format!(r#""tracer.netns":{netns},"#);
    while lines.read_line(&mut line)? > 0 {
        // A killed tracer may leave half a line.
        if line.ends_with('\n') {
            heard.hear(&line, &here)?;
            // Nobody waits for any but the first.
            let _ = attached.send(());
        }
        line.clear();
    }
    Ok(heard)
}

impl Heard {
    /// Takes a line; those of connections are not parsed, there are too many.
    fn hear(&mut self, line: &str, here: &str) -> Result<()> {
        self.output += line.len() as u64;
        if line.contains(r#""event.name":"tracer.connection.closed""#) {
            if line.contains(here) {
                self.told += 1;
                let word = |key| word(line, key).unwrap_or("unknown");
                let name = format!("{} {}", word("tracer.role"), word("tracer.close.cause"));
                *self.causes.entry(name).or_default() += 1;
            } else if line.contains(r#""tracer.netns":"#) {
                self.others += 1;
            } else {
                self.nowhere += 1;
            }
        } else if line.contains(r#""event.name":"tracer.health""#) {
            let health: Value = serde_json::from_str(line)?;
            let count = |key: &str| health[key].as_u64().with_context(|| format!("no {key}"));
            let lost = health["tracer.lost"].as_object().context("no tracer.lost")?;
            let lost = lost.iter().map(|(why, count)| (why.clone(), count.as_u64().unwrap_or(0)));
            self.lost = lost.collect();
            self.evicted = count("tracer.evicted")?;
            self.decode_errors = count("tracer.decode_errors")?;
        }
        Ok(())
    }
}

/// The text that is the value of `key`: one of our own words, without anything escaped.
fn word<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!(r#""{key}":""#))?;
    rest.split_once('"').map(|(word, _)| word)
}

#[cfg(test)]
mod tests {
    use super::Heard;

    #[test]
    fn lines_are_counted_by_where_they_are_from() {
        let mut heard = Heard::default();
        let closed = r#"{"event.name":"tracer.connection.closed","#;
        for rest in [
            r#""tracer.netns":7,"tracer.role":"client","tracer.close.cause":"local_close"}"#,
            r#""tracer.netns":7,"tracer.role":"server","a":1}"#,
            r#""tracer.netns":77,"tracer.role":"client","a":1}"#,
            r#""a":1}"#,
        ] {
            heard.hear(&format!("{closed}{rest}\n"), r#""tracer.netns":7,"#).unwrap();
        }
        let health = r#"{"event.name":"tracer.health","tracer.lost":{"ring_full":3,"missed":0},
                         "tracer.evicted":1,"tracer.decode_errors":0}"#;
        heard.hear(health, "").unwrap();
        assert_eq!((heard.told, heard.others, heard.nowhere), (2, 1, 1));
        let causes = [("client local_close".to_owned(), 1), ("server unknown".to_owned(), 1)];
        assert_eq!(heard.causes, causes.into());
        assert_eq!((heard.lost["ring_full"], heard.evicted), (3, 1));
    }
}
