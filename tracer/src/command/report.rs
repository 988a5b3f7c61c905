//! The closing output that `diagnose`, `replay` and `demo` share, and the exit code it leads to.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use super::outbox::{Outbox, Outlook};
use super::{Error, Outcome, strict, terminal, written};
use crate::aggregate::Who;
use crate::cli::{Output, Report};
use crate::connection::{Tick, seconds};
use crate::detect::{Finding, Thresholds};
use crate::pipeline::{Pipeline, Setting};
use crate::process::Identity;
use crate::sink::json::Json;
use crate::sink::table::{Explain, Look, Table};
use crate::sink::{Ended, Item, NotEnough, PeerSummary, Sink, Summary, Verdict};

/// A sink, and how the thread that writes its output is doing.
pub(super) type Printer = (Box<dyn Sink>, Outlook);

/// A stream of ours as a file of its own, without a buffer between.
pub(super) fn own(stream: &impl AsFd) -> Result<File, Error> {
    stream.as_fd().try_clone_to_owned().map(File::from).map_err(Error::Output)
}

/// The sink that `output` asks for, on stdout.
pub(super) fn sink(output: Output, explain: Explain, setting: &Setting) -> Result<Printer, Error> {
    let look = Look { explain, ..terminal::look_of(&io::stdout()) };
    sink_on(own(&io::stdout())?, look, output, setting)
}

/// When to tell what came of rows without a finding: if it was asked for, or if the question was
/// about one process, to which "no finding" is no answer. Machines get what they asked for.
pub(super) fn explain(args: &Report, pids: &[u32]) -> Explain {
    match (args.explain, args.output) {
        (true, _) => Explain::Always,
        (false, Output::Table) if !pids.is_empty() => Explain::WithoutFinding,
        _ => Explain::Never,
    }
}

/// The same, on `out`, which looks so.
pub(super) fn sink_on(
    out: File,
    look: Look,
    output: Output,
    setting: &Setting,
) -> Result<Printer, Error> {
    let out = Outbox::new(out).map_err(Error::Output)?;
    let (outlook, origin) = (out.outlook(), setting.origin.clone());
    let sink: Box<dyn Sink> = match output {
        Output::Table => Box::new(Table::new(out, origin, look)),
        Output::Json => Box::new(Json::new(out, origin)),
    };
    Ok((sink, outlook))
}

/// Writes the health as of `at_ns`, at once: scripts wait for the first one.
pub(super) fn health(sink: &mut dyn Sink, pipeline: &Pipeline, at_ns: u64) -> Result<(), Error> {
    health_at(sink, pipeline, at_ns)?;
    sink.flush().map_err(Error::Output)
}

/// Writes the health as of `at_ns` if more is missing than was `told` the last time: beside the lines
/// that lack it, not only in the end.
pub(super) fn losses(
    sink: &mut dyn Sink,
    pipeline: &Pipeline,
    at_ns: u64,
    told: &mut u64,
) -> Result<(), Error> {
    let missing = pipeline.lost() + pipeline.unwritten();
    if missing == std::mem::replace(told, missing) {
        Ok(())
    } else {
        health_at(sink, pipeline, at_ns)
    }
}

fn health_at(sink: &mut dyn Sink, pipeline: &Pipeline, at_ns: u64) -> Result<(), Error> {
    sink.write(&Item::Health(&pipeline.health(at_ns))).map_err(Error::Output)
}

/// What the verb ends with, once its output is written or could not be: a closed pipe means that the
/// reader has seen enough, not that nothing was lost.
pub(super) fn end(
    result: Result<Outcome, Error>,
    pipeline: &Pipeline,
    is_strict: bool,
) -> Result<Outcome, Error> {
    tell_unwritten(pipeline);
    let is_lost = is_strict && !pipeline.health(0).is_whole();
    let outcome = written(result)?;
    if !is_lost {
        return Ok(outcome);
    }
    if let Some(whose) = strict::whose_loss(pipeline) {
        terminal::say(&whose);
    }
    Ok(Outcome::Lost)
}

/// Says on stderr what the reader of the output never got.
fn tell_unwritten(pipeline: &Pipeline) {
    let lines = pipeline.unwritten();
    if lines > 0 {
        terminal::say(&format!(
            "{lines} lines were dropped, for an output did not take them in time, or refused them: what is \
             counted and judged is not touched by that"
        ));
    }
}

