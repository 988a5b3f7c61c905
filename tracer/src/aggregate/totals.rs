//! What is counted for each key.

use std::collections::BTreeMap;

use crate::connection::{Basis, CloseCause, OpenCause};

/// Counts over the window.
#[derive(Clone, Debug, PartialEq)]
pub struct Totals {
    /// Dials or accepts that began in the window.
    pub opened: u64,
    /// Connections that ended in the window, failed dials included.
    pub closed: u64,
    /// Open at the end of the window.
    pub open: u64,
    /// Of all of them, those that were there before the window.
    pub preexisting: u64,
    /// Dials that failed.
    pub failed: u64,
    /// Most open at one time.
    pub peak: u64,
    /// Exchanges, over all of them.
    pub exchanges: u64,
    /// Connections that carried at least one exchange: the denominator's partner of the ratio.
    pub used: u64,
    /// Where `exchanges` comes from.
    pub exchanges_basis: Basis,
    /// Dials although a connection was idle or had just been closed by us.
    pub redials: u64,
    /// Ended connections by cause.
    pub closes: BTreeMap<CloseCause, u64>,
    /// Begun connections by cause.
    pub opens: BTreeMap<OpenCause, u64>,
    /// Median time from dial or accept to first close transition, seconds.
    pub duration_p50_s: Option<f64>,
    /// 99th percentile of the same.
    pub duration_p99_s: Option<f64>,
    /// Payload bytes sent, ended connections only.
    pub bytes_sent: u64,
    /// Payload bytes received, ended connections only.
    pub bytes_received: u64,
    /// Different processes folded into this key.
    pub processes: u64,
}

impl Totals {
    /// 1 − connections ÷ exchanges, over connections that carried at least one exchange; `None`
    /// if there is none.
    #[must_use]
    pub fn reuse_ratio(&self) -> Option<f64> {
        (self.exchanges > 0).then(|| 1.0 - self.used as f64 / self.exchanges as f64)
    }
}
