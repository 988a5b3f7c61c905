//! The parts about BPF run time, told: per connection, per event, per exchange, hook by hook.

use super::contender::Contender;
use super::goal::Goal;
use super::load::Load;
use super::report::{Report, Section, short, spread};
use super::runtime::{Slice, Slices, over, play, ratio};
use super::spread::{Spread, round};
use super::tools::Tools;
use anyhow::Result;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Keep-alive connections that are busy at one time.
pub(super) const BUSY: u32 = 64;

/// Run time while connections come and go.
pub(crate) fn connections(
    tools: &Tools,
    contenders: &[Contender],
    (rounds, seconds): (u32, u32),
    report: &mut Report,
) -> Result<()> {
    let slices = play(tools, contenders, Load::Churn { seconds, rate: None }, rounds)?;
    let head = [
        "contender",
        "ns per connection",
        "× floor",
        "× floor copies",
        "ns above floor copies",
        "× tcplife",
        "ns per event",
        "ns per run",
        "runs per connection",
    ];
    let title =
        format!("BPF run time per connection, both sockets ({rounds} rounds of {seconds} s)");
    let mut section = Section::new(title, &head);
    let mut document = Map::new();
    for (contender, own) in &slices {
        let to = |other| times(&slices, own, other, Slice::ns_per_connection);
        let ns_per_run = |slice: &Slice| slice.ns() as f64 / slice.runs() as f64;
        section.row([
            contender.name().to_owned(),
            spread(over(own, Slice::ns_per_connection)),
            spread(to(Contender::Floor)),
            spread(to(Contender::FloorCopies)),
            spread(above(&slices, own, Slice::ns_per_connection)),
            spread(to(Contender::Tcplife)),
            spread(over(own, Slice::ns_per_event)),
            spread(over(own, ns_per_run)),
            spread(over(own, Slice::runs_per_connection)),
        ]);
        let figures = [
            ("ns_per_connection", over(own, Slice::ns_per_connection)),
            ("times_floor", to(Contender::Floor)),
            ("times_floor_copies", to(Contender::FloorCopies)),
            ("ns_above_floor_copies", above(&slices, own, Slice::ns_per_connection)),
            ("times_tcplife", to(Contender::Tcplife)),
            ("ns_per_event", over(own, Slice::ns_per_event)),
            ("ns_per_run", over(own, ns_per_run)),
            ("runs_per_connection", over(own, Slice::runs_per_connection)),
        ];
        let mut line = figures_json(&figures);
        line.insert("connections".into(), own.iter().map(|slice| slice.done.connections).collect());
        line.insert("programs".into(), programs_json(own, |slice| slice.done.connections));
        document.insert(contender.name().to_owned(), Value::Object(line));
    }
    section.note(
        "An event is a hook that was reached; where several copies of a program are attached, all \
         of them run for it.",
    );
    report.section(&section);
    report.section(&by_program(&slices, "connection", |slice| slice.done.connections));
    report.put("bpf_per_connection", Value::Object(document));
    let own = slices.get(&Contender::Tracer);
    let to = |other| {
        own.and_then(|own| times(&slices, own, other, Slice::ns_per_connection)).map(|s| s.median)
    };
    report.measured(Goal::ByFloor, to(Contender::Floor));
    report.measured(Goal::ByTcplife, to(Contender::Tcplife));
    Ok(())
}

/// Run time while connections stay and are busy.
pub(crate) fn exchanges(
    tools: &Tools,
    contenders: &[Contender],
    (rounds, seconds): (u32, u32),
    report: &mut Report,
) -> Result<()> {
    let load = Load::Exchange { seconds, connections: BUSY };
    let slices = play(tools, contenders, load, rounds)?;
    let title = format!(
        "BPF run time per exchange, both sockets ({BUSY} busy connections, {rounds} rounds of {seconds} s)"
    );
    let head =
        ["contender", "ns per exchange", "× floor", "× floor copies", "ns above floor copies"];
    let mut section = Section::new(title, &head);
    let mut document = Map::new();
    for (contender, own) in &slices {
        let to = |other| times(&slices, own, other, Slice::ns_per_exchange);
        section.row([
            contender.name().to_owned(),
            spread(over(own, Slice::ns_per_exchange)),
            spread(to(Contender::Floor)),
            spread(to(Contender::FloorCopies)),
            spread(above(&slices, own, Slice::ns_per_exchange)),
        ]);
        let figures = [
            ("ns_per_exchange", over(own, Slice::ns_per_exchange)),
            ("times_floor", to(Contender::Floor)),
            ("times_floor_copies", to(Contender::FloorCopies)),
            ("ns_above_floor_copies", above(&slices, own, Slice::ns_per_exchange)),
        ];
        let mut line = figures_json(&figures);
        line.insert("exchanges".into(), own.iter().map(|slice| slice.done.exchanges).collect());
        line.insert("programs".into(), programs_json(own, |slice| slice.done.exchanges));
        document.insert(contender.name().to_owned(), Value::Object(line));
    }
    report.section(&section);
    report.put("bpf_per_exchange", Value::Object(document));
    let own = slices.get(&Contender::Tracer).and_then(|own| over(own, Slice::ns_per_exchange));
    report.measured(Goal::PerExchange, own.map(|spread| spread.median));
    Ok(())
}

