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

#[test]
fn more_memory_may_not_grow_by_more() {
    let judged = |growth: f64| flat(&[200.0, 200.0, 200.0, 200.0 + growth], HOUR).holds;
    assert_eq!(judged(0.9), Holds::Yes);
    assert_eq!(judged(1.1), Holds::No);
}

fn lost(why: &str, count: u64) -> Counts {
    Counts { lost: [(why.to_owned(), count)].into(), ..Counts::default() }
}

fn ends() -> Ends {
    Ends { dialled: 60, accepted: 40, ..Ends::default() }
}

#[test]
fn what_is_missing_must_be_as_many_as_were_counted_as_lost() {
    let judged = |lines, told: Counts| holds(&accounted(&ends(), &Counts { lines, ..told }, &[]));
    assert!(judged(100, Counts::default()));
    for why in ["table_full", "no_memory", "ring_full", "queue_full"] {
        assert!(judged(97, lost(why, 3)), "{why}");
        assert!(!judged(96, lost(why, 3)), "one is missing");
    }
    for why in ["missed", "late_ring_full", "late_queue_full", "output"] {
        assert!(!judged(97, lost(why, 3)), "{why} explains no end that is missing");
    }
    assert!(!judged(101, lost("ring_full", 3)), "one was not there");
    assert!(!judged(100, Counts { nowhere: 1, ..Counts::default() }));
    assert!(!judged(100, Counts { decode_errors: 1, ..Counts::default() }));
    assert!(!judged(100, lost("output", 1)), "a line is dropped");
    assert!(!holds(&accounted(&Ends::default(), &Counts::default(), &[])), "there was no load");
}

#[test]
fn an_end_told_twice_does_not_make_up_for_one_that_is_missing() {
    let told = |counts| accounted(&ends(), &Counts { lines: 100, ..counts }, &[]);
    let verdict = told(Counts { doubles: 1, ..Counts::default() });
    assert_eq!(verdict.holds, Holds::No);
    assert!(verdict.seen.contains("1 missing, 1 OF THEM NOT COUNTED, 1 TOLD TWICE"), "{verdict:?}");
    let verdict = told(Counts { doubles: 1, ..lost("ring_full", 1) });
    assert_eq!(verdict.holds, Holds::No, "a double is a breach of its own");
    assert!(verdict.seen.contains("1 missing, 1 TOLD TWICE"), "{verdict:?}");
    let verdict = told(Counts { unnamed: 1, ..Counts::default() });
    assert_eq!(verdict.holds, Holds::NotJudged, "it may be one");
}

#[test]
fn losses_of_others_leave_open_whether_one_of_ours_was_not_counted() {
    let judged =
        |lines, count| accounted(&ends(), &Counts { lines, ..lost("ring_full", count) }, &[]).holds;
    assert_eq!(judged(97, 3), Holds::Yes);
    assert_eq!(judged(98, 3), Holds::NotJudged);
    assert_eq!(judged(96, 3), Holds::No);
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
    let played = |told| {
        let overload = Overload {
            ends: ends(),
            told,
            left: Left::default(),
            peak_mib: 1.0,
            time: Duration::from_secs(8),
            end: Verdict { holds: Holds::Yes, seen: String::new() },
        };
        overloaded(&overload).holds
    };
    let told =
        |lines, totals, dropped| Counts { lines, totals: Some(totals), ..lost("output", dropped) };
    let judged = |lines, totals, dropped| played(told(lines, totals, dropped)) == Holds::Yes;
    assert!(judged(70, 100, 30));
    assert!(judged(70, 100, 32), "two lines of health");
    assert!(!judged(70, 100, 29), "a line was dropped uncounted");
    assert!(!judged(70, 100, 60), "more were dropped than there can be");
    assert!(!judged(70, 99, 29), "an end is in no total");
    assert!(!judged(70, 101, 31), "an end is there twice");
    assert!(!judged(100, 100, 0), "it was no overload");
    let twice = Counts { doubles: 1, ..told(70, 100, 30) };
    assert_eq!(played(twice), Holds::No, "one is there twice, another in no total");
    let mut full = told(70, 97, 27);
    full.lost.insert("ring_full".to_owned(), 3);
    assert_eq!(played(full.clone()), Holds::Yes);
    full.lost.insert("queue_full".to_owned(), 1);
    assert_eq!(played(full), Holds::NotJudged, "of others, or hiding one");
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
