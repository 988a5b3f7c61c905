//! `load`: TCP connections on loopback, bounded in number and time, that count themselves. It knows
//! nothing of tracer: what it prints is what its own sockets did.
//!
//! One file per kind of load. Servers are processes of their own (`part.rs`), which end with the
//! process that started them, however that ends.
//!
//! Exit codes: 0 done, 1 the load could not be made, 2 usage.

#![forbid(unsafe_code)]

mod answer;
mod churn;
mod cli;
mod connections;
mod cpu;
mod exchange;
mod faults;
mod idle;
mod loopback;
mod pace;
mod part;
mod report;

use clap::Parser as _;
use cli::{Cli, Verb};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

fn main() -> ExitCode {
    let cli = Cli::parse();
    limit_time(cli.verb.longest());
    let done = match &cli.verb {
        Verb::Churn(options) => churn::main(options, cli.port),
        Verb::Exchange(options) => exchange::main(options, cli.port),
        Verb::Faults(options) => faults::main(options, cli.port),
        Verb::Idle(options) => idle::main(options, cli.port),
        Verb::Part(part) => part::main(part, cli.port),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A load that hangs ends by itself: its sockets block without a limit.
fn limit_time(longest: Duration) {
    thread::spawn(move || {
        thread::sleep(longest);
        eprintln!("load: error: not done after {} s", longest.as_secs());
        std::process::exit(1);
    });
}
