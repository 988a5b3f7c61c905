//! Running other programs: every command is shown before it runs, and a failure names it.
//!
//! Progress goes to stderr. Knows nothing of what the programs do.

use anyhow::{Context as _, Result, bail};
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// A progress line.
pub(crate) fn say(line: impl AsRef<str>) {
    eprintln!("xtask: {}", line.as_ref());
}

/// The cargo that started this program, so that a toolchain override holds for its children.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Left over from `cargo run`; package variables mean something else to the next cargo.
    for (key, _) in std::env::vars_os() {
        if key.to_str().is_some_and(|key| key.starts_with("CARGO_PKG_")) {
            command.env_remove(key);
        }
    }
    command
}

/// Runs `command` with our output streams; a non-zero exit is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    say(format!("$ {}", shown(command)));
    let status = command.status().with_context(|| format!("cannot run {}", shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// How often what needs the network is tried, and how long after each time but the last, seconds.
const PAUSES: [u64; 3] = [5, 20, 60];

/// Runs `command`, which needs the network, until it succeeds; an error if it never does.
pub(crate) fn run_patiently(command: &mut Command) -> Result<()> {
    for seconds in PAUSES {
        match run(command) {
            Ok(()) => return Ok(()),
            Err(error) => say(format!("{error:#}; again in {seconds} s")),
        }
        thread::sleep(Duration::from_secs(seconds));
    }
    run(command)
}

/// Runs `command` and returns its stdout; stderr passes through.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", shown(command)))?;
    if !output.status.success() {
        bail!("{} ended with {}", shown(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} is not UTF-8", shown(command)))
}

/// Runs `command` and returns its stdout if it exists and succeeds; says nothing if not.
pub(crate) fn probe(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    if !output.status.success() {
        return None;
    }
    String::from_utf8(output.stdout).ok()
}

/// Runs `command`, passes its stdout on and shows each line of it to `see`; false if it failed.
pub(crate) fn watch(command: &mut Command, mut see: impl FnMut(&str)) -> Result<bool> {
    say(format!("$ {}", shown(command)));
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", shown(command)))?;
    let stdout = child.stdout.take().context("the command has no stdout")?;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        print_line(&line);
        see(&line);
    }
    Ok(child.wait()?.success())
}

/// A line of output of a test, on stdout. A reader that went away must not stop the run.
pub(crate) fn print_line(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Pipes the stdout of `first` into `second`; both must succeed.
pub(crate) fn pipe(first: &mut Command, second: &mut Command) -> Result<()> {
    let mut producer = first
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", shown(first)))?;
    let stdout = producer.stdout.take().context("the first command has no stdout")?;
    run(second.stdin(stdout))?;
    let status = producer.wait()?;
    if !status.success() {
        bail!("{} ended with {status}", shown(first));
    }
    Ok(())
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    probe(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0")
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
