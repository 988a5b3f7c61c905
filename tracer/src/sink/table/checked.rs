//! What came of rows that have no finding: how far they are from one, or that nothing is wrong. Says
//! "nothing wrong" only where it was seen to be right.

use std::cmp::Reverse;

use super::layout::{BOLD, Paint, hang};
use super::report::Row;
use super::seen::LITTLE;
use super::{Look, human, whom};
use crate::aggregate::Totals;
use crate::connection::{Basis, CloseCause};
use crate::detect::NotEnough;
use crate::process::Identity;

/// `app (pid 42) → 10.0.0.5:443: one-shot needs 10 connections, 4 seen`, nearest first; nothing if
/// there is none.
pub(super) fn not_enough(
    lacks: &[(NotEnough, Option<Identity>)],
    look: Look,
    paint: Paint,
) -> String {
    let mut sorted: Vec<_> = lacks.iter().collect();
    let share = |lack: &NotEnough| lack.have as f64 / lack.need.max(1) as f64;
    // Stable: those of one verdict stay together where they are as near.
    sorted.sort_by(|(left, _), (right, _)| share(right).total_cmp(&share(left)));
    let lines = sorted.into_iter().map(|(lack, identity)| {
        let (who, runtime) = (&lack.key.who, identity.as_ref().and_then(|i| i.runtime.as_ref()));
        let about = about(&whom::full(who, lack.processes, identity.as_ref(), runtime), lack);
        format!(
            "{about}: {} needs {}, {} seen",
            lack.code.name(),
            amount(lack),
            human::count(lack.have)
        )
    });
    section("NOT ENOUGH YET", lines.collect(), look, paint)
}

fn about(whom: &str, lack: &NotEnough) -> String {
    format!("{whom} {}", whom::towards(&lack.key))
}

/// `10 connections`, `a growth of 5`.
fn amount(lack: &NotEnough) -> String {
    let need = human::count(lack.need);
    if lack.things.ends_with('s') {
        format!("{need} {}", lack.things)
    } else {
        format!("a {} of {need}", lack.things)
    }
}

/// `app (pid 42) → 10.0.0.5:443: 3 connections, 900 exchanges, reuse 0.99: nothing wrong`, most
/// opened first.
pub(super) fn rest(rows: &[&Row], complete: bool, look: Look, paint: Paint) -> String {
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(|row| (Reverse(row.totals.opened), Reverse(row.totals.open), &row.key));
    let lines = sorted.into_iter().map(|Row { key, totals, identity }| {
        let whom =
            whom::full(&key.who, totals.processes, identity.as_ref(), totals.runtime.as_ref());
        let numbers = numbers(totals);
        format!("{whom} {}: {numbers}: {}", whom::towards(key), verdict(totals, complete))
    });
    section("CHECKED", lines.collect(), look, paint)
}

fn numbers(totals: &Totals) -> String {
    let at_most = if totals.exchanges_basis == Basis::Bound { "at most " } else { "" };
    let ratio = totals.reuse_ratio();
    let reuse = ratio.map(|ratio| format!(", reuse {at_most}{}", human::ratio(ratio)));
    format!(
        "{}, {at_most}{}{}",
        human::counted(totals.connections(), "connection"),
        human::counted(totals.exchanges, "exchange"),
        reuse.unwrap_or_default(),
    )
}

fn verdict(totals: &Totals, complete: bool) -> &'static str {
    let is_usual = |cause: CloseCause| {
        use CloseCause::{LocalClose, PeerClose, SimultaneousClose};
        matches!(cause, LocalClose | PeerClose | SimultaneousClose)
    };
    let ends_well = totals.closes.iter().all(|(cause, count)| *count == 0 || is_usual(*cause));
    match totals.reuse_ratio() {
        _ if !complete => "no finding, but records are missing",
        Some(reuse) if reuse >= LITTLE && ends_well => "nothing wrong",
        None if ends_well => "no finding; without an exchange nothing can be said of its reuse",
        _ => "no finding; how its connections ended is below",
    }
}

/// A heading with lines below it; nothing without lines.
fn section(title: &str, lines: Vec<String>, look: Look, paint: Paint) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let more = lines.len().saturating_sub(look.rows);
    let mut text = format!("\n{}\n", paint.paint(BOLD, title));
    for line in lines.into_iter().take(look.rows) {
        // The second line of one is told from the first of the next.
        let hung = hang("  ", &line, look.width);
        text += &hung.replace("\n  ", "\n    ");
    }
    if more > 0 {
        text = text + "  ... and " + &human::count(more as u64) + " more\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::testing;

    #[test]
    fn only_what_was_seen_to_be_right_is_called_so() {
        let closes = |cause| [(CloseCause::PeerClose, 3), (cause, 1)].into();
        let well = Totals { exchanges: 900, used: 3, ..testing::totals() };
        assert_eq!(verdict(&well, true), "nothing wrong");
        let doubtful = [
            (verdict(&well, false), "missing"),
            (verdict(&testing::totals(), true), "below"),
            (verdict(&Totals { exchanges: 0, used: 0, ..well.clone() }, true), "exchange"),
            (
                verdict(&Totals { closes: closes(CloseCause::ResetByPeer), ..well.clone() }, true),
                "below",
            ),
            (verdict(&Totals { closes: closes(CloseCause::Unknown), ..well }, true), "below"),
        ];
        for (said, word) in doubtful {
            assert!(said.starts_with("no finding") && said.contains(word), "{said}");
        }
    }

    #[test]
    fn an_amount_is_said_as_people_say_it() {
        assert_eq!(amount(&testing::lack()), "10 connections");
        let growth = NotEnough { things: "growth".into(), need: 5, ..testing::lack() };
        assert_eq!(amount(&growth), "a growth of 5");
    }

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let lines = (0..5).map(|n| n.to_string()).collect();
        let look = Look { rows: 3, ..Look::default() };
        let text = section("TITLE", lines, look, Paint { on: false });
        assert_eq!(text, "\nTITLE\n  0\n  1\n  2\n  ... and 2 more\n");
    }
}
