//! What a column printed, read line by line. Judges nothing.

use super::script::{EXIT, FACT, FAULT, READY, SUITE};
use super::suites::SCENARIOS;
use crate::tally::Tally;
use std::fmt;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The suites ran; the last exit status that was not 0.
    Exited(i32),
    /// The machine died before it could run tests: nothing was learned of the code under test.
    NotReady(String),
    /// The machine is not what the column asks for.
    Misprepared(String),
    /// The machine died while tests ran.
    Died(String),
    TimedOut,
}

/// How one test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ok,
    /// It failed in one play and not in the other, see [`super::replay`].
    Again,
    Failed,
    Ignored,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Again => "again",
            Self::Failed => "FAILED",
            Self::Ignored => "ignored",
        })
    }
}

/// The line of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    /// The target, then the name: `scenarios::peer_close`.
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
}

/// Everything a column said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transcript {
    /// The kernel release, once tests could begin.
    pub(crate) release: Option<String>,
    /// The active mode of lockdown, or `None` if the kernel does not tell.
    pub(crate) lockdown: Option<String>,
    /// `shown` or `hidden`.
    pub(crate) btf: Option<String>,
    /// Kernel modules loaded on purpose.
    pub(crate) modules: Vec<String>,
    /// Suites that began.
    pub(crate) suites: Vec<String>,
    pub(crate) tests: Vec<Test>,
    /// From the summary lines, which count independently of the lines of `tests`.
    pub(crate) tally: Tally,
    /// How many summary lines there were.
    pub(crate) summaries: usize,
    /// What the tracer called the way it was attached.
    pub(crate) tier: Option<String>,
    /// Connections of the scenarios whose cause of close was not known.
    pub(crate) unknown: Option<u64>,
    /// Of these, how many scenes that need not count may have caused, see [`super::replay`].
    pub(crate) excused_unknown: u64,
    /// Events that the kernel did not show the tracer of the scenarios, at most: one number a play.
    pub(crate) missed: Vec<u64>,
    /// Scenes that could not be played to their end.
    pub(crate) broken: Option<u64>,
}

impl Transcript {
    pub(crate) fn ready(&self) -> bool {
        self.release.is_some()
    }

    /// Takes in a line; an ending is the last thing there is to read.
    pub(crate) fn line(&mut self, raw: &str) -> Option<Ending> {
        let line = raw.trim_end();
        if line.contains("Kernel panic") {
            return Some(self.dead(line.to_owned()));
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            READY => self.release = Some(rest.to_owned()),
            FACT => self.fact(rest),
            FAULT => return Some(Ending::Misprepared(rest.to_owned())),
            SUITE => self.suites.push(rest.to_owned()),
            EXIT => {
                let status = rest.trim().parse();
                return Some(
                    status
                        .map_or_else(|_| self.dead(format!("unreadable: {line}")), Ending::Exited),
                );
            }
            "test" => self.test(line),
            "tier" if self.in_scenarios() => self.tier = Some(rest.to_owned()),
            "unknown" if self.in_scenarios() => self.unknown = rest.parse().ok(),
            "missed" if self.in_scenarios() => self.missed.extend(rest.parse::<u64>()),
            "broken" if self.in_scenarios() => self.broken = rest.parse().ok(),
            _ => {}
        }
        None
    }

    /// How it ended if no line said so.
    pub(crate) fn dead(&self, why: String) -> Ending {
        if self.ready() { Ending::Died(why) } else { Ending::NotReady(why) }
    }

    /// Tests of the suite called `target`.
    pub(crate) fn tests_of(&self, target: &str) -> usize {
        let of = |test: &&Test| {
            test.name.strip_prefix(target).is_some_and(|rest| rest.starts_with("::"))
        };
        self.tests.iter().filter(of).count()
    }

    fn in_scenarios(&self) -> bool {
        self.suites.last().is_some_and(|suite| suite == SCENARIOS)
    }

    fn fact(&mut self, fact: &str) {
        match fact.split_once(' ') {
            // All modes are listed, the active one in brackets.
            Some(("lockdown", modes)) => {
                let active = modes.split(' ').find_map(|m| m.strip_prefix('[')?.strip_suffix(']'));
                self.lockdown = active.map(str::to_owned);
            }
            Some(("btf", state)) => self.btf = Some(state.to_owned()),
            Some(("module", name)) => self.modules.push(name.to_owned()),
            _ => {}
        }
    }

