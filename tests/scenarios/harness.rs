//! One tracer, all scenes: chooses the rows, plays them a few at a time while the tracer runs, then
//! hands each to its trial.

use std::any::Any;
use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{Write as _, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use jiff::Timestamp;
use libtest_mimic::{Arguments, ColorSetting, Completion, Failed, Trial};
use rustix::process::Signal;
use serde_json::Value;

use crate::actor::{self, Actor};
use crate::expect::Life;
use crate::judge::Scene;
use crate::knowledge::{Knowledge, Need};
use crate::rows::{self, Row, When};
use crate::stage::Stage;
use crate::support::report::{Report, int, text};
use crate::support::tracer::Tracer;
use crate::support::wait;

/// Quick scenes at a time. Those that wait for timers cost little and are not counted. On one
/// processor one: tasks that wait for it within our programs make the kernel skip these.
fn at_a_time() -> usize {
    match thread::available_parallelism() {
        Ok(processors) if processors.get() > 1 => 8,
        _ => 1,
    }
}

type Verdict = Result<Completion, String>;

/// What every scene relies on, as a trial of its own.
const NOTHING_LOST: &str = "suite::nothing_is_lost";

/// The whole suite.
pub(crate) fn run() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Other programs read the lines, also from the console of a guest.
    arguments.color.get_or_insert(ColorSetting::Never);
    let rows = rows::all();
    let chosen: Vec<&Row> = rows.iter().filter(|row| is_chosen(&arguments, &row.title())).collect();
    let mut verdicts = if chosen.is_empty() && !is_chosen(&arguments, NOTHING_LOST) {
        HashMap::new()
    } else {
        catch_unwind(AssertUnwindSafe(|| observe(&chosen))).unwrap_or_else(|panic| {
            let why = said(&*panic);
            let titles = rows.iter().map(Row::title).chain([NOTHING_LOST.to_owned()]);
            titles.map(|title| (title, Err(why.clone()))).collect()
        })
    };
    let titles = rows.iter().map(Row::title).chain([NOTHING_LOST.to_owned()]);
    let trials = titles.map(|title| {
        let verdict = verdicts.remove(&title).unwrap_or_else(|| Err("it was not played".into()));
        Trial::ignorable_test(title, || verdict.map_err(Failed::from)).with_ignored_flag(true)
    });
    let trials = trials.collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Whether libtest-mimic will run this trial: the same rules, as the scenes are played before.
fn is_chosen(arguments: &Arguments, title: &str) -> bool {
    let is = |filter: &String| {
        if arguments.exact { title == filter } else { title.contains(filter.as_str()) }
    };
    !arguments.list
        && (arguments.include_ignored || arguments.ignored)
        && arguments.filter.as_ref().is_none_or(is)
        && !arguments.skip.iter().any(is)
}

/// Plays `rows` under one tracer and judges each, by title.
fn observe(rows: &[&Row]) -> HashMap<String, Verdict> {
    // Before any socket is there: a process that is being started holds, for a moment, every
    // descriptor of this one.
    let mut actors: Vec<Vec<Actor>> =
        rows.iter().map(|row| (0..row.actors).map(|_| Actor::start()).collect()).collect();
    let slots = Arc::new(Slots { free: Mutex::new(at_a_time()), freed: Condvar::new() });
    let mut scenes: Vec<Option<JoinHandle<Played>>> = rows.iter().map(|_| None).collect();

    let (attach, attached) = channel::<Infallible>();
    let attached = Arc::new(Mutex::new(attached));
    let (ready, all_ready) = channel::<Infallible>();
    let mut start = |when: When, ready: &Sender<Infallible>| {
        let lacks = |row: &Row| row.need.and_then(Need::lack).is_some();
        let now = |row: &Row| row.when == when && !lacks(row);
        for (at, row) in rows.iter().enumerate().filter(|(_, row)| now(row)) {
            let gate = Gate { ready: ready.clone(), attached: Arc::clone(&attached) };
            scenes[at] = Some(enact(row, std::mem::take(&mut actors[at]), &slots, gate));
        }
    };
    start(When::Existing, &ready);
    drop(ready);
    let _all_are_ready = all_ready.recv();
    let tracer = Tracer::start();
    drop(attach);
    let (ready, _nobody_waits) = channel();
    start(When::Slow, &ready);
    start(When::Quick, &ready);
    let played: Vec<_> = scenes
        .into_iter()
        .zip(rows)
        .map(|(scene, row)| {
            let Some(scene) = scene else {
                return Played::Lacking(row.need.and_then(Need::lack).expect("it was not started"));
            };
            scene.join().unwrap_or_else(|panic| {
                Played::Broken(format!("the scene failed: {}", said(&*panic)))
            })
        })
        .collect();
    let report = Report::read(tracer.stop(Signal::INT));
    actor::dismiss();
    let titles = rows.iter().map(|row| row.title());
    titles.chain([NOTHING_LOST.to_owned()]).zip(judge(&report, &played)).collect()
}

/// One verdict a scene, and the last on the whole run.
fn judge(report: &Report, played: &[Played]) -> Vec<Verdict> {
    let health = report.opening_health();
    let knowledge = Knowledge::new(health);
    let told = report.connections();
    let of_unknown_cause = told
        .iter()
        .filter(|line| line["tracer.close.cause"] == "unknown")
        .filter(|line| played.iter().any(|scene| scene.owns(line)))
        .count();
    // An honest answer where the tier cannot know: named apart, each scene asserts its own.
    let unknowable = played.iter().map(|scene| scene.unknowable(&knowledge)).sum();
    let unknown = of_unknown_cause.saturating_sub(unknowable);
    let tier = text(health, "tracer.tier");
    let missed = int(&report.closing_health()["tracer.lost"], "missed");
    let broken = played.iter().filter(|scene| matches!(scene, Played::Broken(_))).count();
    let counts = format!("missed {missed}\nbroken {broken}\nunknowable {unknowable}");
    writeln!(stdout(), "tier {tier}\n{counts}\nunknown {unknown}").expect("standard output");
    let whole = catch_unwind(AssertUnwindSafe(|| report.nothing_is_lost()))
        .map_err(|panic| said(&*panic))
        .map(|()| Completion::Completed);
    let scenes = played.iter().map(|scene| match scene {
        Played::Out(scene) => scene.judge(report, &knowledge).map(|()| Completion::Completed),
        Played::Lacking(why) => Ok(Completion::ignored_with(why)),
        Played::Broken(why) => Err(why.clone()),
    });
    scenes.chain([whole]).collect()
}

/// What became of a scene.
enum Played {
    /// It was played to its end.
    Out(Scene),
    /// This kernel has not what it needs.
    Lacking(&'static str),
    /// It failed to play it.
    Broken(String),
}

impl Played {
    fn owns(&self, line: &Value) -> bool {
        matches!(self, Self::Out(scene) if scene.owns(line))
    }

    /// Of how many of its records this tier cannot tell the cause.
    fn unknowable(&self, knowledge: &Knowledge) -> usize {
        let Self::Out(scene) = self else { return 0 };
        let wanted = scene.wanted.iter();
        wanted.filter(|record| knowledge.cause_may_be_unknown((*record).clone())).count()
    }
}

/// What a scene tells and hears of the tracer's start.
struct Gate {
    ready: Sender<Infallible>,
    attached: Arc<Mutex<Receiver<Infallible>>>,
}

/// Starts a scene in a thread of its own, which it may take elsewhere.
fn enact(row: &Row, actors: Vec<Actor>, slots: &Arc<Slots>, gate: Gate) -> JoinHandle<Played> {
    let (play, when, slots) = (row.play, row.when, Arc::clone(slots));
    let body = move || {
        let _slot = (when == When::Quick).then(|| slots.take());
        let stage = Stage::new(actors, gate.ready, gate.attached);
        let began = Timestamp::now();
        let wanted = play(&stage);
        let ports = stage.ports();
        for port in &ports {
            wait::quiet(*port);
        }
        let life = Life { began, ended: Timestamp::now() };
        Played::Out(Scene { wanted, summaries: stage.summaries(), ports, life })
    };
    thread::Builder::new().name(row.title()).spawn(body).expect("a thread")
}

/// Places for quick scenes.
struct Slots {
    free: Mutex<usize>,
    freed: Condvar,
}

/// One place, given back when dropped.
struct Slot(Arc<Slots>);

impl Slots {
    fn take(self: &Arc<Self>) -> Slot {
        let free = self.free.lock().expect("nobody panics with it");
        let mut free =
            self.freed.wait_while(free, |free| *free == 0).expect("nobody panics with it");
        *free -= 1;
        Slot(Arc::clone(self))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *self.0.free.lock().expect("nobody panics with it") += 1;
        self.0.freed.notify_one();
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}
