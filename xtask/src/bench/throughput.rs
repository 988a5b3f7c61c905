//! The parts about what a load reaches beside a contender: connections per second, CPU time of the
//! load and of the contender, records lost. Run times are not taken, for taking them costs time.

use super::contender::Contender;
use super::goal::Goal;
use super::load::Load;
use super::report::{Report, Section, spread};
use super::spread::Spread;
use super::tools::Tools;
use super::turn::Turn;
use crate::process::say;
use anyhow::Result;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The turns of all rounds, by contender.
type Turns = BTreeMap<Contender, Vec<Turn>>;

/// What a part is called.
pub(crate) struct Name {
    /// Of the table.
    pub(crate) title: String,
    /// In the JSON document.
    pub(crate) key: &'static str,
    /// What the load makes: connections or exchanges.
    pub(crate) unit: &'static str,
}

/// Plays `load` beside each contender in turn, so many rounds, and tells what came of it.
pub(crate) fn measure(
    tools: &Tools,
    contenders: &[Contender],
    load: Load,
    rounds: u32,
    name: &Name,
    report: &mut Report,
) -> Result<Turns> {
    let mut turns = Turns::new();
    for round in 1..=rounds {
        for contender in contenders {
            let turn = Turn::take(tools, *contender, load)?;
            let rate = turn.per_second(load);
            say(format!(
                "bench: {}, round {round} of {rounds}, {}: {rate:.0} {} per s",
                name.key,
                contender.name(),
                name.unit
            ));
            if let Some(told) = turn.told.as_ref().filter(|told| !told.lost.is_empty()) {
                say(format!("bench: it counted as lost: {:?}", told.lost));
            }
            if let Some(twice) = turn.missing().filter(|missing| *missing < 0) {
                let (name, count) = (contender.name(), twice.unsigned_abs());
                let text = format!("{name} told {count} ends more than there were");
                say(format!("bench: ERROR: {text}"));
                report.error(text);
            }
            turns.entry(*contender).or_default().push(turn);
        }
    }
    tell(&turns, load, name, report);
    Ok(turns)
}

fn tell(turns: &Turns, load: Load, name: &Name, report: &mut Report) {
    let per_s = format!("{} per s", name.unit);
    let head = [
        "contender",
        &per_s,
        "× baseline",
        "load CPU, µs each",
        "agent CPU, s per million",
        "lost (counted)",
        "lines dropped",
        "missing ends",
        "share",
    ];
    let mut section = Section::new(name.title.clone(), &head);
    let mut document = Map::new();
    for (contender, own) in turns {
        let agent = |turn: &Turn| Some(turn.agent_seconds? * 1e6 / load.units(&turn.done).1 as f64);
        let figures = [
            ("per_s", over(own, |turn| Some(turn.per_second(load)))),
            ("times_baseline", relative(turns, own, load)),
            ("load_cpu_us", over(own, |turn| Some(turn.load_us(load)))),
            ("agent_cpu_s_per_million", over(own, agent)),
            ("lost", over(own, |turn| Some(turn.counted_lost()? as f64))),
            ("lines_dropped", over(own, |turn| Some(turn.dropped_lines()? as f64))),
            ("missing", over(own, |turn| Some(missing(*contender, turn, load)? as f64))),
            ("missing_share", over(own, |turn| missing_share(*contender, turn, load))),
        ];
        section.row(std::iter::once(contender.name().to_owned()).chain(figures.iter().map(
            |(key, figure)| match (*key, figure) {
                ("missing_share", Some(share)) => percent(*share),
                (_, figure) => spread(*figure),
            },
        )));
        let known = figures.iter().filter_map(|(key, figure)| Some((*key, (*figure)?.json())));
        let mut line: Map<String, Value> =
            known.map(|(key, value)| (key.to_owned(), value)).collect();
        line.insert("done".into(), own.iter().map(|turn| load.units(&turn.done).1).collect());
        let mut reasons = BTreeMap::<&str, u64>::new();
        let lost = own.iter().filter_map(|turn| turn.told.as_ref()).flat_map(|told| &told.lost);
        for (why, count) in lost {
            *reasons.entry(why).or_default() += count;
        }
        if !reasons.is_empty() {
            line.insert("lost_by_reason".into(), json!(reasons));
        }
        line.insert("errors".into(), own.iter().map(|turn| turn.done.errors).collect());
        document.insert(contender.name().to_owned(), Value::Object(line));
    }
    section.note(
        "Agent CPU is all that the contender used from ready to its end, its report included. \
         Missing are ends of connections that it told neither by a line nor in a total; less than \
         none are ends that were told and not there, of tracer an error.",
    );
    report.section(&section);
    report.put(name.key, Value::Object(document));
}

/// A figure over the rounds.
pub(crate) fn over(turns: &[Turn], figure: impl Fn(&Turn) -> Option<f64>) -> Option<Spread> {
    Spread::of(turns.iter().map(figure).collect::<Option<Vec<f64>>>()?)
}

/// How fast the load was beside it, by how fast it was alone, round by round.
pub(crate) fn relative(turns: &Turns, own: &[Turn], load: Load) -> Option<Spread> {
    let alone = turns.get(&Contender::Baseline)?;
    let ratio = |(one, base): (&Turn, &Turn)| one.per_second(load) / base.per_second(load);
    Spread::of(own.iter().zip(alone).map(ratio))
}

