//! What several detectors ask of one interval of a key, found once.

use std::ops::Deref;

use super::redials::Window;
use super::silence::Silence;
use crate::aggregate::Slice;
use crate::connection::{Connection, OpenCause, Role};

/// What was seen of a key before an interval, whichever detector asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    /// Connections that were open and silent at the tick before.
    pub(super) silence: Silence,
    /// The newest dials.
    pub(super) dials: Window,
    /// The newest of them that were made while no connection lay idle.
    pub(super) needed: Window,
}

/// One interval of one key, and what was seen of it before.
#[derive(Debug)]
pub(super) struct Interval<'a> {
    slice: &'a Slice<'a>,
    opened: Vec<(u64, &'a Connection)>,
    /// The client's dials, monotonic nanoseconds, ascending.
    pub(super) dials: Vec<u64>,
    /// Those of `dials` that were made while no connection lay idle.
    pub(super) needed: Vec<u64>,
    pub(super) before: &'a Before,
}

impl<'a> Interval<'a> {
    pub(super) fn new(slice: &'a Slice<'a>, before: &'a Before) -> Self {
        // Mostly it is what ended.
        let mut opened = Vec::with_capacity(slice.ended.len());
        let (mut dials, mut needed) = (Vec::new(), Vec::new());
        for (opened_ns, connection) in slice.opened() {
            opened.push((opened_ns, connection));
            if connection.role != Some(Role::Client) {
                continue;
            }
            if dials.is_empty() {
                dials.reserve(slice.ended.len());
                needed.reserve(slice.ended.len());
            }
            dials.push(opened_ns);
            // A dial beside an idle connection does not need the one that is gone.
            if connection.open_cause != OpenCause::IdleAvailable {
                needed.push(opened_ns);
            }
        }
        dials.sort_unstable();
        needed.sort_unstable();
        Self { slice, opened, dials, needed, before }
    }

    /// As [`Slice::opened`], which need not look for them again.
    pub(super) fn opened(&self) -> impl Iterator<Item = (u64, &'a Connection)> {
        self.opened.iter().copied()
    }
}

impl<'a> Deref for Interval<'a> {
    type Target = Slice<'a>;

    fn deref(&self) -> &Slice<'a> {
        self.slice
    }
}

impl Before {
    /// Takes in an interval that all detectors have seen, whose dials are given.
    pub(super) fn observe(&mut self, slice: &Slice<'_>, dials: &[u64], needed: &[u64]) {
        self.silence.observe(slice.live, slice.now_ns);
        self.dials.extend(dials);
        self.needed.extend(needed);
    }
}
