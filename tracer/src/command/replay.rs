//! `tracer replay`: judge a recorded file with the same stages.

use std::fs::File;

use super::{Error, Outcome, diagnose, report, terminal};
use crate::cli::Replay;
use crate::pipeline::{Fed, Pipeline, Setting};
use crate::process::Lookup;
use crate::sink::table::CUT_OFF;
use crate::source::{FileError, Reader};

/// Replays and reports.
pub(super) fn run(args: &Replay) -> Result<Outcome, Error> {
    report::check(&args.report)?;
    let Some(thresholds) = report::thresholds(&args.report)? else { return Ok(Outcome::Fine) };
    let path = || args.file.display().to_string();
    let file = File::open(&args.file).map_err(|error| Error::File { path: path(), error })?;
    let unreadable = |error| Error::Recording { path: path(), error };
    let mut reader = Reader::new(file).map_err(unreadable)?;
    let setting =
        Setting::from_json(reader.meta()).ok_or_else(|| unreadable(FileError::NotOurs))?;
    let selection = diagnose::recorded_selection(&args.filter);
    let start_ns = setting.start_ns;
    let explain = report::explain(&args.report, &args.filter.pids);
    let (mut sink, outlook) = report::sink(args.report.output, explain, &setting)?;
    // A file waits for whoever reads what it tells.
    outlook.be_patient();
    let mut pipeline = Pipeline::new(setting, Lookup::Recorded, selection, thresholds);
    if args.report.peers {
        pipeline.count_peers();
    }
    let told = (|| {
        report::health(&mut *sink, &pipeline, start_ns)?;
        let mut at_ns = start_ns;
        loop {
            let input = match reader.next() {
                Ok(Some(input)) => input,
                Ok(None) => break,
                // What came before is good, and the report says that something is missing.
                Err(FileError::Io(error)) => return Err(Error::File { path: path(), error }),
                Err(error) => {
                    terminal::say(&format!("{}: {error}", path()));
                    pipeline.count_unreadable(CUT_OFF);
                    break;
                }
            };
            if let Fed::Tick(tick) = pipeline.feed(input) {
                at_ns = tick.now_ns;
                if args.report.connections {
                    report::ended(&mut *sink, &pipeline, &tick)?;
                }
            }
        }
        report::close(&mut *sink, &pipeline, at_ns, &args.report, explain)
    })();
    report::end(told, &pipeline, args.report.strict)
}
