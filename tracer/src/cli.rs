//! The command line: arguments and their help, no logic.

mod agent;
mod exec;
mod fail_on;
mod report;
pub mod settings;
mod value;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use agent::{Agent, Destination, Listen, Schema};
pub use exec::Exec;
pub use fail_on::FailOn;
pub use report::Report;
use value::{duration, ring_mib};

/// Find the process that redials instead of reusing its TCP connections.
///
/// tracer watches every TCP connection of this host from the kernel, names who closed each one and
/// why, and tells which process wastes connections and what to change. Without a verb it runs
/// `diagnose`. It needs root (or `CAP_BPF` and `CAP_PERFMON`) and a kernel of 5.10 or later.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  tracer demo                       see a redialling client caught, on loopback
  tracer -d 15s                     watch this host for 15 seconds, then the verdict
  tracer -p 4242                    one process, until Ctrl-C
  tracer watch -P 5432              a line per ended connection of a database port
  tracer -d 15s --output json       JSON lines for a script
  tracer -d 30s -P 443 --peers      on the server host: which clients redial into it
  tracer exec -- ./test.sh          run a command and judge it, with all its descendants
  tracer record -d 60s out.trace    record now, judge later: tracer replay out.trace

Exit codes:
  0  fine
  1  findings that --fail-on asks for
  2  could not run, could not write its output, or bad usage
  3  data was lost, and --strict was given"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// Arguments of `diagnose`, the default verb.
    #[command(flatten)]
    pub diagnose: Diagnose,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Observe for a while or until Ctrl-C, then print findings, evidence and totals (default)
    Diagnose(Diagnose),
    /// Print a line for each connection that ends, and findings as they come and go, live
    Watch(Watch),
    /// Observe without an end: lines for logs, metrics for Prometheus
    #[command(
        after_help = "Each option can also be set by an environment variable, TRACER_ARG_ and the option \
                            in capitals (TRACER_ARG_METRICS_LISTEN=off; several values with commas), and \
                            in the file of --config (metrics-listen = \"off\"; several values as a list). A \
                            flag goes before a variable, and a variable before the file. SIGHUP opens files \
                            anew and reads the settings again."
    )]
    Agent(Agent),
    /// Run a command, judge it and all its descendants, and give its exit code
    #[command(
        after_help = "The exit code is the command's if it failed: 128 + N where signal N ended \
                            it, 127 where it was not found, 126 where it could not be run. If it did \
                            well: 1 on findings that --fail-on asks for, 3 if data was lost and \
                            --strict was given. It takes a mounted control group hierarchy of \
                            version 2."
    )]
    Exec(Exec),
    /// Write what the kernel tells to a file, to be judged later
    Record(Record),
    /// Judge a recorded file: same bytes in, same findings out
    Replay(Replay),
    /// Show what this kernel allows, hook by hook, and what is missing
    Check(Check),
    /// Catch a redialling client beside a reusing one, on loopback, for a few seconds
    Demo(Demo),
    /// A process of the demo
    #[command(hide = true)]
    DemoPart(DemoPart),
}

/// Arguments of `diagnose`.
#[derive(Debug, Clone, Args)]
pub struct Diagnose {
    /// How long to observe: 15s, 2m, 500ms [default: until Ctrl-C]
    #[arg(short, long, value_parser = duration, value_name = "TIME")]
    pub duration: Option<Duration>,
    /// Which connections.
    #[command(flatten)]
    pub filter: Filter,
    /// How to report.
    #[command(flatten)]
    pub report: Report,
    /// How to trace.
    #[command(flatten)]
    pub tracing: Tracing,
}

/// Arguments of `watch`.
#[derive(Debug, Clone, Args)]
pub struct Watch {
    /// How long to watch: 15s, 2m [default: until Ctrl-C]
    #[arg(short, long, value_parser = duration, value_name = "TIME")]
    pub duration: Option<Duration>,
    /// Which connections.
    #[command(flatten)]
    pub filter: Filter,
    /// Lines for people, or JSON lines for machines
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Print findings only, as they begin, change and end; no connections
    #[arg(long)]
    pub findings: bool,
    /// How far findings look back at most: 60s, 10m
    #[arg(long, value_parser = duration, default_value = "60s", value_name = "TIME")]
    pub window: Duration,
    /// Exit with 3 if any record was lost, of anybody on this host: no option narrows losses
    #[arg(long)]
    pub strict: bool,
    /// How to trace.
    #[command(flatten)]
    pub tracing: Tracing,
}

