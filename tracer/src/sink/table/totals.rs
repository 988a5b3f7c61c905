//! The numbers: a row per process × role × destination, most opened first.

use std::cmp::Reverse;

use super::layout::{BOLD, DIM, Grid, Paint, Side, hang};
use super::report::Row;
use super::{Look, human, whom};
use crate::aggregate::Totals;
use crate::connection::Basis;

pub(super) fn table(rows: &[Row], look: Look, paint: Paint) -> String {
    let mut sorted: Vec<_> = rows.iter().collect();
    sorted.sort_by_key(|row| (Reverse(row.totals.opened), Reverse(row.totals.open), &row.key));
    let (shown, more) = sorted.split_at(look.rows.min(sorted.len()));

    let mut text = legend(shown, look.width, paint);
    let grid = grid(shown);
    if grid.width() <= look.width {
        text += &wide(shown.iter().map(|row| &row.totals), &grid, look, paint);
    } else {
        text += &stacked(shown, look, paint);
    }
    text + &rest(more)
}

fn rest(rows: &[&Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let opened = human::count(rows.iter().map(|row| row.totals.opened).sum());
    format!("... and {} more ({opened} opened)\n", human::count(rows.len() as u64))
}

fn grid(rows: &[&Row]) -> Grid<10> {
    let (left, right) = (Side::Left, Side::Right);
    let mut grid = Grid::new([
        ("PROCESS", left),
        ("PID", right),
        ("ROLE", left),
        ("DESTINATION", left),
        ("OPENED", right),
        ("CLOSED", right),
        ("OPEN", right),
        ("FAILED", right),
        ("EXCHANGES", right),
        ("REUSE", left),
    ]);
    for Row { key, totals, identity } in rows {
        grid.push([
            whom::name(&key.who, identity.as_ref()),
            whom::number(&key.who, totals.processes),
            whom::role(key.role).to_owned(),
            whom::destination(key),
            human::count(totals.opened),
            human::count(totals.closed),
            human::count(totals.open),
            human::count(totals.failed),
            exchanges(totals),
            reuse(totals),
        ]);
    }
    grid
}

/// A line for each row, and below it how its connections ended; `totals` in the order of the rows.
pub(super) fn wide<'a, const N: usize>(
    totals: impl Iterator<Item = &'a Totals>,
    grid: &Grid<N>,
    look: Look,
    paint: Paint,
) -> String {
    let (heading, lines) = grid.lines();
    let mut text = paint.paint(BOLD, &heading) + "\n";
    for (line, totals) in lines.iter().zip(totals) {
        text += line;
        text.push('\n');
        text += &closes(totals, look.width, paint);
    }
    text
}

/// For a terminal too narrow for the columns.
fn stacked(rows: &[&Row], look: Look, paint: Paint) -> String {
    let mut text = String::new();
    for Row { key, totals, identity } in rows {
        let whom =
            whom::full(&key.who, totals.processes, identity.as_ref(), totals.runtime.as_ref());
        let title = format!("{whom} {}", whom::towards(key));
        text += &hang("", &title, look.width).replacen(&title, &paint.paint(BOLD, &title), 1);
        let counts = format!(
            "{} opened, {} closed, {} open, {} failed; {}",
            human::count(totals.opened),
            human::count(totals.closed),
            human::count(totals.open),
            human::count(totals.failed),
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

/// Ended connections by cause, most frequent first.
pub(super) fn closes(totals: &Totals, width: usize, paint: Paint) -> String {
    let mut causes: Vec<_> = totals.closes.iter().filter(|(_, count)| **count > 0).collect();
    if causes.is_empty() {
        return String::new();
    }
    causes.sort_by_key(|(_, count)| Reverse(**count));
    let causes = causes.iter().map(|(cause, n)| format!("{} {}", human::count(**n), cause.name()));
    let text = hang("  closed: ", &causes.collect::<Vec<_>>().join(", "), width);
    paint.paint(DIM, text.trim_end()) + "\n"
}

pub(super) fn exchanges(totals: &Totals) -> String {
    format!("{}{}", at_most(totals), human::count(totals.exchanges))
}

/// The ratio with both of its counts, `0.98 (4/200)`; `-` where no exchange was seen.
pub(super) fn reuse(totals: &Totals) -> String {
    totals.reuse_ratio().map_or_else(
        || "-".to_owned(),
        |ratio| {
            let (used, exchanges) = (human::count(totals.used), human::count(totals.exchanges));
            format!("{}{} ({used}/{exchanges})", at_most(totals), human::ratio(ratio))
        },
    )
}

const fn at_most(totals: &Totals) -> &'static str {
    match totals.exchanges_basis {
        Basis::Measured => "",
        Basis::Bound => "≤",
    }
}

fn legend(rows: &[&Row], width: usize, paint: Paint) -> String {
    let mut text =
        "Most opened first; reuse = 1 − connections ÷ exchanges, where there were any".to_owned();
    if rows.iter().any(|row| row.totals.exchanges_basis == Basis::Bound) {
        text += "; ≤: at most";
    }
    paint.paint(DIM, hang("", &text, width).trim_end()) + "\n"
}