/// Ends not told. Peers print a line for each.
fn missing(contender: Contender, turn: &Turn, load: Load) -> Option<i64> {
    match contender {
        _ if !matches!(load, Load::Churn { .. }) => None,
        _ if contender.is_tracer() => turn.missing(),
        // They tell of other connections of this host, too.
        _ if contender.is_peer() => (2 * turn.done.connections).checked_signed_diff(turn.lines),
        _ => None,
    }
}

fn missing_share(contender: Contender, turn: &Turn, load: Load) -> Option<f64> {
    let ends = 2 * turn.done.connections;
    Some(missing(contender, turn, load)? as f64 / ends as f64)
}

fn percent(share: Spread) -> String {
    let text = |share: f64| format!("{:.2} %", share * 100.0);
    format!("{} ({}..{})", text(share.median), text(share.min), text(share.max))
}

/// Targets of a churn at full speed.
pub(crate) fn full_speed_targets(turns: &Turns, load: Load, report: &mut Report) {
    let own = |contender| turns.get(&contender).map_or(&[][..], Vec::as_slice);
    let median = |figure: Option<Spread>| figure.map(|spread| spread.median);
    let agent = |contender| median(over(own(contender), Turn::agent_seconds_per_million));
    report.measured(Goal::Throughput, median(relative(turns, own(Contender::Tracer), load)));
    report.measured(Goal::AgentTotals, agent(Contender::Tracer));
    report.measured(Goal::AgentLines, agent(Contender::TracerLines));
}

/// Targets of a long churn at full speed: ends, of tracer with and without lines; and the lines.
pub(crate) fn loss_targets(turns: &Turns, report: &mut Report) {
    let own = |contender| turns.get(&contender).into_iter().flatten();
    let sum = |figures: Vec<Option<u64>>| {
        let sum = figures.iter().copied().sum::<Option<u64>>();
        sum.filter(|_| !figures.is_empty()).map(|sum| sum as f64)
    };
    let all = own(Contender::Tracer).chain(own(Contender::TracerLines));
    // An end that was told twice hides one that was not told.
    let lost = |turn: &Turn| Some(turn.counted_lost()?.max(turn.missing()?.unsigned_abs()));
    report.measured(Goal::Lost, sum(all.map(lost).collect()));
    let dropped = own(Contender::TracerLines).map(Turn::dropped_lines);
    report.measured(Goal::LinesDropped, sum(dropped.collect()));
}

#[cfg(test)]
mod tests {
    use super::super::load::Done;
    use super::super::turn::Told;
    use super::*;

    const CHURN: Load = Load::Churn { seconds: 1, rate: None };

    fn turn(connections: u64, lines: u64, told: Option<Told>) -> Turn {
        let done = Done {
            connections,
            exchanges: connections,
            errors: 0,
            seconds: 1.0,
            cpu_seconds: 1.0,
            netns: 1,
        };
        Turn { done, agent_seconds: None, lines, told }
    }

    #[test]
    fn speed_is_compared_within_a_round() {
        let turns = Turns::from([
            (Contender::Baseline, vec![turn(100, 0, None), turn(200, 0, None)]),
            (Contender::Tracer, vec![turn(90, 0, None), turn(190, 0, None)]),
        ]);
        let spread = relative(&turns, &turns[&Contender::Tracer], CHURN).unwrap();
        assert!((spread.min - 0.9).abs() < 1e-9 && (spread.max - 0.95).abs() < 1e-9);
    }

    #[test]
    fn both_ends_of_a_connection_are_to_be_told() {
        let told = Told { ends: 150, ..Told::default() };
        let share = missing_share(Contender::Tracer, &turn(100, 0, Some(told)), CHURN);
        assert_eq!(share, Some(0.25));
        assert_eq!(missing_share(Contender::Tcplife, &turn(100, 20, None), CHURN), Some(0.9));
        assert_eq!(missing_share(Contender::Floor, &turn(100, 0, None), CHURN), None);
    }

    #[test]
    fn a_record_that_is_missing_counts_as_lost_though_no_counter_tells_of_it() {
        let told = Told { ends: 199, ..Told::default() };
        assert_eq!(measured(Contender::Tracer, told.clone(), Goal::Lost), 1.0);
        assert_eq!(measured(Contender::TracerLines, told, Goal::Lost), 1.0);
    }

    #[test]
    fn an_end_too_many_is_no_better_than_one_too_few() {
        let told = Told { ends: 203, ..Told::default() };
        assert_eq!(turn(100, 0, Some(told.clone())).missing(), Some(-3));
        assert_eq!(measured(Contender::Tracer, told, Goal::Lost), 3.0);
    }

    #[test]
    fn lines_that_were_dropped_are_lines_and_not_ends() {
        let lost = BTreeMap::from([("output".to_owned(), 5), ("ring_full".to_owned(), 2)]);
        let told = Told { ends: 200, lost, evicted: 0 };
        assert_eq!(measured(Contender::TracerLines, told.clone(), Goal::LinesDropped), 5.0);
        assert_eq!(measured(Contender::TracerLines, told, Goal::Lost), 2.0);
    }

    /// What a turn of 100 connections is measured to have lost.
    fn measured(contender: Contender, told: Told, goal: Goal) -> Value {
        let turns = Turns::from([(contender, vec![turn(100, 0, Some(told))])]);
        let mut report = Report::default();
        loss_targets(&turns, &mut report);
        let targets = report.json()["targets"].clone();
        let target = targets.as_array().unwrap().iter().find(|one| one["what"] == goal.what());
        target.unwrap()["measured"].clone()
    }
}