    fn test(&mut self, line: &str) {
        self.summaries += usize::from(self.tally.line(line));
        let (Some(suite), Some((name, ending))) = (
            self.suites.last(),
            line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")),
        ) else {
            return;
        };
        // A line cut short or written into has no verdict; the summary then counts one more.
        let verdict = match ending.trim() {
            "ok" => Verdict::Ok,
            "FAILED" => Verdict::Failed,
            other if other.starts_with("ignored") => Verdict::Ignored,
            _ => return,
        };
        self.tests.push(Test { name: format!("{suite}::{}", name.trim()), verdict });
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, Test, Transcript, Verdict};
    use crate::tally::Tally;

    fn read(lines: &[&str]) -> (Transcript, Option<Ending>) {
        let mut transcript = Transcript::default();
        let ending = lines.iter().find_map(|line| transcript.line(line));
        (transcript, ending)
    }

    #[test]
    fn the_status_of_the_tests_is_the_ending() {
        let (transcript, ending) = read(&["COLUMN-READY 6.1.0\r\n", "COLUMN-EXIT 101\r\n"]);
        assert_eq!(ending, Some(Ending::Exited(101)));
        assert_eq!(transcript.release.as_deref(), Some("6.1.0"));
    }

    #[test]
    fn a_panic_before_the_marker_says_nothing_of_the_tests() {
        let panic = "Kernel panic - not syncing";
        assert_eq!(read(&[panic]).1, Some(Ending::NotReady(panic.to_owned())));
    }

    #[test]
    fn a_panic_after_the_marker_is_a_failure() {
        let panic = "Kernel panic - not syncing";
        assert_eq!(read(&["COLUMN-READY 6.1.0", panic]).1, Some(Ending::Died(panic.to_owned())));
    }

    #[test]
    fn an_exit_without_a_number_is_not_a_success() {
        let (_, ending) = read(&["COLUMN-READY 6.1.0", "COLUMN-EXIT"]);
        assert!(matches!(ending, Some(Ending::Died(_))), "{ending:?}");
    }

    #[test]
    fn a_fault_ends_the_run() {
        let fault = Ending::Misprepared("module tun does not load".to_owned());
        assert_eq!(read(&["COLUMN-FAULT module tun does not load"]).1, Some(fault));
    }

    #[test]
    fn facts_are_what_the_machine_says_of_itself() {
        let (transcript, _) = read(&[
            "COLUMN-FACT module inet_diag",
            "COLUMN-FACT lockdown none integrity [confidentiality]",
            "COLUMN-FACT btf hidden",
        ]);
        assert_eq!(transcript.lockdown.as_deref(), Some("confidentiality"));
        assert_eq!(transcript.btf.as_deref(), Some("hidden"));
        assert_eq!(transcript.modules, ["inet_diag"]);
        assert_eq!(read(&["COLUMN-FACT lockdown"]).0.lockdown, None);
    }

    #[test]
    fn tests_are_named_by_suite_and_counted_twice_over() {
        let (transcript, _) = read(&[
            "COLUMN-SUITE vm",
            "test a ... ok",
            "COLUMN-SUITE scenarios",
            "tier btf",
            "missed 3",
            "broken 1",
            "test b        ... FAILED",
            "test c ... ignored, needs root",
            "test d ... [    9.1] a line of the kernel",
            "unknown 2",
            "test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out",
        ]);
        let test = |name: &str, verdict| Test { name: name.to_owned(), verdict };
        let expected = [
            test("vm::a", Verdict::Ok),
            test("scenarios::b", Verdict::Failed),
            test("scenarios::c", Verdict::Ignored),
        ];
        assert_eq!(transcript.tests, expected);
        assert_eq!(transcript.tally, Tally { passed: 2, failed: 1, ignored: 1, again: 0 });
        assert_eq!(transcript.summaries, 1);
        assert_eq!(transcript.tests_of("scenarios"), 2);
        assert_eq!(transcript.tier.as_deref(), Some("btf"));
        assert_eq!(transcript.unknown, Some(2));
        assert_eq!((transcript.missed, transcript.broken), (vec![3], Some(1)));
    }

    #[test]
    fn only_the_scenarios_tell_tier_and_counts() {
        let lines = ["COLUMN-SUITE vm", "tier btf", "missed 1", "broken 0", "unknown 0"];
        let (transcript, _) = read(&lines);
        assert_eq!((transcript.tier, transcript.unknown), (None, None));
        assert_eq!((transcript.missed, transcript.broken), (vec![], None));
    }
}