/// By how much a figure is greater than that of another contender.
fn times(
    slices: &Slices,
    own: &[Slice],
    other: Contender,
    figure: impl Fn(&Slice) -> f64,
) -> Option<Spread> {
    ratio(own, slices.get(&other)?, figure)
}

/// How much a figure is above that of as many empty programs, round by round: what the programs
/// themselves take, without what calling them and taking their times does.
fn above(slices: &Slices, own: &[Slice], figure: impl Fn(&Slice) -> f64) -> Option<Spread> {
    let floor = slices.get(&Contender::FloorCopies)?;
    Spread::of(own.iter().zip(floor).map(|(one, empty)| figure(one) - figure(empty)))
}

/// Every program of the floor and of tracer, by hook.
fn by_program(slices: &Slices, unit: &str, count: impl Fn(&Slice) -> u64) -> Section {
    let per = format!("ns per {unit}");
    let head = ["hook", "programs", &per, "events", "ns per event", "floor: ns per event"];
    let mut section =
        Section::new(format!("BPF run time of tracer, hook by hook, per {unit}"), &head);
    let Some(own) = slices.get(&Contender::Tracer) else { return section };
    let floor = slices.get(&Contender::Floor).map(|floor| hooks(floor)).unwrap_or_default();
    let units: u64 = own.iter().map(count).sum();
    for (hook, total) in hooks(own).into_iter().filter(|(_, total)| total.events > 0) {
        let idle = floor.get(&hook).filter(|floor| floor.events > 0);
        section.row([
            hook,
            total.programs.to_string(),
            short(total.ns as f64 / units as f64),
            short(total.events as f64 / units as f64),
            short(total.ns as f64 / total.events as f64),
            idle.map_or_else(|| "-".into(), |floor| short(floor.ns as f64 / floor.events as f64)),
        ]);
    }
    section.note("A hook that the load does not reach is left out.");
    section
}

struct Total {
    programs: usize,
    ns: u64,
    events: u64,
}

fn hooks(slices: &[Slice]) -> BTreeMap<String, Total> {
    let mut totals = BTreeMap::new();
    for (hook, programs) in slices.iter().flat_map(|slice| &slice.hooks) {
        let total = totals.entry(hook.clone()).or_insert(Total { programs: 0, ns: 0, events: 0 });
        total.programs = total.programs.max(programs.len());
        total.ns += programs.iter().map(|ran| ran.ns).sum::<u64>();
        total.events += programs.iter().map(|ran| ran.runs).max().unwrap_or(0);
    }
    totals
}

fn figures_json(figures: &[(&str, Option<Spread>)]) -> Map<String, Value> {
    let known =
        figures.iter().filter_map(|(key, figure)| Some(((*key).to_owned(), (*figure)?.json())));
    known.collect()
}

/// Hook and program → ns and runs per unit, over all rounds.
fn programs_json(slices: &[Slice], count: impl Fn(&Slice) -> u64) -> Value {
    let units: u64 = slices.iter().map(count).sum();
    let mut totals: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for (hook, programs) in slices.iter().flat_map(|slice| &slice.hooks) {
        for ran in programs {
            let total = totals.entry((hook.clone(), ran.name.clone())).or_default();
            *total = (total.0 + ran.ns, total.1 + ran.runs);
        }
    }
    let per = |value: u64| round(value as f64 / units as f64);
    totals
        .into_iter()
        .map(|((hook, program), (ns, runs))| {
            json!({ "hook": hook, "program": program, "ns": per(ns), "runs": per(runs) })
        })
        .collect()
}
