//! How often the open connections are looked at, and which verdicts know less where that is seldom.
//! What ends is told by records, each at its time, so that other verdicts do not depend on it.

use super::{Code, Confidence, Finding};

/// Longest time between two looks that these verdicts were made for, seconds: `hoard` must grow at three
/// looks after the first, so that 15 s, as long as one should observe at least, hold just enough of them.
pub const MOST_S: f64 = 5.0;

/// What a verdict rests on that is seen only when open connections are looked at; `None` if nothing.
const fn basis(code: Code) -> Option<&'static str> {
    match code {
        Code::Hoard | Code::CloseWaitLeak => Some("how their number grew in between was not seen"),
        Code::PoolTooSmall | Code::PeerIdleTimeout | Code::ClientIdleTimeout => {
            Some("which of them lay idle when others were dialled is known for some only")
        }
        _ => None,
    }
}

/// Doubts a finding that rests on looks which were `longest_s` apart.
pub(super) fn doubt(finding: &mut Finding, longest_s: f64) {
    if let Some(basis) = basis(finding.code).filter(|_| longest_s > MOST_S) {
        let why = format!("open connections were looked at up to {longest_s:.0} s apart: {basis}");
        finding.doubt(Confidence::Medium, why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Severity;
    use crate::detect::support::blank;

    #[test]
    fn verdicts_on_idleness_are_less_certain_where_it_is_seldom_looked_at() {
        let confidence = |code, longest_s| {
            let mut finding = blank(code, Severity::Warn);
            doubt(&mut finding, longest_s);
            assert_eq!(finding.doubts.is_empty(), finding.confidence == Confidence::High);
            finding.confidence
        };
        for code in [Code::Hoard, Code::CloseWaitLeak, Code::PoolTooSmall, Code::ClientIdleTimeout]
        {
            assert_eq!(confidence(code, 1.0), Confidence::High);
            assert_eq!(confidence(code, MOST_S), Confidence::High);
            assert_eq!(confidence(code, 40.0), Confidence::Medium);
        }
        assert_eq!(confidence(Code::OneShot, 40.0), Confidence::High, "records tell it");
    }
}
