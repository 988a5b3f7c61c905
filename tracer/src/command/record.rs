//! `tracer record`: what the kernel tells, to a file.

use std::fs::OpenOptions;
use std::io::Seek as _;

use super::observe::{Observation, Progress};
use super::{Error, Outcome, terminal};
use crate::cli::Record;
use crate::detect::Thresholds;
use crate::pipeline::Selection;
use crate::sink::{Health, table};
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
    let health = observation.pipeline.health(0);
    terminal::say(&written(records, lost, &health, &args.file.display().to_string()));
    Ok(if args.strict && lost > 0 { Outcome::Lost } else { Outcome::Fine })
}

/// What is in the file and what is not, why, and what to do next.
fn written(records: u64, lost: u64, health: &Health, file: &str) -> String {
    let judge = format!("judge them with `tracer replay {file}`");
    let records = counted(records);
    if lost == 0 {
        return format!("{records} written, none lost: {judge}");
    }
    let here = health.evicted.iter().filter(|(what, _)| what.touches_counts());
    let here = here.map(|(what, count)| (what.name().to_owned(), count));
    let why: Vec<_> = health.lost.iter().cloned().chain(here).collect();
    format!(
        "{records} written, {lost} lost ({}) on the whole host: {judge}.{}",
        table::reasons(&why),
        table::helps(&why)
    )
}

/// `1 record`, `2 records`.
pub(super) fn counted(records: u64) -> String {
    format!("{records} record{}", if records == 1 { "" } else { "s" })
}

/// How far the file is whole: up to its last tick.
#[derive(Clone, Copy)]
struct Whole {
    bytes: u64,
    records: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::testing;

    #[test]
    fn what_was_lost_is_told_with_its_reason_and_what_helps() {
        let mut health = testing::health();
        assert_eq!(
            written(1, 0, &health, "f"),
            "1 record written, none lost: judge them with `tracer replay f`"
        );
        for (why, count) in &mut health.lost {
            *count = if why == "ring_full" { 7 } else { 0 };
        }
        let said = written(9, 7, &health, "f");
        assert!(said.contains("9 records written, 7 lost (ring_full 7)"), "{said}");
        assert!(said.ends_with("a larger --ring-mib."), "{said}");
    }

    #[test]
    fn a_recording_that_is_cut_short_says_what_is_left_of_it_and_what_to_do() {
        let said = |kept, lost| {
            let error = std::io::Error::other("No space left");
            Error::CutShort { path: "f".into(), error, kept, lost }.to_string()
        };
        let some = said(1, 1);
        assert!(some.contains("1 record is in it") && some.contains("`tracer replay f`"), "{some}");
        assert!(some.contains("1 record that was read after that is lost"), "{some}");
        assert!(said(9, 2).contains("9 records are in it"));
        let none = said(0, 2);
        assert!(none.contains("no interval was whole") && !none.contains(" 0 "), "{none}");
        assert!(none.contains("free some space and record again"), "{none}");
    }
}
