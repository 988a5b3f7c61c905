//! At how many different moments something happened. What befalls many connections at one moment has
//! one cause that is over: a restart, a deploy, a failover.

use crate::connection::seconds;

/// Closer together is one moment.
const APART_S: f64 = 1.0;

/// More than any detector asks for.
const KEPT: usize = 16;

/// Bounded memory of moments, monotonic nanoseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Moments(Vec<u64>);

impl Moments {
    pub(super) fn add(&mut self, at_ns: u64) {
        let is_same = |seen_ns: &u64| seconds(*seen_ns.min(&at_ns), *seen_ns.max(&at_ns)) < APART_S;
        if self.0.len() < KEPT && !self.0.iter().rev().any(is_same) {
            self.0.push(at_ns);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|at_ns| self.add(*at_ns));
    }

    /// How many, up to a bound.
    pub(super) const fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::support::{MILLI, SECOND};

    #[test]
    fn what_happens_within_a_second_is_one_moment() {
        let mut moments = Moments::default();
        for at_ns in [5 * SECOND, 5 * SECOND + 900 * MILLI, 4 * SECOND + 100 * MILLI, 7 * SECOND] {
            moments.add(at_ns);
        }
        assert_eq!(moments.len(), 2);
        moments.merge(&Moments(vec![7 * SECOND + MILLI, 9 * SECOND]));
        assert_eq!(moments.len(), 3);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut moments = Moments::default();
        (0..1000).for_each(|n| moments.add(n * SECOND));
        assert_eq!(moments.len(), KEPT as u64);
    }
}
