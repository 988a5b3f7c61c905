//! Whole reports, as a person sees them.

use super::*;
use crate::aggregate::Who;
use crate::bounds::{Evicted, Evictions};
use crate::connection::{Basis, CloseCause, Role};
use crate::detect::{Code, Confidence, Severity};
use crate::process::{ProcessId, Runtime};
use crate::sink::{LostConnections, Summary, Verdict, testing};

const WIDE: Look = Look { width: 110, rows: 20, colour: false, explain: Explain::Never };

struct Told {
    health: Health,
    rows: Vec<(Key, Totals)>,
    findings: Vec<Finding>,
}

/// What is not enough, where the table is asked for it.
fn lacks(look: Look) -> Vec<NotEnough> {
    let few = NotEnough {
        have: 1,
        threshold: "hoard.min-connections",
        code: Code::Hoard,
        ..testing::lack()
    };
    if look.explain == Explain::Never { Vec::new() } else { vec![few, testing::lack()] }
}

fn report(told: &Told, look: Look) -> String {
    let identity = testing::identity();
    let nginx = Identity { comm: "nginx".into(), ..testing::identity() };
    let mut out = Vec::new();
    let mut table = Table::new(&mut out, testing::origin(), look);
    let attached = Health { at_ns: told.health.at_ns - 4_000_000_000, ..testing::health() };
    table.write(&Item::Health(&attached)).unwrap();
    for (key, totals) in &told.rows {
        let identity = Some(if key.role == Some(Role::Server) { &nginx } else { &identity });
        let summary = Summary { at_ns: 1, window_s: 15.0, key, totals, identity };
        table.write(&Item::Summary(summary)).unwrap();
    }
    for finding in &told.findings {
        let verdict = Verdict { at_ns: 1, state: None, finding, identity: Some(&identity) };
        table.write(&Item::Finding(verdict)).unwrap();
    }
    for lack in &lacks(look) {
        let item = crate::sink::NotEnough { at_ns: 1, lack, identity: Some(&identity) };
        table.write(&Item::NotEnough(item)).unwrap();
    }
    table.write(&Item::Health(&told.health)).unwrap();
    table.finish().unwrap();
    String::from_utf8(out).unwrap()
}

fn server() -> (Key, Totals) {
    let key = Key {
        who: Who::Process(ProcessId { pid: 812, start_ns: 1 }),
        role: Some(Role::Server),
        destination: Some("[2001:db8:1111:2222:3333:4444:5555:6666]:443".parse().unwrap()),
        netns: 1,
    };
    let closes = [(CloseCause::PeerClose, 1), (CloseCause::ResetByPeer, 1200)].into();
    let totals = Totals {
        opened: 1204,
        closed: 1201,
        open: 5,
        runtime: Runtime::named("nginx", Some("1.22.1".into())),
        preexisting: 2,
        closes,
        exchanges: 2410,
        used: 1205,
        ..quiet()
    };
    (key, totals)
}

fn quiet() -> Totals {
    Totals {
        opened: 2,
        closed: 0,
        open: 4,
        preexisting: 2,
        exchanges: 1204,
        used: 4,
        closes: [].into(),
        ..testing::totals()
    }
}

fn one_finding() -> Told {
    Told {
        health: testing::health(),
        rows: vec![(testing::key(), testing::totals()), server()],
        findings: vec![testing::finding()],
    }
}

#[test]
fn a_finding_comes_before_the_numbers() {
    let wide = Look { width: 140, ..WIDE };
    assert_eq!(report(&one_finding(), wide), include_str!("expected/one_finding.txt"));
}

#[test]
fn a_narrow_terminal_gets_the_same_in_blocks() {
    let narrow = Look { width: 80, ..WIDE };
    let text = report(&one_finding(), narrow);
    assert_eq!(text, include_str!("expected/one_finding_narrow.txt"));
    assert!(text.lines().all(|line| unicode_width::UnicodeWidthStr::width(line) <= 80));
}

#[test]
fn no_finding_says_what_was_looked_at() {
    let told = Told {
        health: testing::health(),
        rows: vec![(testing::key(), quiet())],
        findings: Vec::new(),
    };
    assert_eq!(report(&told, WIDE), include_str!("expected/no_finding.txt"));
}

#[test]
fn an_explained_report_tells_what_is_not_enough_and_what_is_right() {
    let healthy = (server().0, quiet());
    let rows = vec![(testing::key(), quiet()), healthy];
    let told = Told { health: testing::health(), rows, findings: Vec::new() };
    let explained = |explain| report(&told, Look { explain, ..WIDE });
    let text = explained(Explain::Always);
    assert_eq!(text, include_str!("expected/explained.txt"));
    assert_eq!(text, explained(Explain::WithoutFinding));
}

