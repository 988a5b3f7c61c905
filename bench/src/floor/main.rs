//! `floor`: attaches an empty program wherever tracer attaches one of its own on this host, says so
//! in one JSON line, and holds them until its stdin ends.

mod attach;
mod plan;

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use serde_json::json;

#[derive(Parser)]
#[command(
    name = "floor",
    about = "Attach empty programs to the hooks of tracer, until stdin ends",
    long_about = None
)]
struct Cli {
    /// How many at each hook.
    #[arg(long, value_enum, default_value_t = Copies::One)]
    copies: Copies,
}

/// How many programs are attached to one hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Copies {
    /// One.
    One,
    /// As many as tracer attaches there.
    Tracer,
}

fn main() -> ExitCode {
    match run(Cli::parse().copies) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(copies: Copies) -> Result<()> {
    let mut held = Vec::new();
    let mut told = Vec::new();
    for step in plan::of_this_host()? {
        let programs = if copies == Copies::One { &step.programs[..1] } else { &step.programs[..] };
        for section in programs {
            let empty = attach::empty(section, step.point).with_context(|| {
                format!("an empty program cannot be attached to {}", step.point)
            })?;
            told.push(json!({ "id": empty.id, "hook": step.point }));
            held.push(empty);
        }
    }
    let mut out = std::io::stdout();
    writeln!(out, "{}", json!({ "ready": true, "programs": told }))?;
    out.flush()?;
    // Whatever is written to it means nothing.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
