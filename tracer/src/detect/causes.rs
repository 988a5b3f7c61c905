//! One cause, one finding: which verdict about a key is only another view of a second one, and which
//! one follows from it.

use super::{Code, Consequence, Finding};

/// How the verdict on the left explains the one on the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Explains {
    /// It says the same more exactly: the right one is left out.
    Restates,
    /// It leads to it: the right one is listed under it.
    LeadsTo,
}

use Explains::{LeadsTo, Restates};

/// For one key. The first entry that fits a finding counts.
///
/// A process that lives for one request cannot reuse anything, so how it closes is no cause of its
/// own. A client that closes on an unread answer cannot keep the connection: the kernel resets it,
/// and the next request dials. One that gives up waiting may leave a part of the answer unread: that
/// is no second fault; to redial after answers that came is one. Connections that are hoarded until
/// the server times them out end in `CLOSE_WAIT`. `SO_LINGER` 0 is often set to get rid of the
/// `TIME_WAIT`s that redialling leaves. Failed dials carried nothing: they explain none of the
/// others and stay beside them. Among them, what the network said explains what did not arrive, and
/// a peer that does not answer explains those that were given up early.
const RELATIONS: &[(Code, Explains, Code)] = &[
    (Code::ConnectUnreachable, Restates, Code::ConnectTimeout),
    (Code::ConnectUnreachable, Restates, Code::DialCancelled),
    (Code::ConnectTimeout, Restates, Code::DialCancelled),
    (Code::ShortLivedProcess, Restates, Code::OneShot),
    (Code::ShortLivedProcess, Restates, Code::UnreadClose),
    (Code::ShortLivedProcess, Restates, Code::PoolTooSmall),
    (Code::ShortLivedProcess, Restates, Code::ClientRecycles),
    (Code::CancelledExchange, Restates, Code::UnreadClose),
    (Code::CancelledExchange, LeadsTo, Code::ResetsSent),
    (Code::UnreadClose, Restates, Code::PoolTooSmall),
    (Code::UnreadClose, Restates, Code::OneShot),
    (Code::UnreadClose, Restates, Code::ClientRecycles),
    (Code::UnreadClose, LeadsTo, Code::ResetsSent),
    (Code::PoolTooSmall, Restates, Code::OneShot),
    (Code::PoolTooSmall, Restates, Code::ClientRecycles),
    (Code::OneShot, Restates, Code::ClientRecycles),
    (Code::AbortiveClose, Restates, Code::ResetsSent),
    (Code::ShortLivedProcess, LeadsTo, Code::AbortiveClose),
    (Code::OneShot, LeadsTo, Code::AbortiveClose),
    (Code::PoolTooSmall, LeadsTo, Code::AbortiveClose),
    (Code::ClientRecycles, LeadsTo, Code::AbortiveClose),
    (Code::Hoard, LeadsTo, Code::CloseWaitLeak),
    (Code::Hoard, Restates, Code::PeerIdleTimeout),
    (Code::CloseWaitLeak, Restates, Code::PeerIdleTimeout),
    (Code::PeerClosesEach, Restates, Code::PeerRecycles),
    (Code::PeerClosesEach, Restates, Code::PeerIdleTimeout),
    (Code::PeerRecycles, Restates, Code::PeerIdleTimeout),
    (Code::PeerIdleTimeout, LeadsTo, Code::StaleReuse),
    (Code::PeerRecycles, Restates, Code::ResetsReceived),
    (Code::PeerRecycles, LeadsTo, Code::StaleReuse),
    (Code::PeerClosesEach, LeadsTo, Code::StaleReuse),
    (Code::StaleReuse, Restates, Code::ResetsReceived),
    (Code::ShortLivedProcess, LeadsTo, Code::PortPressure),
    (Code::CancelledExchange, LeadsTo, Code::PortPressure),
    (Code::PoolTooSmall, LeadsTo, Code::PortPressure),
    (Code::OneShot, LeadsTo, Code::PortPressure),
    (Code::Hoard, LeadsTo, Code::PortPressure),
    (Code::ClientRecycles, LeadsTo, Code::PortPressure),
    (Code::ClientIdleTimeout, LeadsTo, Code::PortPressure),
];

