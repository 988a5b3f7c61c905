//! The anchor from kernel clocks to wall time; [`Clock::now`] is the only reader of clocks.
//!
//! Conversions are pure functions of plain integers, so that a recorded file carries its clock and
//! its times print the same on any host. One run has one anchor; only who runs for months takes another
//! when the host's clock was set ([`Clock::step_s`]).

use jiff::Timestamp;
use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

const NS_PER_S: i64 = 1_000_000_000;

/// Offsets between the clocks of one host, taken once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// `CLOCK_REALTIME` − `CLOCK_MONOTONIC`, nanoseconds. All record times are monotonic.
    pub wall_minus_monotonic_ns: i64,
    /// `CLOCK_BOOTTIME` − `CLOCK_MONOTONIC`, nanoseconds: the time spent suspended. Process start
    /// times count from boot.
    pub boot_minus_monotonic_ns: i64,
    /// Length of one kernel tick, nanoseconds: the resolution of coarse times, the unit of jiffies.
    pub tick_ns: u64,
}

impl Clock {
    /// Reads this host's clocks.
    #[must_use]
    pub fn now() -> Self {
        // Bracketed by two monotonic reads, so that a preemption in between shifts the anchor by
        // half of it at most.
        let before = nanoseconds(clock_gettime(ClockId::Monotonic));
        let wall = nanoseconds(clock_gettime(ClockId::Realtime));
        let boot = nanoseconds(clock_gettime(ClockId::Boottime));
        let after = nanoseconds(clock_gettime(ClockId::Monotonic));
        let monotonic = before + (after - before) / 2;
        // The two differ by whole suspends; what is less than a tick is the time between the reads.
        let tick = nanoseconds(clock_getres(ClockId::MonotonicCoarse));
        let suspended = boot - monotonic;
        Self {
            wall_minus_monotonic_ns: wall - monotonic,
            boot_minus_monotonic_ns: if suspended.abs() < tick { 0 } else { suspended },
            tick_ns: tick.unsigned_abs(),
        }
    }

    /// By how many seconds wall time was set since, if it was `now`'s; 0 for less than one: two readings
    /// differ by a preemption. Suspends count, too: record times stand still meanwhile.
    #[must_use]
    pub fn step_s(&self, now: &Self) -> f64 {
        let step_ns = now.wall_minus_monotonic_ns.saturating_sub(self.wall_minus_monotonic_ns);
        if step_ns.unsigned_abs() < NS_PER_S.unsigned_abs() { 0.0 } else { step_ns as f64 / 1e9 }
    }

    /// The present, monotonic nanoseconds.
    #[must_use]
    pub fn monotonic_ns() -> u64 {
        nanoseconds(clock_gettime(ClockId::Monotonic)).unsigned_abs()
    }

    /// RFC 3339 UTC time with nine fractional digits, of a monotonic time.
    #[must_use]
    pub fn timestamp(&self, monotonic_ns: u64) -> String {
        format!("{:.9}", self.wall(monotonic_ns, 0))
    }

    /// [`Self::timestamp`], of many times one after another.
    #[must_use]
    pub const fn stamps(self) -> Stamps {
        Stamps { clock: self, second: None, text: String::new() }
    }

    /// The same, of a time since boot such as a process start.
    #[must_use]
    pub fn timestamp_of_boot(&self, boot_ns: u64) -> String {
        format!("{:.9}", self.wall(boot_ns, self.boot_minus_monotonic_ns))
    }

    /// UTC time of day with milliseconds, of a monotonic time: `22:50:57.123`.
    #[must_use]
    pub fn time_of_day(&self, monotonic_ns: u64) -> String {
        self.wall(monotonic_ns, 0).strftime("%H:%M:%S%.3f").to_string()
    }