/// Arguments of `record`.
#[derive(Debug, Clone, Args)]
pub struct Record {
    /// File to write; it must not exist yet
    pub file: PathBuf,
    /// How long to record: 15s, 2m [default: until Ctrl-C]
    #[arg(short, long, value_parser = duration, value_name = "TIME")]
    pub duration: Option<Duration>,
    /// Exit with 3 if any record was lost
    #[arg(long)]
    pub strict: bool,
    /// How to trace.
    #[command(flatten)]
    pub tracing: Tracing,
}

/// Arguments of `replay`.
#[derive(Debug, Clone, Args)]
pub struct Replay {
    /// File written by `tracer record`
    pub file: PathBuf,
    /// Which connections.
    #[command(flatten)]
    pub filter: Filter,
    /// How to report.
    #[command(flatten)]
    pub report: Report,
}

/// Arguments of `check`.
#[derive(Debug, Clone, Args)]
pub struct Check {
    /// Text for people, or one JSON health line for machines
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Arguments of `demo`.
#[derive(Debug, Clone, Args)]
pub struct Demo {
    /// How long to trace the two clients
    #[arg(short, long, value_parser = duration, default_value = "4s", value_name = "TIME")]
    pub duration: Duration,
    /// Report for people, or JSON lines for machines
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Arguments of the demo's processes.
#[derive(Debug, Clone, Args)]
pub struct DemoPart {
    /// Which one.
    #[arg(value_enum)]
    pub part: Part,
    /// Server port, for a client.
    #[arg(default_value_t = 0)]
    pub port: u16,
}

/// A process of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Answers requests, keeps connections open.
    Server,
    /// A new connection per request.
    Redial,
    /// One connection for all requests.
    Reuse,
}

/// Which connections are judged and shown.
#[derive(Debug, Clone, Default, Args)]
pub struct Filter {
    /// Only this process; repeatable
    #[arg(short, long = "pid", value_name = "PID")]
    pub pids: Vec<u32>,
    /// Only connections with this port at either end; repeatable
    #[arg(short = 'P', long = "port", value_name = "PORT",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub ports: Vec<u16>,
}

/// How to trace.
#[derive(Debug, Clone, Args)]
pub struct Tracing {
    /// Most connections tracked at one time, from 16 to 16777216; each takes up to 1 KiB while it is
    /// open, without BTF 344 bytes from the start [default: by memory, see `tracer check`]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(16..=16_777_216))]
    pub max_connections: Option<u32>,
    /// Buffer for ended connections, MiB, a power of two [default: by CPUs and memory]
    #[arg(long, value_name = "MIB", value_parser = ring_mib)]
    pub ring_mib: Option<u32>,
    /// Memory for records that wait to be judged, MiB; taken only while there are any
    #[arg(long, value_name = "MIB", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub queue_mib: u32,
    /// Priority of the thread that reads the buffer: before all normal threads if the kernel allows
    /// it (`CAP_SYS_NICE`), or as they
    #[arg(long, value_enum, default_value_t = ReaderPriority::Realtime)]
    pub reader_priority: ReaderPriority,
    /// Also tell the command lines of processes, in JSON and recordings: they may hold secrets
    #[arg(long)]
    pub command_lines: bool,
    /// Print each state change that the kernel side sees to stderr
    #[arg(long)]
    pub kernel_log: bool,
    /// Leave fentry out, to try what a kernel without it does
    #[arg(long, hide = true)]
    pub no_fentry: bool,
}

/// What the thread that reads the ring asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReaderPriority {
    /// `SCHED_RR` at its lowest; normal where that is refused, which is told.
    Realtime,
    /// As all other threads.
    Normal,
}

/// Format of what goes to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// For machines, one object per line.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_default_verb_takes_the_arguments_of_diagnose() {
        let cli = Cli::try_parse_from(["tracer", "-d", "15s", "-p", "1", "-p", "2"]).unwrap();
        assert!(cli.verb.is_none());
        assert_eq!(cli.diagnose.filter.pids, [1, 2]);
    }
}
