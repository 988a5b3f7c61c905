//! The arguments of `tracer exec`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::{Report, Tracing};

/// Arguments of `exec`.
#[derive(Debug, Clone, Args)]
pub struct Exec {
    /// Only connections with this port at either end; repeatable
    #[arg(short = 'P', long = "port", value_name = "PORT",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub ports: Vec<u16>,
    /// File for the report, written anew [default: stderr, as stdout is the command's]
    #[arg(long = "report", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// How to report.
    #[command(flatten)]
    pub report: Report,
    /// How to trace.
    #[command(flatten)]
    pub tracing: Tracing,
    /// The command and its arguments, run without a shell
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}
