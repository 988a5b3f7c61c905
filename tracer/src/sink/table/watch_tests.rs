//! Lines of `watch`, as a person sees them.

use super::*;
use crate::connection::{Close, CloseCause, Connection, Initiator, Phase, Reset, Role};
use crate::detect::State;
use crate::sink::{Health, Verdict, testing};

fn connections() -> Vec<Connection> {
    let refused = Close {
        cause: CloseCause::ConnectRefused,
        how: None,
        initiator: Initiator::Peer,
        rst: Some(Reset::Received),
        idle_s: None,
        ..testing::close()
    };
    let killed = Close {
        cause: CloseCause::LocalAbortUnread,
        how: Some("exit:SIGKILL".into()),
        at_ns: 3_723_000_000_000,
        idle_s: Some(125.0),
        ..testing::close()
    };
    vec![
        testing::closed_connection(),
        Connection {
            peer: "[2001:db8:1111:2222:3333:4444:5555:6666]:443".parse().unwrap(),
            exchanges: 0,
            bytes_sent: Some(0),
            bytes_received: Some(0),
            phase: Phase::Closed(refused),
            ..testing::closed_connection()
        },
        Connection {
            role: Some(Role::Server),
            owner: None,
            owner_comm: "".into(),
            exchanges: 1204,
            bytes_sent: None,
            phase: Phase::Closed(killed),
            ..testing::closed_connection()
        },
    ]
}

fn watch(look: Look, tell: impl FnOnce(&mut Watch<&mut Vec<u8>>)) -> String {
    let mut out = Vec::new();
    tell(&mut Watch::new(&mut out, testing::origin(), look));
    String::from_utf8(out).unwrap()
}

#[test]
fn each_ended_connection_is_a_line_under_one_heading() {
    let text = watch(Look::default(), |watch| {
        for connection in &connections() {
            let ended = Ended::new(connection, None).unwrap();
            watch.write(&Item::Connection(ended)).unwrap();
        }
    });
    assert_eq!(text, include_str!("expected/watch.txt"));
}

#[test]
fn a_loss_is_told_when_it_grows_and_not_again() {
    let lost = Health { lost: vec![("ring_full".into(), 7)], ..testing::health() };
    let text = watch(Look::default(), |watch| {
        for health in [&testing::health(), &lost, &lost] {
            watch.write(&Item::Health(health)).unwrap();
        }
    });
    assert_eq!(
        text,
        "LOST 7 records (ring_full 7): what is shown is not complete. What helps: a larger --ring-mib.\n"
    );
}

#[test]
fn missed_events_alone_are_a_bound_and_no_certain_loss() {
    let said = |lost: Vec<(String, u64)>| {
        let lost = Health { lost, ..testing::health() };
        watch(Look::default(), |watch| watch.write(&Item::Health(&lost)).unwrap())
    };
    let bound = said(vec![("missed".into(), 3), ("ring_full".into(), 0)]);
    assert_eq!(bound, "LOST 3 records (missed at most 3): what is shown may not be complete.\n");
    let both = said(vec![("missed".into(), 3), ("ring_full".into(), 1)]);
    assert!(both.contains("is not complete"), "{both}");
}

#[test]
fn a_finding_is_one_line() {
    let finding = testing::finding();
    let identity = testing::identity();
    let text = watch(Look::default(), |watch| {
        let verdict =
            Verdict { at_ns: 1, state: None, finding: &finding, identity: Some(&identity) };
        watch.write(&Item::Finding(verdict)).unwrap();
    });
    let begin = "WARN one-shot  checkout (pid 4711, go 1.22.5) → 10.0.3.7:8080: checkout opens";
    assert!(text.starts_with(begin) && text.lines().count() == 1, "{text}");
}

#[test]
fn a_finding_that_ended_says_so() {
    let finding = testing::finding();
    let state = Some(State::Ended);
    let text = watch(Look::default(), |watch| {
        let verdict = Verdict { at_ns: 1, state, finding: &finding, identity: None };
        watch.write(&Item::Finding(verdict)).unwrap();
    });
    assert!(text.starts_with("WARN one-shot  ended "), "{text}");
}

#[test]
fn colour_changes_no_letter() {
    let show = |look| {
        watch(look, |watch| {
            let ended = connections();
            let ended = Ended::new(&ended[1], None).unwrap();
            watch.write(&Item::Connection(ended)).unwrap();
        })
    };
    let coloured = show(Look { colour: true, ..Look::default() });
    assert!(coloured.contains("\u{1b}[33mconnect_refused"), "{coloured:?}");
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), show(Look::default()));
}

#[test]
fn a_reader_that_left_is_a_broken_pipe() {
    struct Left;
    impl io::Write for Left {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let connection = testing::closed_connection();
    let ended = Item::Connection(Ended::new(&connection, None).unwrap());
    let error = Watch::new(Left, testing::origin(), Look::default()).write(&ended);
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}