/// Keeps one finding per cause, with what it leads to. `findings` are those of one key, each code
/// at most once. A finding is at least as severe as what it leads to.
pub(super) fn one_each(findings: Vec<Finding>) -> Vec<Finding> {
    let present: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    let (mut roots, explained): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| explainer(finding.code, &present).is_none());
    for finding in explained {
        let Some((why, LeadsTo)) = explainer(finding.code, &present) else { continue };
        let root = root(why, &present);
        if let Some(root) = roots.iter_mut().find(|candidate| candidate.code == root) {
            root.severity = root.severity.max(finding.severity);
            root.consequences.push(Consequence {
                code: finding.code,
                severity: finding.severity,
                summary: finding.summary,
                evidence: finding.evidence,
            });
        }
    }
    roots
}

/// What explains `code`, and how.
fn explainer(code: Code, present: &[Code]) -> Option<(Code, Explains)> {
    let mut relations = RELATIONS.iter();
    relations
        .find(|(why, _, what)| *what == code && present.contains(why))
        .map(|(why, how, _)| (*why, *how))
}

/// The one at the end of all explanations of `code`.
fn root(code: Code, present: &[Code]) -> Code {
    // No chain is longer than there are codes: a test sees to it that none goes in a circle.
    let mut root = code;
    while let Some((why, _)) = explainer(root, present) {
        root = why;
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Severity;
    use crate::detect::support::blank as finding;

    #[test]
    fn no_explanation_goes_in_a_circle() {
        for (why, _, what) in RELATIONS {
            let (mut reached, mut size) = (vec![*what], 0);
            while reached.len() > size {
                size = reached.len();
                for (left, _, right) in RELATIONS {
                    if reached.contains(left) && !reached.contains(right) {
                        reached.push(*right);
                    }
                }
            }
            assert!(!reached.contains(why), "{} explains itself", why.name());
        }
    }

    #[test]
    fn the_page_has_each_relation_and_no_other() {
        let page = include_str!("../../../docs/findings.md");
        let codes = |cell: &str| -> Vec<String> {
            cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        let mut told = Vec::new();
        let table =
            page.split("| finding | left out beside it | listed under it |\n|---|---|---|\n");
        let rows = table.last().unwrap_or_default().lines().take_while(|row| row.starts_with('|'));
        for row in rows {
            let cells: Vec<_> = row.split('|').collect();
            for (how, cell) in [(Restates, cells[2]), (LeadsTo, cells[3])] {
                told.extend(
                    codes(cell).into_iter().map(|what| (codes(cells[1])[0].clone(), how, what)),
                );
            }
        }
        let known: Vec<_> = RELATIONS
            .iter()
            .map(|(why, how, what)| (why.name().to_owned(), *how, what.name().to_owned()))
            .collect();
        assert_eq!(told.len(), known.len());
        assert!(known.iter().all(|relation| told.contains(relation)), "{told:?}");
    }

    #[test]
    fn what_is_restated_is_left_out_and_what_follows_is_listed() {
        let kept = one_each(vec![
            finding(Code::OneShot, Severity::Warn),
            finding(Code::UnreadClose, Severity::Warn),
            finding(Code::ResetsSent, Severity::Info),
            finding(Code::ConnectRefused, Severity::Error),
        ]);
        let codes: Vec<_> = kept.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [Code::UnreadClose, Code::ConnectRefused]);
        assert_eq!(kept[0].consequences.len(), 1);
        assert_eq!(kept[0].consequences[0].code, Code::ResetsSent);
        assert_eq!(kept[0].severity, Severity::Warn);
    }

    #[test]
    fn what_follows_goes_to_the_root_and_makes_it_as_severe() {
        let kept = one_each(vec![
            finding(Code::OneShot, Severity::Warn),
            finding(Code::PoolTooSmall, Severity::Warn),
            finding(Code::AbortiveClose, Severity::Info),
            finding(Code::PortPressure, Severity::Error),
        ]);
        assert_eq!(kept.len(), 1);
        assert_eq!((kept[0].code, kept[0].severity), (Code::PoolTooSmall, Severity::Error));
        let codes: Vec<_> = kept[0].consequences.iter().map(|c| c.code).collect();
        assert_eq!(codes, [Code::AbortiveClose, Code::PortPressure]);
    }
}
