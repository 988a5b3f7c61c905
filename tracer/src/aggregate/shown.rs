//! An entry as it is looked at: borrowed, unless several are put together. Owns no rule of which.

use std::ops::Deref;

use super::{Entry, Memory};

/// One entry to look at: as it is kept, or several put together.
#[derive(Debug)]
pub enum Shown<'a, M> {
    /// As it is kept.
    One(&'a Entry<M>),
    /// Several together.
    Together(Box<Entry<M>>),
}

impl<M> Deref for Shown<'_, M> {
    type Target = Entry<M>;

    fn deref(&self) -> &Entry<M> {
        match self {
            Self::One(entry) => entry,
            Self::Together(entry) => entry,
        }
    }
}

impl<M: Memory> Shown<'_, M> {
    pub(super) fn merge(&mut self, other: &Entry<M>) {
        match self {
            Self::One(entry) => {
                let mut together = Box::new((*entry).clone());
                together.merge(other);
                *self = Self::Together(together);
            }
            Self::Together(entry) => entry.merge(other),
        }
    }

    pub(super) fn set_processes(&mut self, processes: u64) {
        if let Self::Together(entry) = self {
            entry.processes = processes;
        }
    }
}
