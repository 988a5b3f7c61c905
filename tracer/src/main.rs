//! The `tracer` program: parses, initialises, and returns an exit code.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use tracer::cli::settings;
use tracer::command::terminal;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // Where it is refused, memory stays as large as the busiest second was: no reason to end.
    let _is_set = tracer_heap::give_back();
    let line: Vec<_> = std::env::args_os().collect();
    let (cli, settings) = match settings::parse(&line, std::env::vars_os()) {
        Ok(parsed) => parsed,
        Err(settings::Error::Usage(error)) => error.exit(),
        Err(error) => {
            terminal::say(&error.to_string());
            return ExitCode::from(2);
        }
    };
    // Diagnostics go to stderr; stdout belongs to the data. The kernel side logs under its crate.
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,tracer_ebpf=trace"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| terminal::Stderr)
        .with_ansi(terminal::stderr_has_colour())
        .without_time()
        .with_target(false)
        .init();
    match tracer::command::run(cli, settings) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            terminal::say(&error.to_string());
            ExitCode::from(2)
        }
    }
}
