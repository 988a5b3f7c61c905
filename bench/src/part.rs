//! The other processes of a load: this program again, with hidden arguments. A part tells what it
//! has ready in one line of numbers on stdout, plays until its stdin ends, so that it never outlives
//! its load, and says what it counted in a JSON line.

use crate::report::print_line;
use crate::{churn, exchange, faults, idle};
use anyhow::{Context as _, Result, ensure};
use clap::Subcommand;
use serde_json::Value;
use std::env;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};

/// What a part plays.
#[derive(Debug, Subcommand)]
pub(crate) enum Part {
    /// Servers of `churn`.
    ChurnServer { threads: u16, payload: u32 },
    /// Servers of `exchange`.
    ExchangeServer { threads: u16, payload: u32 },
    /// Accepts connections of `idle` and holds them.
    IdleServer { connections: u32 },
    /// Opens connections of `idle` and holds them.
    IdleClient { connections: u32 },
    /// Server of `faults`.
    FaultsServer,
    /// Dials once, has an exchange, ends.
    FaultsDial,
    /// Opens connections and waits to be killed.
    FaultsVictim { connections: u16 },
}

/// Plays a part. `port` is the first of a server, or of the server to dial.
pub(crate) fn main(played: &Part, port: u16) -> Result<()> {
    match *played {
        Part::ChurnServer { threads, payload } => churn::serve(threads, payload, port),
        Part::ExchangeServer { threads, payload } => exchange::serve(threads, payload, port),
        Part::IdleServer { connections } => idle::serve(connections, port),
        Part::IdleClient { connections } => idle::dial(port, connections),
        Part::FaultsServer => faults::serve(port),
        Part::FaultsDial => faults::dial_once(port),
        Part::FaultsVictim { connections } => faults::be_killed(port, connections),
    }
}

/// Tells the load that this part is ready.
pub(crate) fn ready(numbers: &[u16]) -> Result<()> {
    let words: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    print_line(&words.join(" "))
}

/// Returns when the load wants this part to end, or has ended itself.
pub(crate) fn wait_for_end() -> Result<()> {
    std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()).context("stdin")?;
    Ok(())
}

/// A part that runs.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(arguments: &[&str], port: u16) -> Result<Self> {
        let program = env::current_exe().context("cannot tell which program this is")?;
        let mut child = Command::new(program)
            .arg("part")
            .args(arguments)
            .args(["--port", &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start part {arguments:?}"))?;
        let stdout = child.stdout.take().context("a part has no stdout")?;
        Ok(Self { child, stdout: BufReader::new(stdout) })
    }

    /// Waits for what [`ready`] told.
    pub(crate) fn numbers(&mut self) -> Result<Vec<u16>> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        ensure!(line.ends_with('\n'), "a part of the load ended at its start, see above");
        line.split_whitespace().map(|word| word.parse().context("a part told no number")).collect()
    }

    /// Tells the part to end.
    pub(crate) fn stop(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        Ok(())
    }

    /// Waits for a part that ends by itself.
    pub(crate) fn wait(mut self) -> Result<()> {
        let status = self.child.wait()?;
        ensure!(status.success(), "a part of the load ended with {status}");
        Ok(())
    }

    /// Ends the part and gives what it counted.
    pub(crate) fn finish(mut self) -> Result<Value> {
        self.stop();
        let mut told = String::new();
        self.stdout.read_to_string(&mut told)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "a part of the load ended with {status}");
        serde_json::from_str(&told).context("a part told no JSON line")
    }
}

impl Drop for Running {
    /// For when the load fails: a part that was not finished must not be left.
    fn drop(&mut self) {
        self.stop();
        // Errors: it has ended already.
        let _ = self.child.wait();
    }
}
