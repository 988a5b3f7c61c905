//! What a record must say: every key it may have, and what is right for each. A key that is not
//! listed must be absent. Says nothing of what a kernel can know.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

/// What is right for one key.
#[derive(Clone, Debug)]
pub(crate) enum Want {
    /// Exactly this.
    Is(Value),
    /// One of these.
    OneOf(Vec<Value>),
    /// An integer within these bounds.
    Count(RangeInclusive<u64>),
    /// Seconds, at least so many and at most the life of the scene.
    Seconds(Duration),
    /// The same, but more than none.
    SomeSeconds,
    /// A time between these.
    Between(Timestamp, Timestamp),
    /// A time within the life of the scene.
    Within,
    /// Absent, or this.
    Maybe(Box<Want>),
}

/// When a scene was on, as its process saw it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    /// Before its first dial.
    pub(crate) began: Timestamp,
    /// After the end of its last connection.
    pub(crate) ended: Timestamp,
}

/// Of a clock that is read once for all records, and of kernel ticks.
const TOLERANCE: Duration = Duration::from_millis(50);

impl Life {
    fn seconds(&self) -> f64 {
        (self.ended.duration_since(self.began)).as_secs_f64() + TOLERANCE.as_secs_f64()
    }

    fn has(&self, time: Timestamp) -> bool {
        (self.began - TOLERANCE..=self.ended + TOLERANCE).contains(&time)
    }
}

impl Want {
    fn is_met(&self, told: Option<&Value>, life: &Life) -> bool {
        let Some(value) = told else { return matches!(self, Self::Maybe(_)) };
        let seconds = || value.as_f64().filter(|seconds| *seconds <= life.seconds());
        let time = || value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
        match self {
            Self::Is(right) => right == value,
            Self::OneOf(all) => all.contains(value),
            Self::Count(bounds) => value.as_u64().is_some_and(|count| bounds.contains(&count)),
            Self::Seconds(least) => seconds().is_some_and(|told| told >= least.as_secs_f64()),
            Self::SomeSeconds => seconds().is_some_and(|told| told > 0.0),
            Self::Between(from, to) => time().is_some_and(|time| (*from..=*to).contains(&time)),
            Self::Within => time().is_some_and(|time| life.has(time)),
            Self::Maybe(inner) => inner.is_met(told, life),
        }
    }

    /// The same, where it may also be absent.
    pub(crate) fn or_absent(self) -> Self {
        match self {
            Self::Maybe(_) => self,
            other => Self::Maybe(Box::new(other)),
        }
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(value) => write!(f, "{value}"),
            Self::OneOf(all) => write!(f, "one of {}", Value::from(all.clone())),
            Self::Count(bounds) => write!(f, "{} to {}", bounds.start(), bounds.end()),
            Self::Seconds(least) => write!(f, "seconds from {}", least.as_secs_f64()),
            Self::SomeSeconds => f.write_str("seconds above 0, within the scene"),
            Self::Between(from, to) => write!(f, "{from} to {to}"),
            Self::Within => f.write_str("a time within the scene"),
            Self::Maybe(inner) => write!(f, "nothing or {inner}"),
        }
    }
}

/// One complete expected record.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    keys: BTreeMap<&'static str, Want>,
    /// Only a hook at the accept can tell whose it is: nobody used it afterwards.
    pub(crate) is_unused: bool,
}

/// Keys that tell which record it is: a mismatch there is worse than any other.
const IDENTITY: [&str; 4] =
    ["network.local.port", "network.peer.port", "tracer.role", "tracer.socket_cookie"];

impl Record {
    /// One that owes nothing yet.
    pub(crate) const fn new() -> Self {
        Self { keys: BTreeMap::new(), is_unused: false }
    }

    /// What is wanted of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&Want> {
        self.keys.get(key)
    }

    /// Whether `key` must be exactly `value`.
    pub(crate) fn says(&self, key: &str, value: impl Into<Value>) -> bool {
        let value = value.into();
        matches!(self.get(key), Some(Want::Is(right)) if *right == value)
    }

    /// Wants `want` of `key`.
    pub(crate) fn want(mut self, key: &'static str, want: Want) -> Self {
        self.keys.insert(key, want);
        self
    }

    /// Wants exactly `value`.
    pub(crate) fn is(self, key: &'static str, value: impl Into<Value>) -> Self {
        self.want(key, Want::Is(value.into()))
    }

    /// Wants no such key.
    pub(crate) fn without(mut self, key: &'static str) -> Self {
        self.keys.remove(key);
        self
    }

    /// Where `key` is wanted, also takes its absence.
    pub(crate) fn may_lack(mut self, key: &'static str) -> Self {
        if let Some(want) = self.keys.remove(key) {
            self.keys.insert(key, want.or_absent());
        }
        self
    }

    /// What `told` gets wrong, a line each: keys that differ, lack, or are too many.
    pub(crate) fn faults(&self, told: &Value, life: &Life) -> Vec<String> {
        let told = told.as_object().expect("a line is an object");
        let mut faults: Vec<_> = self
            .keys
            .iter()
            .filter(|(key, want)| !want.is_met(told.get(**key), life))
            .map(|(key, want)| {
                let said = told.get(*key).map_or("nothing".to_owned(), Value::to_string);
                format!("{key}: wanted {want}, told {said}")
            })
            .collect();
        let extra = told.iter().filter(|(key, _)| !self.keys.contains_key(key.as_str()));
        faults.extend(extra.map(|(key, value)| format!("{key}: wanted nothing, told {value}")));
        faults
    }

    /// How far `told` is from this record, to find out which one it is meant to be.
    pub(crate) fn distance(&self, told: &Value, life: &Life) -> usize {
        let faults = self.faults(told, life);
        let is_identity = |fault: &&String| IDENTITY.iter().any(|key| fault.starts_with(key));
        faults.len() + 100 * faults.iter().filter(is_identity).count()
    }
}
