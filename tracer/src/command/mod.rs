//! One file per verb. A verb turns arguments into stages, runs them, and returns an exit code.

mod agent;
mod asked;
mod before;
mod check;
mod demo;
mod diagnose;
mod exec;
mod interval;
mod news;
mod observe;
mod outbox;
mod record;
mod replay;
mod report;
mod setting_json;
mod signals;
mod strict;
pub mod terminal;
mod watch;

use std::io;
use std::process::ExitCode;

use crate::cli::settings::Setting;
use crate::cli::{Cli, Verb};
use crate::{probe, source};

/// How a verb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Exit code 0.
    Fine,
    /// Exit code 1: findings that `--fail-on` asks for.
    Findings,
    /// Exit code 3: data was lost, and `--strict` was given.
    Lost,
    /// The exit code of the command that was run.
    Command(u8),
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Fine => Self::SUCCESS,
            Outcome::Findings => Self::from(1),
            Outcome::Lost => Self::from(3),
            Outcome::Command(code) => Self::from(code),
        }
    }
}

/// Why a verb could not run: exit code 2. Each message is one sentence that says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel does not let us trace.
    #[error(transparent)]
    Probe(#[from] probe::Error),
    /// What the kernel tells could not be read.
    #[error(transparent)]
    Kernel(#[from] source::KernelError),
    /// A PID of nobody.
    #[error("no process has PID {0}: list those with connections with `ss -tp`")]
    NoSuchPid(u32),
    /// The number of a thread.
    #[error("{tid} is a thread of process {pid}: connections belong to processes, use -p {pid}")]
    IsThread {
        /// As given.
        tid: u32,
        /// Its process.
        pid: u32,
    },
    /// Arguments that do not go together, or a value of the wrong form.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A recording could not go on.
    #[error("{path}: {error}; {}", cut_short(path, *kept, *lost))]
    CutShort {
        /// Which.
        path: String,
        /// Why.
        #[source]
        error: io::Error,
        /// Records up to the last interval that is whole.
        kept: u64,
        /// Records of the interval that is not.
        lost: u64,
    },
    /// A recorded file cannot be read.
    #[error("{path}: {error}")]
    Recording {
        /// Which.
        path: String,
        /// Why.
        #[source]
        error: source::FileError,
    },
    /// Output cannot be written; a closed pipe is no error.
    #[error("the output could not be written: {0}")]
    Output(#[source] io::Error),
    /// A process of the demo failed.
    #[error("the demo could not run its own client and server: {0}")]
    Demo(#[source] io::Error),
    /// Where the processes of a command could be told from others is not mounted.
    #[error(
        "no control group hierarchy of version 2 is mounted, which tells the processes of a command \
         from others: `mount -t cgroup2 none /sys/fs/cgroup` mounts it"
    )]
    NoGroups,
    /// No control group could be made, or entered.
    #[error(
        "the command cannot have a control group of its own, which tells its processes from others \
         ({path}: {error}): run it as root where control groups are writable"
    )]
    Group {
        /// Which.
        path: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The command could not be waited for.
    #[error("the end of the command could not be waited for: {0}")]
    Wait(#[source] io::Error),
    /// Metrics cannot be served there.
    #[error(
        "metrics cannot be served at {at} ({error}): give --metrics-listen another address, or off"
    )]
    Listen {
        /// Where.
        at: std::net::SocketAddr,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Capabilities could not be given up.
    #[error(
        "what only starting needs could not be given up ({0}): let the unit or the container allow \
         capset and prctl"
    )]
    Privileges(#[source] io::Error),
    /// The runtime could not start.
    #[error("timers and signals could not be set up: {0}")]
    Runtime(#[source] io::Error),
}

/// Runs the verb; `settings` are the agent's.
///
/// # Errors
/// [`Error`], to be shown as one sentence, with exit code 2.
pub fn run(cli: Cli, settings: Vec<Setting>) -> Result<Outcome, Error> {
    match cli.verb.unwrap_or(Verb::Diagnose(cli.diagnose)) {
        Verb::Diagnose(args) => diagnose::run(&args),
        Verb::Watch(args) => watch::run(&args),
        Verb::Agent(args) => agent::run(&args, settings),
        Verb::Exec(args) => exec::run(&args),
        Verb::Record(args) => record::run(&args),
        Verb::Replay(args) => replay::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Demo(args) => demo::run(&args),
        Verb::DemoPart(args) => demo::part(&args),
    }
}

/// What is left of a recording that could not go on, and what to do next.
fn cut_short(path: &str, kept: u64, lost: u64) -> String {
    let verb = |count| if count == 1 { "is" } else { "are" };
    let lost_records = record::counted(lost);
    if kept == 0 {
        return format!(
            "no interval was whole by then, so that nothing in it can be judged, and {lost_records} that \
             had been read {} lost: free some space and record again",
            verb(lost)
        );
    }
    let (kept_records, was) = (record::counted(kept), if lost == 1 { "was" } else { "were" });
    format!(
        "{kept_records} {} in it, judge them with `tracer replay {path}`; {lost_records} that {was} read \
         after that {} lost, and so is what came since: free some space to record more",
        verb(kept),
        verb(lost)
    )
}

/// A closed pipe means that the reader has seen enough.
fn written(result: Result<Outcome, Error>) -> Result<Outcome, Error> {
    match result {
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Outcome::Fine),
        other => other,
    }
}
