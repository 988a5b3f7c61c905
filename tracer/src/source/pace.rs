//! How long the reader sleeps between two drains: long on an idle host, short enough for the ring on
//! a busy one.

use std::time::Duration;

/// Kernel-side wakeups cost more than all hooks together. This is 20 short wakeups a second.
const LONGEST: Duration = Duration::from_millis(50);
/// The same on a host where nothing ends: each of them wakes a CPU.
const LONGEST_IDLE: Duration = Duration::from_millis(250);
/// So many drains in a row, two seconds of them, have found nothing there.
const IDLE: u32 = 40;
/// A thread of real-time priority leaves the CPU to others for at least so long.
const SHORTEST: Duration = Duration::from_millis(1);
/// What a host fills in a second when it suddenly is at its busiest: 200,000 records. A pause must
/// not be so long that it fills the ring at once.
const SUDDEN_BYTES_PER_S: u64 = 64 << 20;

/// The pause, as it follows from what was found in the ring.
#[derive(Debug)]
pub(super) struct Pace {
    ring_bytes: usize,
    longest: Duration,
    longest_idle: Duration,
    /// Drains in a row that found nothing.
    empty: u32,
    pause: Duration,
}

impl Pace {
    /// For a ring of this size.
    pub(super) fn new(ring_bytes: usize) -> Self {
        let sudden = Duration::from_micros(ring_bytes as u64 * 1_000_000 / SUDDEN_BYTES_PER_S);
        let longest = (sudden / 2).clamp(SHORTEST, LONGEST);
        let longest_idle = (sudden / 2).clamp(SHORTEST, LONGEST_IDLE);
        Self { ring_bytes, longest, longest_idle, empty: 0, pause: longest }
    }

    /// The pause after a drain that took `drained` bytes: aims at a ring that is filled to between a
    /// thirty-second and an eighth.
    pub(super) fn after(&mut self, drained: usize) -> Duration {
        if drained > self.ring_bytes / 8 {
            self.pause /= 2;
        } else if drained < self.ring_bytes / 32 {
            self.pause *= 2;
        }
        self.empty = if drained == 0 { self.empty.saturating_add(1) } else { 0 };
        let longest = if self.empty < IDLE { self.longest } else { self.longest_idle };
        self.pause = self.pause.clamp(SHORTEST, longest);
        self.pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_host_is_looked_at_a_few_times_a_second_until_something_ends() {
        let mut pace = Pace::new(64 << 20);
        assert!((1..IDLE).all(|_| pace.after(0) == LONGEST));
        assert!((0..10).map(|_| pace.after(0)).last() == Some(LONGEST_IDLE));
        assert_eq!(pace.after(300), LONGEST);
    }

    #[test]
    fn the_pause_adapts_to_the_load_and_back_and_never_vanishes() {
        let ring = 1 << 20;
        let mut pace = Pace::new(ring);
        for per_s in [10_000_000_usize, 300_000_000, 100_000, 2_000_000_000] {
            let mut pause = pace.after(0);
            for _ in 0..20 {
                let drained = pause.as_micros() as usize * per_s / 1_000_000;
                pause = pace.after(drained.min(ring));
            }
            let fill = pause.as_secs_f64() * per_s as f64 / ring as f64;
            assert!(fill < 0.15 || pause == SHORTEST, "{per_s}: {pause:?} fills {fill}");
            assert!(fill > 0.015 || pause == pace.longest, "{per_s}: {pause:?} fills {fill}");
        }
    }

    #[test]
    fn a_sudden_load_does_not_fill_a_small_ring_in_one_pause() {
        for mib in [1_usize, 2, 16, 1024] {
            let pause = Pace::new(mib << 20).longest_idle;
            assert!(pause.as_secs_f64() * SUDDEN_BYTES_PER_S as f64 <= (mib << 20) as f64);
        }
    }
}