#[test]
fn a_question_about_a_process_is_answered_by_its_finding() {
    let explained = |explain| report(&one_finding(), Look { explain, ..WIDE });
    assert_eq!(explained(Explain::WithoutFinding), explained(Explain::Never));
    assert!(explained(Explain::Always).contains("\nNOT ENOUGH YET\n"));
}

#[test]
fn lost_records_are_loud_and_forbid_an_all_clear() {
    let mut evicted = Evictions::default();
    evicted.add(Evicted::Keys, 3);
    evicted.add(Evicted::Lookups, 40);
    let lost = [("ring_full", 10), ("table_full", 1202), ("late_ring_full", 0)];
    let health = Health {
        lost: lost.map(|(reason, count)| (reason.to_owned(), count)).into(),
        seen_share: Some(0.819),
        lost_of: vec![
            LostConnections { pid: Some(4711), comm: Some("checkout".into()), connections: 1_200 },
            LostConnections { pid: None, comm: None, connections: 12 },
        ],
        unwritten: 5,
        evicted,
        decode_errors: vec![("short".into(), 1)],
        ..testing::health()
    };
    let bound = Totals { exchanges_basis: Basis::Bound, ..quiet() };
    let told = Told { health, rows: vec![(testing::key(), bound)], findings: Vec::new() };
    assert_eq!(report(&told, WIDE), include_str!("expected/lost.txt"));
}

#[test]
fn looks_that_were_far_apart_are_told() {
    let told = |interval_s| {
        let health = Health { interval_s: Some(interval_s), ..testing::health() };
        report(&Told { health, rows: Vec::new(), findings: Vec::new() }, WIDE)
    };
    assert!(!told(1.2).contains("Looks at"));
    assert!(told(12.0).contains("\nLooks at what is open: up to 12.0 s apart"), "{}", told(12.0));
}

#[test]
fn nothing_observed_is_not_called_healthy() {
    let told = Told { health: testing::health(), rows: Vec::new(), findings: Vec::new() };
    assert_eq!(report(&told, WIDE), include_str!("expected/nothing.txt"));
}

#[test]
fn without_an_exchange_nothing_is_said_about_reuse() {
    let idle = Totals { exchanges: 0, used: 0, ..quiet() };
    let told =
        Told { health: testing::health(), rows: vec![(testing::key(), idle)], findings: vec![] };
    let text = report(&told, WIDE);
    assert!(text.contains("None of the 4 connections of 1 process carried an exchange"), "{text}");
    assert!(text.contains("          0  -\n"), "{text}");
}

#[test]
fn the_most_harmful_finding_comes_first() {
    let finding =
        |code, severity, confidence| Finding { code, severity, confidence, ..testing::finding() };
    let told = Told {
        findings: vec![
            finding(Code::Hoard, Severity::Info, Confidence::High),
            finding(Code::OneShot, Severity::Warn, Confidence::Low),
            finding(Code::ConnectRefused, Severity::Error, Confidence::Low),
            finding(Code::UnreadClose, Severity::Warn, Confidence::High),
        ],
        ..one_finding()
    };
    let text = report(&told, WIDE);
    let titles = text.lines().filter(|line| line.ends_with("confidence)"));
    let codes: Vec<_> = titles.filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(codes, ["connect-refused", "unread-close", "one-shot", "hoard"]);
    assert!(text.contains("\n4 findings, most harmful first:\n"), "{text}");
}

#[test]
fn rows_beyond_the_limit_are_counted_not_forgotten() {
    let rows = (1..=25).map(|opened| (testing::key(), Totals { opened, ..quiet() })).collect();
    let told = Told { rows, findings: Vec::new(), health: testing::health() };
    let text = report(&told, WIDE);
    assert_eq!(text.matches("\ncheckout ").count(), 20);
    assert!(text.ends_with("\n... and 5 more (15 opened)\n"), "{text}");
}

#[test]
fn colour_changes_no_letter() {
    let plain = report(&one_finding(), WIDE);
    let coloured = report(&one_finding(), Look { colour: true, ..WIDE });
    assert!(!plain.contains('\u{1b}'));
    assert!(coloured.contains("\u{1b}[33mWARN"), "{coloured:?}");
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
}

#[test]
fn nothing_a_process_chose_reaches_the_terminal_raw() {
    let who = Who::Executable { name: "/tmp/\u{1b}]0;x\u{7}".into(), cgroup: None };
    let key = Key { who, ..testing::key() };
    let summary = "called \u{1b}[2J".to_owned();
    let findings = vec![Finding { key: key.clone(), summary, ..testing::finding() }];
    let told = Told { health: testing::health(), rows: vec![(key, testing::totals())], findings };
    let text = report(&told, WIDE);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}
