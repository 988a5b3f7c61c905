//! How long tracer takes to begin: until every hook is attached, and until the first connection that
//! ended is told. With nothing there, and with connections that were there before.

use super::background::Background;
use super::goal::Goal;
use super::load::hold;
use super::report::{Report, Section, spread};
use super::spread::Spread;
use super::tools::Tools;
use anyhow::{Context as _, Result};
use serde_json::{Map, Value};
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
/// Sockets that are there already, in the second row.
pub(crate) const EXISTING: u32 = 1000;

/// Measures both, so many times each.
pub(crate) fn measure(tools: &Tools, rounds: u32, report: &mut Report) -> Result<()> {
    let head = ["sockets there before", "hooks attached, ms", "first connection told, ms"];
    let mut section = Section::new("From exec() of tracer", &head);
    let mut document = Map::new();
    let mut medians = (Vec::new(), Vec::new());
    for existing in [0, EXISTING] {
        let before = (existing > 0).then(|| hold(tools, existing / 2)).transpose()?;
        let starts = (0..rounds).map(|_| start(tools)).collect::<Result<Vec<_>>>()?;
        before.map(Background::release).transpose()?;
        let attached = Spread::of(starts.iter().map(|(attached, _)| *attached));
        let told = Spread::of(starts.iter().map(|(_, told)| *told));
        section.row([existing.to_string(), spread(attached), spread(told)]);
        let figures = [("attached_ms", attached), ("first_connection_ms", told)];
        let figures =
            figures.into_iter().filter_map(|(key, one)| Some((key.to_owned(), one?.json())));
        document.insert(format!("existing_{existing}"), Value::Object(figures.collect()));
        medians.0.push(attached.map(|one| one.median));
        medians.1.push(told.map(|one| one.median));
    }
    section.note(
        "Attached is the first line of `tracer watch --output json`, which comes once the open \
         connections have been looked up, too. The first connection told is its second line, while \
         200 connections a second are made.",
    );
    report.section(&section);
    report.put("start", Value::Object(document));
    report.measured(Goal::Attached, slowest(&medians.0));
    report.measured(Goal::FirstTold, slowest(&medians.1));
    Ok(())
}

/// The greatest; none if any is not known.
fn slowest(medians: &[Option<f64>]) -> Option<f64> {
    let known = medians.iter().copied().collect::<Option<Vec<_>>>()?;
    known.into_iter().reduce(f64::max)
}

/// Milliseconds until its first two lines.
fn start(tools: &Tools) -> Result<(f64, f64)> {
    let mut load = Command::new(&tools.load);
    load.args(["churn", "--seconds", "3", "--rate", "200"]);
    let churn = Background::start(&mut load, 0)?;
    // It is under way when tracer begins.
    std::thread::sleep(Duration::from_millis(300));
    let mut command = Command::new(&tools.tracer);
    let mut tracer = Background::start(command.args(["watch", "--output", "json"]), 2)?;
    let (attached, _) = tracer.line(PATIENCE)?;
    let (told, line) = tracer.line(PATIENCE)?;
    tracer.stop()?;
    churn.wait()?;
    let line: Value = serde_json::from_str(&line)?;
    let is_connection = line["event.name"] == "tracer.connection.closed";
    is_connection.then_some(()).context("the second line of tracer is not about a connection")?;
    Ok((attached.as_secs_f64() * 1e3, told.as_secs_f64() * 1e3))
}

#[cfg(test)]
mod tests {
    use super::slowest;

    #[test]
    fn the_slowest_start_is_judged_whichever_row_it_is_in() {
        assert_eq!(slowest(&[Some(3.0), Some(2.0)]), Some(3.0));
        assert_eq!(slowest(&[Some(2.0), Some(3.0)]), Some(3.0));
        assert_eq!(slowest(&[Some(2.0), None]), None);
        assert_eq!(slowest(&[]), None);
    }
}
