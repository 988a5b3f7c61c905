//! The `tracer` program: parses, initialises, and returns an exit code.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser as _;
use tracer::cli::Cli;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Diagnostics go to stderr; stdout belongs to the data. The kernel side logs under its crate.
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,tracer=info,tracer_ebpf=trace"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(false)
        .init();
    match tracer::command::run(cli) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(2)
        }
    }
}
