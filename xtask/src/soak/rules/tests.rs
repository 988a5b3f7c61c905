//! Each rule, with what keeps it and what breaks it.

use super::*;
use std::process::ExitStatus;

const HOUR: Duration = Duration::from_hours(1);

fn holds(verdict: &Verdict) -> bool {
    verdict.holds == Holds::Yes
}

#[test]
fn memory_that_grows_in_the_second_half_is_not_flat() {
    let judged = |medians: &[f64]| flat(medians, HOUR).holds;
    // The first half is for warming up.
    assert_eq!(judged(&[10.0, 20.0, 30.0, 30.2, 29.9, 30.1]), Holds::Yes);
    assert_eq!(judged(&[30.0, 30.0, 30.0, 30.0, 31.0, 32.0, 33.0, 34.0]), Holds::No);
    assert_eq!(judged(&[30.0, 30.0, 30.0, 34.0, 33.0, 32.0]), Holds::Yes, "shrinking is fine");
    assert_eq!(judged(&[30.0, 30.0]), Holds::NotJudged, "too few to tell");
}

#[test]
fn memory_of_a_short_soak_is_told_and_not_judged() {
    let short = flat(&[30.0, 31.0, 60.0, 90.0], Duration::from_mins(2));
    assert_eq!(short.holds, Holds::NotJudged);
    assert!(short.seen.contains("rises by +30.00 MiB"), "{}", short.seen);
}

fn lost(why: &str, count: u64) -> Counts {
    Counts { lost: [(why.to_owned(), count)].into(), ..Counts::default() }
}

fn ends() -> Ends {
    Ends { dialled: 60, accepted: 40, ..Ends::default() }
}

#[test]
fn what_is_missing_must_be_among_the_lost_ends() {
    let judged = |lines, told: Counts| holds(&accounted(&ends(), &Counts { lines, ..told }, &[]));
    assert!(judged(100, Counts::default()));
    for why in ["table_full", "no_memory", "ring_full", "queue_full"] {
        assert!(judged(97, lost(why, 3)), "{why}");
        assert!(!judged(96, lost(why, 3)), "one is missing");
    }
    for why in ["missed", "late_ring_full", "late_queue_full", "output"] {
        assert!(!judged(97, lost(why, 3)), "{why} explains no end that is missing");
    }
    assert!(!judged(101, lost("ring_full", 3)), "one is told twice");
    assert!(!judged(100, Counts { nowhere: 1, ..Counts::default() }));
    assert!(!judged(100, Counts { decode_errors: 1, ..Counts::default() }));
    assert!(!judged(100, lost("output", 1)), "a line is dropped");
    assert!(!holds(&accounted(&Ends::default(), &Counts::default(), &[])), "there was no load");
}

#[test]
fn dead_entries_are_told_where_ends_are_missing_but_do_not_explain_them() {
    let left = [Left { entries: 3, ..Left::default() }];
    let verdict = accounted(&ends(), &Counts { lines: 97, ..Counts::default() }, &left);
    assert_eq!(verdict.holds, Holds::No);
    assert!(verdict.seen.contains("3 missing"), "{}", verdict.seen);
    assert!(verdict.seen.contains("3 dead entries"), "{}", verdict.seen);
}

#[test]
fn an_overload_may_drop_lines_and_nothing_else() {
    let judged = |lines, totals, dropped| {
        let told = Counts { lines, totals: Some(totals), ..lost("output", dropped) };
        let overload = Overload {
            ends: ends(),
            told,
            left: Left::default(),
            peak_mib: 1.0,
            time: Duration::from_secs(8),
            end: Verdict { holds: Holds::Yes, seen: String::new() },
        };
        holds(&overloaded(&overload))
    };
    assert!(judged(70, 100, 30));
    assert!(judged(70, 100, 32), "two lines of health");
    assert!(!judged(70, 100, 29), "a line was dropped uncounted");
    assert!(!judged(70, 100, 60), "more were dropped than there can be");
    assert!(!judged(70, 99, 29), "an end is in no total");
    assert!(!judged(70, 101, 31), "an end is there twice");
    assert!(!judged(100, 100, 0), "it was no overload");
}

#[test]
fn a_load_with_errors_or_without_faults_is_no_measure() {
    let played = |count| Ends { faults: [("refused".to_owned(), count)].into(), ..Ends::default() };
    assert!(holds(&sound(&played(1))));
    assert!(!holds(&sound(&played(0))));
    let failed = Ends { errors: [("churn EMFILE".to_owned(), 1)].into(), ..played(1) };
    assert!(!holds(&sound(&failed)));
}

#[test]
fn a_table_that_never_filled_or_kept_a_socket_breaks_the_rule() {
    let none = Left::default;
    let one = Left { sockets: 1, entries: 1, ..Left::default() };
    assert!(holds(&returned(5, &[none(), none()])));
    assert!(!holds(&returned(5, &[none(), one])));
    assert!(!holds(&returned(0, &[none()])));
}

#[test]
fn entries_without_a_socket_have_a_rule_of_their_own() {
    let left = |sockets, entries, which: &[&str]| Left {
        sockets,
        entries,
        outlived: entries,
        which: which.iter().map(ToString::to_string).collect(),
    };
    let dead = [left(0, 0, &[]), left(0, 2, &["client"]), left(1, 3, &[])];
    assert!(holds(&returned(5, &dead[..2])));
    let verdict = no_dead(&dead);
    assert_eq!(verdict.holds, Holds::No);
    assert_eq!(
        verdict.seen,
        "after each load: 0, 2 (2 times); outlived their sockets at first: 0, 2, 3; client"
    );
    assert!(holds(&no_dead(&dead[..1])));
    assert!(!holds(&no_dead(&[])), "nobody looked");
}

#[test]
fn an_undocumented_status_or_anything_left_breaks_the_rule() {
    let end = |raw, left: &[&str]| End {
        status: ExitStatus::from_raw(raw),
        held: 9,
        left: left.iter().map(ToString::to_string).collect(),
    };
    assert!(holds(&gone(Signal::INT, &end(0, &[]))));
    assert!(holds(&gone(Signal::KILL, &end(9, &[]))));
    assert!(!holds(&gone(Signal::INT, &end(2, &[]))), "killed by the signal itself");
    assert!(!holds(&gone(Signal::KILL, &end(0, &[]))));
    assert!(!holds(&gone(Signal::TERM, &end(0, &["link 4"]))));
}
