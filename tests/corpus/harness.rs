//! Two trials for each case: `live::NAME`, ignored unless asked for as it needs root, and
//! `replay::NAME`. With `RECORD_FIXTURES` set the live ones keep their recordings instead.

use std::any::Any;
use std::io::{Write as _, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::{env, fs, thread};

use libtest_mimic::{Arguments, ColorSetting, Failed, Trial};
use nix::sched::{CloneFlags, unshare};

use crate::cases::{self, Case};
use crate::scene::{Run, Scene, same_codes};
use crate::support::fixture::{self, Fixture};
use crate::support::tool;
use crate::support::verdict::{Judged, judge};
use crate::table::{Column, Table};

/// Cases wait most of their time.
const AT_A_TIME: usize = 4;

/// Bytes of a recording.
const LARGEST: u64 = 150_000;

/// The whole suite.
pub(crate) fn run() -> ExitCode {
    // The leader's name goes into the records of the cases whose server this process is.
    fs::write("/proc/self/comm", "server").expect("a process may name itself");
    let mut arguments = Arguments::from_args();
    arguments.color.get_or_insert(ColorSetting::Never);
    arguments.test_threads.get_or_insert(AT_A_TIME);
    let is_kept = env::var_os("RECORD_FIXTURES").is_some();
    let table = Arc::new(Table::default());
    let cases: Vec<Arc<Case>> = cases::all().into_iter().map(Arc::new).collect();
    let names: Vec<&'static str> = cases.iter().map(|case| case.name).collect();
    let mut trials = Vec::new();
    for case in cases {
        if !is_kept {
            trials.push(replay_trial(&case, &table));
        }
        trials.push(live_trial(case, &table, is_kept));
    }
    trials.push(Trial::test("every_recording_is_one_of_a_case", move || every_one(&names)));
    trials.push(Trial::test("every_recording_is_small", every_one_is_small));
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        writeln!(stdout(), "{}", table.text()).expect("standard output");
    }
    conclusion.exit_code()
}

fn live_trial(case: Arc<Case>, table: &Arc<Table>, is_kept: bool) -> Trial {
    let name = format!("live::{}", case.name);
    let table = Arc::clone(table);
    let run = move || {
        // Who is first in a race is chance, and so is whether a burst meets a tick; and of about one in
        // a thousand connections this kernel tells no tracer anything, of which some cases have some
        // hundreds.
        for how in ["", " again"] {
            let played = once(&case, &table, is_kept, how);
            let Err((fault, true)) = played else {
                return played.map_err(|(fault, _)| fault.into());
            };
            writeln!(stdout(), "live::{}: played again after: {fault}", case.name)?;
        }
        once(&case, &table, is_kept, " a third time").map_err(|(fault, _)| fault.into())
    };
    Trial::test(name, run).with_ignored_flag(true)
}

/// Plays a case. The fault, if there is one, and whether it may be chance: a finding about healthy
/// traffic never is.
fn once(case: &Case, table: &Table, is_kept: bool, how: &str) -> Result<(), (String, bool)> {
    let played = catch_unwind(AssertUnwindSafe(|| {
        if case.is_apart { apart(|| play(case, is_kept)) } else { play(case, is_kept) }
    }));
    let note = |column, word: String| table.note(case.name, &case.codes, column, word + how);
    match played {
        Err(panic) => {
            note(Column::Live, "not played".into());
            Err((said(&*panic), true))
        }
        Ok(run) => {
            note(Column::Live, word(&run.live));
            if let Some(replay) = &run.replay {
                note(Column::Replay, word(replay));
            }
            let is_accused = case.codes.is_empty() && run.live.found != "healthy";
            let faults =
                run.live.faults() + &run.replay.map(|replay| replay.faults()).unwrap_or_default();
            right(&faults, &run.told).map_err(|fault| (fault, !is_accused))
        }
    }
}

fn play(case: &Case, is_kept: bool) -> Run {
    let mut scene = Scene::new(is_kept);
    (case.play)(&mut scene);
    scene.judge(case.name, &case.codes)
}

/// Does it in a thread that has a network of its own: what it starts is in there, too.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let in_there = move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
        let up = Command::new(tool::path("ip")).args(["link", "set", "lo", "up"]).status();
        assert!(up.expect("ip starts").success());
        work()
    };
    let ended = thread::scope(|scope| scope.spawn(in_there).join());
    ended.unwrap_or_else(|panic| resume_unwind(panic))
}

fn replay_trial(case: &Arc<Case>, table: &Arc<Table>) -> Trial {
    let (table, case) = (Arc::clone(table), Arc::clone(case));
    let name = format!("replay::{}", case.name);
    Trial::test(name, move || {
        let fixture = Fixture { name: case.name.to_owned() };
        let note = |word| table.note(case.name, &case.codes, Column::Replay, word);
        if !fixture.file("trace").exists() {
            note("no recording".into());
            return Err("there is no recording: see tests/corpus/README.md".into());
        }
        let judged = catch_unwind(AssertUnwindSafe(|| {
            let expectation = fixture.expectation();
            same_codes(&expectation, &case.codes);
            judge(&fixture.lines(), &expectation)
        }));
        match judged {
            Err(panic) => {
                note("not read".into());
                Err(Failed::from(said(&*panic)))
            }
            Ok(judged) => {
                note(word(&judged));
                Ok(right(&judged.faults(), "")?)
            }
        }
    })
}

fn right(faults: &str, told: &str) -> Result<(), String> {
    if faults.is_empty() { Ok(()) } else { Err(format!("{faults}{told}")) }
}

/// What the table says.
fn word(judged: &Judged) -> String {
    if judged.is_right() {
        "ok".into()
    } else if judged.verdicts.is_empty() {
        "WRONG counts".into()
    } else {
        format!("WRONG {}", judged.found)
    }
}

/// A recording that no case is about would be judged by nobody.
fn every_one(names: &[&str]) -> Result<(), Failed> {
    let stray: Vec<Fixture> =
        fixture::all().into_iter().filter(|own| !names.contains(&own.name.as_str())).collect();
    if stray.is_empty() {
        Ok(())
    } else {
        Err(format!("recordings without a case: {stray:?}").into())
    }
}

/// They are kept for ever, in every copy of the repository.
fn every_one_is_small() -> Result<(), Failed> {
    let size = |own: &Fixture| fs::metadata(own.file("trace")).map_or(0, |file| file.len());
    let large: Vec<_> = fixture::all().into_iter().filter(|own| size(own) > LARGEST).collect();
    if large.is_empty() { Ok(()) } else { Err(format!("more than {LARGEST} B: {large:?}").into()) }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}
