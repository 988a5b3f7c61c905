//! What `--fail-on` takes: a severity, or the code of a finding. Owns the words, not the verdicts.

use std::str::FromStr;

use thiserror::Error;

use crate::detect::{Code, Finding, Severity};

/// What makes a run fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailOn {
    /// Findings of this severity or a worse one.
    Severity(Severity),
    /// Findings of this code, whatever their severity.
    Code(Code),
}

/// A word that is neither.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "no severity and no finding code; did you mean `{suggestion}`? Valid are: {}",
    words().map(|(word, _)| word).collect::<Vec<_>>().join(", ")
)]
pub struct UnknownWord {
    suggestion: String,
}

impl FailOn {
    /// Whether it asks to fail on `finding`, or on what it leads to.
    #[must_use]
    pub fn is_met_by(self, finding: &Finding) -> bool {
        match self {
            Self::Severity(least) => finding.severity >= least,
            Self::Code(code) => {
                let mut consequences = finding.consequences.iter();
                finding.code == code || consequences.any(|consequence| consequence.code == code)
            }
        }
    }
}

fn words() -> impl Iterator<Item = (String, FailOn)> {
    let severities = [Severity::Info, Severity::Warn, Severity::Error];
    let severities =
        severities.into_iter().map(|least| (least.name().to_lowercase(), FailOn::Severity(least)));
    severities.chain(Code::ALL.iter().map(|code| (code.name().to_owned(), FailOn::Code(*code))))
}

impl FromStr for FailOn {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let likeness = |word: &str| strsim::jaro_winkler(text, word);
        let known = words().find(|(word, _)| word == text).map(|(_, what)| what);
        known.ok_or_else(|| UnknownWord {
            suggestion: words()
                .max_by(|(left, _), (right, _)| likeness(left).total_cmp(&likeness(right)))
                .map(|(word, _)| word)
                .unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_severity_and_every_code_is_a_word() {
        for (word, what) in words() {
            assert_eq!(word.parse(), Ok(what));
        }
        assert_eq!(words().count(), 3 + Code::ALL.len());
    }

    #[test]
    fn an_unknown_word_is_told_the_nearest_and_all_others() {
        for (text, suggestion) in
            [("one-shoot", "`one-shot`"), ("warning", "`warn`"), ("hord", "`hoard`")]
        {
            let error = text.parse::<FailOn>().unwrap_err().to_string();
            assert!(error.contains(&format!("did you mean {suggestion}?")), "{error}");
            assert!(words().all(|(word, _)| error.contains(&word)), "{error}");
        }
        assert!("".parse::<FailOn>().is_err());
    }
}
