//! The server's view: a section per address that this host serves, a row per peer address, worst
//! first.

use std::cmp::Reverse;
use std::net::SocketAddr;

use super::escape::escape;
use super::layout::{BOLD, DIM, Grid, Paint, Side, hang};
use super::totals::{closes, exchanges, reuse, wide};
use super::{Look, human};
use crate::aggregate::PeerTotals;
use crate::connection::Basis;

const LEGEND: &str = "Redials: connections that a peer opened within half a second of closing its \
                      last one itself (its FIN or reset first), while it had no other here; what \
                      a peer does is the peer's to change, and behind NAT or a proxy one address \
                      may be many clients";

/// Our own address, in its network namespace.
type Place = (u32, SocketAddr);

/// The peers of one address of ours.
struct Section<'a> {
    place: Place,
    shown: Vec<&'a PeerTotals>,
    /// Beyond the rows to print.
    more: Vec<&'a PeerTotals>,
}

/// All sections, after a blank line; nothing if there are no peers. As many rows as the totals have,
/// over all sections, and one for all peers that were counted together.
pub(super) fn sections(peers: &[PeerTotals], look: Look, paint: Paint) -> String {
    let mut sorted: Vec<_> =
        peers.iter().filter_map(|row| row.peer.map(|peer| (row, peer))).collect();
    // Most redials, then most opened.
    sorted.sort_by_key(|(row, peer)| {
        (Reverse((row.redials, row.totals.opened, row.totals.open)), *peer)
    });
    let mut sections: Vec<Section<'_>> = Vec::new();
    let mut elsewhere = Vec::new();
    for (number, (row, peer)) in sorted.into_iter().enumerate() {
        let place = (peer.netns, peer.server);
        match sections.iter_mut().find(|section| section.place == place) {
            Some(section) if number < look.rows => section.shown.push(row),
            Some(section) => section.more.push(row),
            None if number < look.rows => {
                sections.push(Section { place, shown: vec![row], more: Vec::new() });
            }
            None => elsewhere.push(row),
        }
    }
    let mut text = String::new();
    for (number, section) in sections.iter().enumerate() {
        text += &heading(&title(section, &sections), look.width, paint);
        if number == 0 {
            text += &legend(peers, look.width, paint);
        }
        text += &rows(&section.shown, look, paint);
        text += &rest(&section.more, "");
    }
    text += &rest(&elsewhere, " at other addresses of this host");
    let others: Vec<_> = peers.iter().filter(|row| row.peer.is_none()).collect();
    if !others.is_empty() {
        text += &heading("All peers beyond those counted one by one", look.width, paint);
        text += &rows(&others, look, paint);
    }
    text
}

fn heading(title: &str, width: usize, paint: Paint) -> String {
    "\n".to_owned() + &hang("", title, width).replacen(title, &paint.paint(BOLD, title), 1)
}

fn title(section: &Section<'_>, all: &[Section<'_>]) -> String {
    let (netns, server) = section.place;
    let served_by = section.shown.iter().find_map(|row| row.served_by.as_ref());
    let served_by = served_by.map_or(String::new(), |comm| format!(" ({})", escape(comm)));
    // The same address in two network namespaces is two servers.
    let is_twice = all.iter().filter(|other| other.place.1 == server).count() > 1;
    let netns = if is_twice { format!(", netns {netns}") } else { String::new() };
    format!("Peers of {server}{served_by}{netns}, most redials first")
}

fn rows(rows: &[&PeerTotals], look: Look, paint: Paint) -> String {
    let grid = grid(rows);
    if grid.width() <= look.width {
        wide(rows.iter().map(|row| &row.totals), &grid, look, paint)
    } else {
        stacked(rows, look, paint)
    }
}

fn legend(peers: &[PeerTotals], width: usize, paint: Paint) -> String {
    let is_bound = |row: &PeerTotals| row.totals.exchanges_basis == Basis::Bound;
    let bound = if peers.iter().any(is_bound) { "; ≤: at most" } else { "" };
    paint.paint(DIM, hang("", &format!("{LEGEND}{bound}"), width).trim_end()) + "\n"
}

fn address(row: &PeerTotals) -> String {
    row.peer.map_or_else(|| "(many)".to_owned(), |peer| peer.address.to_string())
}

fn redials(row: &PeerTotals) -> String {
    row.redials.map_or_else(|| "?".to_owned(), human::count)
}

fn grid(rows: &[&PeerTotals]) -> Grid<7> {
    let (left, right) = (Side::Left, Side::Right);
    let mut grid = Grid::new([
        ("PEER", left),
        ("OPENED", right),
        ("CLOSED", right),
        ("OPEN", right),
        ("EXCHANGES", right),
        ("REUSE", left),
        ("REDIALS", right),
    ]);
    for row in rows {
        let totals = &row.totals;
        grid.push([
            address(row),
            human::count(totals.opened),
            human::count(totals.closed),
            human::count(totals.open),
            exchanges(totals),
            reuse(totals),
            redials(row),
        ]);
    }
    grid
}

/// For a terminal too narrow for the columns.
fn stacked(rows: &[&PeerTotals], look: Look, paint: Paint) -> String {
    let mut text = String::new();
    for row in rows {
        let (address, totals) = (address(row), &row.totals);
        text += &hang("", &address, look.width).replacen(&address, &paint.paint(BOLD, &address), 1);
        let counts = format!(
            "{} redials; {} opened, {} closed, {} open; {}",
            redials(row),
            human::count(totals.opened),
            human::count(totals.closed),
            human::count(totals.open),
            match totals.exchanges {
                0 => "no exchange".to_owned(),
                _ => format!("reuse {}", reuse(totals)),
            },
        );
        text += &hang("  ", &counts, look.width);
        text += &closes(totals, look.width, paint);
    }
    text
}

fn rest(rows: &[&PeerTotals], place: &str) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let opened = human::count(rows.iter().map(|row| row.totals.opened).sum());
    let redials = human::count(rows.iter().filter_map(|row| row.redials).sum());
    let number = human::count(rows.len() as u64);
    format!("... and {number} more{place} ({opened} opened, {redials} redials)\n")
}

#[cfg(test)]
#[path = "peers_tests.rs"]
mod tests;