/// Writes the connections that ended in an interval.
pub(super) fn ended(sink: &mut dyn Sink, pipeline: &Pipeline, tick: &Tick) -> Result<(), Error> {
    for connection in &tick.ended {
        let identity = connection.owner.and_then(|owner| pipeline.identity(owner));
        if let Some(ended) = Ended::new(connection, identity) {
            sink.write(&Item::Connection(ended)).map_err(Error::Output)?;
        }
    }
    sink.flush().map_err(Error::Output)
}

/// Writes summaries, peers, findings, what is not enough for one if that is to be told, and the
/// last health line; says how it ended.
pub(super) fn close(
    sink: &mut dyn Sink,
    pipeline: &Pipeline,
    at_ns: u64,
    args: &Report,
    explain: Explain,
) -> Result<Outcome, Error> {
    let setting = pipeline.setting();
    let window_s = seconds(setting.start_ns, at_ns);
    let write = |sink: &mut dyn Sink, item: Item<'_>| sink.write(&item).map_err(Error::Output);
    for (key, totals) in &pipeline.judge().totals() {
        let identity = identity(pipeline, &key.who);
        write(sink, Item::Summary(Summary { at_ns, window_s, key, totals, identity }))?;
    }
    if let Some(peers) = pipeline.peers() {
        if peers.is_empty() {
            terminal::say("no peer: no connection was seen at an address that this host serves");
        }
        for peer in &peers {
            write(sink, Item::Peer(PeerSummary { at_ns, window_s, peer }))?;
        }
    }
    let findings = pipeline.judge().findings();
    for finding in &findings {
        let identity = identity(pipeline, &finding.key.who);
        write(sink, Item::Finding(Verdict { at_ns, state: None, finding, identity }))?;
    }
    if explain != Explain::Never {
        for lack in &pipeline.judge().not_enough() {
            let identity = identity(pipeline, &lack.key.who);
            write(sink, Item::NotEnough(NotEnough { at_ns, lack, identity }))?;
        }
    }
    let health = pipeline.health(at_ns);
    write(sink, Item::Health(&health))?;
    sink.finish().map_err(Error::Output)?;
    Ok(outcome(&findings, health.is_whole(), args))
}

/// The process that a line is about, where it is one and known.
pub(super) fn identity<'a>(pipeline: &'a Pipeline, who: &Who) -> Option<&'a Identity> {
    match who {
        Who::Process(id) => pipeline.identity(*id),
        _ => None,
    }
}

fn outcome(findings: &[Finding], is_whole: bool, args: &Report) -> Outcome {
    let fails = findings.iter().any(|found| args.fail_on.iter().any(|what| what.is_met_by(found)));
    if args.strict && !is_whole {
        Outcome::Lost
    } else if fails {
        Outcome::Findings
    } else {
        Outcome::Fine
    }
}

/// The thresholds in force; `None` if they were only to be listed, which is done.
pub(super) fn thresholds(args: &Report) -> Result<Option<Thresholds>, Error> {
    let mut thresholds = Thresholds::default();
    for given in &args.thresholds {
        if given == "list" {
            written(list().map(|()| Outcome::Fine).map_err(Error::Output))?;
            return Ok(None);
        }
        let Some((name, value)) = given.split_once('=') else {
            return Err(Error::Usage(format!(
                "--threshold takes NAME=VALUE, not `{given}`: `--threshold list` shows the names"
            )));
        };
        thresholds.set(name, value).map_err(|error| Error::Usage(error.to_string()))?;
    }
    Ok(Some(thresholds))
}

fn list() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let all = Thresholds::ALL;
    let width = all.iter().map(|threshold| threshold.name.len()).max().unwrap_or(0);
    for threshold in all {
        writeln!(out, "{:width$}  {:>8}  {}", threshold.name, threshold.default, threshold.reason)?;
    }
    out.flush()
}

/// Refuses options that do not go together.
pub(super) fn check(args: &Report) -> Result<(), Error> {
    if args.connections && args.output == Output::Table {
        return Err(Error::Usage(
            "--connections needs --output json; `tracer watch` prints connections for people"
                .into(),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_outranks_findings_in_the_exit_code_only_if_asked() {
        let args = |strict| Report {
            output: Output::Json,
            connections: false,
            peers: false,
            explain: false,
            fail_on: Vec::new(),
            strict,
            thresholds: Vec::new(),
        };
        assert_eq!(outcome(&[], true, &args(true)), Outcome::Fine);
        assert_eq!(outcome(&[], false, &args(true)), Outcome::Lost);
        assert_eq!(outcome(&[], false, &args(false)), Outcome::Fine);
    }
}
