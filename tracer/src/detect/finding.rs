//! A verdict, with what justifies it.

use super::{Also, Cause};
use crate::aggregate::Key;
use crate::process::Runtime;
use crate::words::words;

words! {
    /// Stable name of a kind of verdict.
    Code {
        /// One exchange per connection, closed by us right after the answer.
        OneShot = "one-shot",
        /// Closed by us with the answer unread.
        UnreadClose = "unread-close",
        /// A pool keeps fewer connections than are used at a time, and drops the rest.
        PoolTooSmall = "pool-too-small",
        /// Dials continue while idle connections pile up unclosed.
        Hoard = "hoard",
        /// The peer closes after each answer.
        PeerClosesEach = "peer-closes-each",
        /// The peer closes at a constant exchange count or age.
        PeerRecycles = "peer-recycles",
        /// The peer closes idle connections that we then need again.
        PeerIdleTimeout = "peer-idle-timeout",
        /// We close idle connections that we then need again.
        ClientIdleTimeout = "client-idle-timeout",
        /// We wrote on connections that the peer had closed.
        StaleReuse = "stale-reuse",
        /// We close while an answer is outstanding.
        CancelledExchange = "cancelled-exchange",
        /// A process per connection, many of one executable.
        ShortLivedProcess = "short-lived-process",
        /// CLOSE_WAIT connections age and grow in number.
        CloseWaitLeak = "close-wait-leak",
        /// Dials are refused.
        ConnectRefused = "connect-refused",
        /// Dials are not answered.
        ConnectTimeout = "connect-timeout",
        /// Dials are answered by ICMP, or have no route.
        ConnectUnreachable = "connect-unreachable",
        /// We give dials up before they are answered.
        DialCancelled = "dial-cancelled",
        /// The peer resets connections.
        ResetsReceived = "resets-received",
        /// This host resets connections.
        ResetsSent = "resets-sent",
        /// We close with `SO_LINGER` 0.
        AbortiveClose = "abortive-close",
        /// We drop connections after a few exchanges although they were fine.
        ClientRecycles = "client-recycles",
        /// Ephemeral ports towards one destination run out.
        PortPressure = "port-pressure",
    }
}

words! {
    /// How much harm it does.
    Severity {
        /// Worth knowing.
        Info = "INFO",
        /// Costs latency, CPU or ports.
        Warn = "WARN",
        /// Fails requests, or will soon.
        Error = "ERROR",
    }
}

words! {
    /// How sure we are.
    Confidence {
        /// Indications only.
        Low = "low",
        /// Likely; an innocent explanation is left.
        Medium = "medium",
        /// Every innocent explanation that we know was checked.
        High = "high",
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

/// What a finding leads to: a verdict of its own, were it not for the one it is listed under.
#[derive(Clone, Debug, PartialEq)]
pub struct Consequence {
    /// What.
    pub code: Code,
    /// How bad by itself.
    pub severity: Severity,
    /// One sentence a person on call understands.
    pub summary: String,
    /// Counts and measures that justify it, most telling first.
    pub evidence: Vec<Evidence>,
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
    /// What it leads to; not told as findings of their own.
    pub consequences: Vec<Consequence>,
    /// First connection that counts towards it, monotonic nanoseconds.
    pub first_seen_ns: u64,
    /// Last one.
    pub last_seen_ns: u64,
    /// Socket cookies of some of them.
    pub examples: Vec<u64>,
    /// Number of processes it is about.
    pub processes: u64,
    /// Other processes and destinations that show the same.
    pub also: Vec<Also>,
    /// What is the same cause, from one tick to the next too.
    pub cause: Cause,
    /// What they run on, if that is known and the same.
    pub runtime: Option<Runtime>,
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
