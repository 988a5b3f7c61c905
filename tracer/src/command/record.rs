//! `tracer record`: what the kernel tells, to a file.

use std::fs::OpenOptions;
use std::io::Seek as _;

use super::observe::{Observation, Progress};
use super::{Error, Outcome, terminal};
use crate::cli::Record;
use crate::detect::Thresholds;
use crate::pipeline::Selection;
use crate::source::{Input, Writer};

/// Records everything: filters and thresholds are chosen at replay.
pub(super) fn run(args: &Record) -> Result<Outcome, Error> {
    let failed = |error| Error::File { path: args.file.display().to_string(), error };
    let mut observation = Observation::start(
        &args.tracing,
        Selection::default(),
        Thresholds::default(),
        args.duration,
    )?;
    let file = OpenOptions::new().write(true).create_new(true).open(&args.file).map_err(failed)?;
    // Another handle of the same file, with the same place in it.
    let mut place = file.try_clone().map_err(failed)?;
    let meta = observation.pipeline.setting().to_json();
    let mut writer = Writer::new(file, &meta).map_err(failed)?;
    terminal::say(&format!("recording to {}, Ctrl-C ends it", args.file.display()));
    let mut whole = Whole { bytes: place.stream_position().map_err(failed)?, records: 0 };
    let mut records = 0_u64;
    let observed = observation.run(args.duration, &mut |_, progress| {
        let result = match progress {
            // Before the record that made it known, so that replay has it in time.
            Progress::Met(identity) => writer.write(Input::Identity(&identity.to_json())),
            Progress::Input(input) => {
                records += u64::from(matches!(input, Input::Record(_)));
                writer.write(input)
            }
            Progress::Tick(_) => {
                // It has been flushed.
                let place = place.stream_position();
                place.map(|bytes| whole = Whole { bytes, records })
            }
        };
        result.map_err(failed)
    });
    if let Err(Error::File { path, error }) = observed {
        // What it still has does not fit either.
        drop(writer);
        let error = place.set_len(whole.bytes).err().unwrap_or(error);
        let (kept, lost) = (whole.records, records - whole.records);
        return Err(Error::CutShort { path, error, kept, lost });
    }
    observed?;
    let lost = observation.pipeline.lost();
    terminal::say(&format!(
        "{records} records written, {lost} lost: judge them with `tracer replay {}`",
        args.file.display()
    ));
    Ok(if args.strict && lost > 0 { Outcome::Lost } else { Outcome::Fine })
}

/// How far the file is whole: up to its last tick.
#[derive(Clone, Copy)]
struct Whole {
    bytes: u64,
    records: u64,
}
