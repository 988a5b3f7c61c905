//! The section of peers, as a person sees it.

use super::super::Explain;
use super::*;
use crate::aggregate::{Peer, Totals};
use crate::connection::CloseCause;
use crate::sink::testing;

const LOOK: Look = Look { width: 100, rows: 20, colour: false, explain: Explain::Never };

fn show(peers: &[PeerTotals], look: Look) -> String {
    sections(peers, look, Paint { on: look.colour })
}

fn at(server: &str, address: &str, redials: u64, opened: u64) -> PeerTotals {
    let peer =
        Peer { netns: 1, server: server.parse().unwrap(), address: address.parse().unwrap() };
    let closes = [(CloseCause::PeerClose, opened)].into();
    let totals = Totals {
        opened,
        closed: opened,
        open: 0,
        exchanges: 2 * opened,
        used: opened,
        closes,
        ..testing::totals()
    };
    PeerTotals { peer: Some(peer), totals, redials: Some(redials), ..testing::peer() }
}

fn peers() -> Vec<PeerTotals> {
    let reuses = Totals {
        opened: 0,
        closed: 0,
        open: 1,
        preexisting: 1,
        exchanges: 100,
        used: 1,
        closes: [].into(),
        ..testing::totals()
    };
    let v6 = at("[2001:db8::5]:80", "2001:db8:1111:2222:3333:4444:5555:6666", 3, 9);
    vec![
        PeerTotals { totals: reuses, ..at("10.0.0.1:443", "10.0.9.2", 0, 1) },
        at("10.0.0.1:443", "10.0.9.3", 0, 12),
        PeerTotals { served_by: None, ..v6 },
        testing::peer(),
        PeerTotals {
            peer: None,
            served_by: None,
            redials: None,
            ..at("10.0.0.1:443", "10.0.9.9", 0, 7)
        },
    ]
}

#[test]
fn who_redials_most_comes_first_and_each_address_of_ours_has_a_section() {
    let unlike = |row: &PeerTotals| Peer { netns: 1, ..row.peer.unwrap() };
    let mut peers = peers();
    peers[3].peer = Some(unlike(&peers[3]));
    assert_eq!(show(&peers, LOOK), include_str!("expected/peers.txt"));
}

#[test]
fn a_narrow_terminal_gets_the_same_in_blocks() {
    let text = show(&peers()[2..3], Look { width: 80, ..LOOK });
    assert_eq!(text, include_str!("expected/peers_narrow.txt"));
    assert!(text.lines().all(|line| unicode_width::UnicodeWidthStr::width(line) <= 80));
}

#[test]
fn the_same_address_in_two_namespaces_is_two_sections() {
    let one = at("10.0.0.1:80", "10.0.9.1", 2, 3);
    let mut other = one.clone();
    other.peer = other.peer.map(|peer| Peer { netns: 2, ..peer });
    let text = show(&[one, other], LOOK);
    for netns in ["netns 1", "netns 2"] {
        assert!(text.contains(&format!("\nPeers of 10.0.0.1:80 (nginx), {netns}, ")), "{text}");
    }
}

#[test]
fn rows_beyond_the_limit_are_counted_not_forgotten() {
    let mut peers: Vec<_> =
        (1..=25).map(|n| at("10.0.0.1:80", &format!("10.0.9.{n}"), n, 10)).collect();
    peers.push(at("10.0.0.2:80", "10.0.9.1", 0, 4));
    assert_eq!(show(&peers, LOOK).matches("\n10.0.9.").count(), 20);
    peers.push(PeerTotals { peer: None, redials: None, ..at("10.0.0.1:80", "10.0.9.1", 0, 7) });
    let text = show(&peers, LOOK);
    let end = "\n... and 5 more (50 opened, 15 redials)\n\
               ... and 1 more at other addresses of this host (4 opened, 0 redials)\n";
    assert!(text.contains(end), "{text}");
    assert!(text.ends_with("\n  closed: 7 peer_close\n"), "those counted together: {text}");
}

#[test]
fn without_peers_there_is_no_section() {
    assert_eq!(show(&[], LOOK), "");
}

#[test]
fn nothing_a_process_chose_reaches_the_terminal_raw() {
    let nasty = PeerTotals { served_by: Some("x\u{1b}[2J".into()), ..testing::peer() };
    let text = show(&[nasty], LOOK);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[test]
fn colour_changes_no_letter() {
    let coloured = show(&peers(), Look { colour: true, ..LOOK });
    assert!(coloured.contains("\u{1b}[1mPEER"), "{coloured:?}");
    let plain = show(&peers(), LOOK);
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
}