    fn wall(&self, ns: u64, ahead_ns: i64) -> Timestamp {
        let wall = i128::from(ns) + i128::from(self.wall_minus_monotonic_ns) - i128::from(ahead_ns);
        // Only a damaged recording gets out of range; it must not stop the output.
        Timestamp::from_nanosecond(wall).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Times as text, one after another: mostly of the same second.
#[derive(Clone, Debug)]
pub struct Stamps {
    clock: Clock,
    /// Wall time in seconds, and all of its text but the fraction.
    second: Option<i64>,
    text: String,
}

impl Stamps {
    /// Appends [`Clock::timestamp`] of a monotonic time.
    pub fn put(&mut self, out: &mut Vec<u8>, monotonic_ns: u64) {
        let wall = i64::try_from(monotonic_ns)
            .ok()
            .and_then(|ns| ns.checked_add(self.clock.wall_minus_monotonic_ns));
        let Some(wall) = wall else {
            out.extend_from_slice(self.clock.timestamp(monotonic_ns).as_bytes());
            return;
        };
        let (second, fraction) = (wall.div_euclid(NS_PER_S), wall.rem_euclid(NS_PER_S));
        if self.second != Some(second) {
            self.text = self.clock.timestamp(monotonic_ns);
            // Nine digits and the letter.
            self.text.truncate(self.text.len().saturating_sub(10));
            self.second = Some(second);
        }
        out.extend_from_slice(self.text.as_bytes());
        // A digit in front keeps the zeros.
        let mut digits = itoa::Buffer::new();
        out.extend_from_slice(&digits.format(NS_PER_S + fraction).as_bytes()[1..]);
        out.push(b'Z');
    }
}

fn nanoseconds(time: Timespec) -> i64 {
    time.tv_sec * NS_PER_S + time.tv_nsec
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: Clock = Clock {
        wall_minus_monotonic_ns: 1_700_000_000 * NS_PER_S,
        boot_minus_monotonic_ns: 3600 * NS_PER_S,
        tick_ns: 4_000_000,
    };

    #[test]
    fn a_clock_that_was_set_has_a_step_and_one_that_was_read_twice_has_none() {
        let clock = Clock::now();
        let later =
            |ns| Clock { wall_minus_monotonic_ns: clock.wall_minus_monotonic_ns + ns, ..clock };
        assert!((clock.step_s(&later(3_600 * NS_PER_S)) - 3_600.0).abs() < 1e-9);
        assert!((clock.step_s(&later(-5 * NS_PER_S)) + 5.0).abs() < 1e-9);
        assert!(clock.step_s(&later(NS_PER_S / 2)).abs() < 1e-9);
        assert!(clock.step_s(&Clock::now()).abs() < 1e-9);
    }

    #[test]
    fn monotonic_time_becomes_wall_time_to_the_nanosecond() {
        assert_eq!(CLOCK.timestamp(1), "2023-11-14T22:13:20.000000001Z");
        assert_eq!(CLOCK.timestamp(1_500_000_000), "2023-11-14T22:13:21.500000000Z");
    }

    #[test]
    fn times_one_after_another_are_those_one_by_one() {
        let times =
            [0, 1, 999_999_999, 1_000_000_000, 7_000_000_010, 6_999_999_999, 1 << 62, u64::MAX];
        let behind = Clock { wall_minus_monotonic_ns: -5_500_000_000, ..CLOCK };
        let far = Clock { wall_minus_monotonic_ns: i64::MAX, ..CLOCK };
        for clock in [CLOCK, behind, far] {
            let mut stamps = clock.stamps();
            for at_ns in times {
                let mut text = Vec::new();
                stamps.put(&mut text, at_ns);
                assert_eq!(String::from_utf8(text).unwrap(), clock.timestamp(at_ns), "{at_ns}");
            }
        }
    }

    #[test]
    fn time_since_boot_does_not_count_suspends_twice() {
        let hour_ns = 3_600_000_000_000;
        assert_eq!(CLOCK.timestamp_of_boot(hour_ns + 7), CLOCK.timestamp(7));
    }

    #[test]
    fn time_of_day_has_milliseconds() {
        assert_eq!(CLOCK.time_of_day(1_234_999_999), "22:13:21.234");
    }

    #[test]
    fn absurd_times_of_a_damaged_recording_do_not_panic() {
        let clock = Clock { wall_minus_monotonic_ns: i64::MAX, ..CLOCK };
        assert!(clock.timestamp(u64::MAX).ends_with('Z'));
        let clock = Clock { wall_minus_monotonic_ns: i64::MIN, ..CLOCK };
        assert!(clock.timestamp_of_boot(0).ends_with('Z'));
    }

    #[test]
    fn this_host_has_a_tick_and_lives_after_the_epoch() {
        let clock = Clock::now();
        assert!((1_000_000..=10_000_000).contains(&clock.tick_ns), "{clock:?}");
        assert!(clock.boot_minus_monotonic_ns >= 0, "{clock:?}");
        let now = i128::from(clock.wall_minus_monotonic_ns) + i128::from(Clock::monotonic_ns());
        let wall = Timestamp::now().as_nanosecond();
        assert!((wall - now).abs() < 1_000_000_000, "{now} against {wall}");
    }
}
