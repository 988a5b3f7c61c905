//! One tracer, all scenes: chooses the rows, plays them a few at a time while the tracer runs, then
//! hands each to its trial.

use std::any::Any;
use std::convert::Infallible;
use std::io::{Write as _, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use jiff::Timestamp;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::actor::{self, Actor};
use crate::expect::Life;
use crate::judge::Played;
use crate::knowledge::Knowledge;
use crate::rows::{self, Row, When};
use crate::stage::Stage;
use crate::support::report::{Report, text};
use crate::support::tracer::Tracer;
use crate::support::wait;

/// Quick scenes at a time. Those that wait for timers cost nothing and are not counted.
const AT_A_TIME: usize = 8;

type Verdict = Result<(), String>;

/// The whole suite.
pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::from_args();
    let rows = rows::all();
    let chosen: Vec<&Row> = rows.iter().filter(|row| is_chosen(&arguments, row)).collect();
    let names: Vec<String> = chosen.iter().map(|row| row.title()).collect();
    let verdicts = if chosen.is_empty() {
        Vec::new()
    } else {
        catch_unwind(AssertUnwindSafe(|| observe(&chosen)))
            .unwrap_or_else(|panic| vec![Err(said(&*panic)); names.len()])
    };
    let mut verdicts: Vec<_> = names.into_iter().zip(verdicts).collect();
    let trials = rows.iter().map(|row| {
        let title = row.title();
        let verdict = verdicts
            .iter()
            .position(|(name, _)| *name == title)
            .map(|at| verdicts.swap_remove(at).1);
        let runner = move || {
            verdict.unwrap_or_else(|| Err("it was not played".into())).map_err(Failed::from)
        };
        Trial::test(title, runner).with_ignored_flag(true)
    });
    let trials = trials.collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Whether libtest-mimic will run this row: the same rules, as the scenes are played before.
fn is_chosen(arguments: &Arguments, row: &Row) -> bool {
    let title = row.title();
    let is = |filter: &String| {
        if arguments.exact { title == *filter } else { title.contains(filter.as_str()) }
    };
    !arguments.list
        && (arguments.include_ignored || arguments.ignored)
        && arguments.filter.as_ref().is_none_or(is)
        && !arguments.skip.iter().any(is)
}

/// Plays `rows` under one tracer and judges each, in their order.
fn observe(rows: &[&Row]) -> Vec<Verdict> {
    // Before any socket is there: a process that is being started holds, for a moment, every
    // descriptor of this one.
    let mut actors: Vec<Vec<Actor>> =
        rows.iter().map(|row| (0..row.actors).map(|_| Actor::start()).collect()).collect();
    let slots = Arc::new(Slots { free: Mutex::new(AT_A_TIME), freed: Condvar::new() });
    let mut scenes: Vec<Option<JoinHandle<Result<Played, String>>>> =
        rows.iter().map(|_| None).collect();

    let (attach, attached) = channel::<Infallible>();
    let attached = Arc::new(Mutex::new(attached));
    let (ready, all_ready) = channel::<Infallible>();
    let mut start = |when: When, ready: &Sender<Infallible>| {
        for (at, row) in rows.iter().enumerate().filter(|(_, row)| row.when == when) {
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
        .map(|scene| {
            scene
                .expect("each was started")
                .join()
                .unwrap_or_else(|panic| Err(format!("the scene failed: {}", said(&*panic))))
        })
        .collect();
    let report = tracer.finish();
    actor::dismiss();
    judge(&report, &played)
}

fn judge(report: &Report, played: &[Result<Played, String>]) -> Vec<Verdict> {
    let health = report.opening_health();
    let knowledge = Knowledge::new(health);
    let told = report.connections();
    let unknown = told
        .iter()
        .filter(|line| line["tracer.close.cause"] == "unknown")
        .filter(|line| played.iter().flatten().any(|scene| scene.owns(line)))
        .count();
    writeln!(stdout(), "tier {}\nunknown {unknown}", text(health, "tracer.tier"))
        .expect("standard output");
    played
        .iter()
        .map(|scene| match scene {
            Ok(played) => played.judge(&told, &knowledge),
            Err(why) => Err(why.clone()),
        })
        .collect()
}

/// What a scene tells and hears of the tracer's start.
struct Gate {
    ready: Sender<Infallible>,
    attached: Arc<Mutex<Receiver<Infallible>>>,
}

/// Starts a scene in a thread of its own, which it may take elsewhere.
fn enact(
    row: &Row,
    actors: Vec<Actor>,
    slots: &Arc<Slots>,
    gate: Gate,
) -> JoinHandle<Result<Played, String>> {
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
        Ok(Played { wanted, ports, life: Life { began, ended: Timestamp::now() } })
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
