//! A verdict, with what justifies it.

use crate::aggregate::Key;

/// Stable name of a kind of verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// One exchange per connection, closed by us right after the answer.
    OneShot,
    /// Closed by us with the answer unread.
    UnreadClose,
    /// Dials continue while idle connections pile up unclosed.
    Hoard,
    /// A process per connection, many of one executable.
    ShortLivedProcess,
    /// CLOSE_WAIT connections age and grow in number.
    CloseWaitLeak,
    /// Dials are refused.
    ConnectRefused,
}

impl Code {
    /// Every code.
    pub const ALL: &[Self] = &[
        Self::OneShot,
        Self::UnreadClose,
        Self::Hoard,
        Self::ShortLivedProcess,
        Self::CloseWaitLeak,
        Self::ConnectRefused,
    ];

    /// Name used in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneShot => "one-shot",
            Self::UnreadClose => "unread-close",
            Self::Hoard => "hoard",
            Self::ShortLivedProcess => "short-lived-process",
            Self::CloseWaitLeak => "close-wait-leak",
            Self::ConnectRefused => "connect-refused",
        }
    }
}

/// How much harm it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Costs latency, CPU or ports.
    Warn,
    /// Fails requests, or will soon.
    Error,
}

impl Severity {
    /// Name used in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// How sure we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Confidence {
    /// Indications only.
    Low,
    /// Likely; an innocent explanation is left.
    Medium,
    /// Every innocent explanation that we know was checked.
    High,
}

impl Confidence {
    /// Name used in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// One measure behind a verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Snake-case name with its unit, e.g. `connections`, `median_idle_before_close_s`.
    pub name: &'static str,
    /// The value.
    pub value: f64,
}

/// A named verdict about one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What.
    pub code: Code,
    /// About whom.
    pub key: Key,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// What keeps the confidence below high, one sentence each.
    pub doubts: Vec<String>,
    /// Connections it is about.
    pub connections: u64,
    /// One sentence a person on call understands.
    pub summary: String,
    /// What to change.
    pub advice: String,
    /// Counts and measures that justify it, most telling first.
    pub evidence: Vec<Evidence>,
    /// Innocent or other explanations that were checked and do not hold, one sentence each.
    pub ruled_out: Vec<String>,
    /// First connection that counts towards it, monotonic nanoseconds.
    pub first_seen_ns: u64,
    /// Last one.
    pub last_seen_ns: u64,
    /// Socket cookies of some of them.
    pub examples: Vec<u64>,
    /// Number of processes it is about.
    pub processes: u64,
}

impl Finding {
    /// Adds a measure; one that is unknown is left out.
    pub(super) fn measure(&mut self, name: &'static str, value: impl Into<Option<f64>>) {
        self.evidence.extend(value.into().map(|value| Evidence { name, value }));
    }

    /// Adds a count.
    pub(super) fn count(&mut self, name: &'static str, count: u64) {
        self.measure(name, count as f64);
    }

    /// Lowers the confidence to at most `at_most` and says why.
    pub(super) fn doubt(&mut self, at_most: Confidence, why: impl Into<String>) {
        self.confidence = self.confidence.min(at_most);
        self.doubts.push(why.into());
    }

    /// Adds an explanation that was checked and does not hold.
    pub(super) fn rule_out(&mut self, sentence: impl Into<String>) {
        self.ruled_out.push(sentence.into());
    }
}
