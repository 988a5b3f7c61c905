//! When the next thing is due, for loads with a rate. A sleep costs more than a connection, so what
//! is due within [`SLACK`] is done together.

use std::thread;
use std::time::{Duration, Instant};

const SLACK: Duration = Duration::from_millis(2);

/// Of one thread.
pub(crate) struct Pace {
    began: Instant,
    deadline: Instant,
    /// Time from one to the next; none is as fast as it goes.
    step: Option<Duration>,
    done: u32,
}

impl Pace {
    /// `rate` per second, of all `threads`.
    pub(crate) fn new(deadline: Instant, rate: Option<u32>, threads: u16) -> Self {
        let step = rate.map(|rate| Duration::from_secs(1) * u32::from(threads) / rate);
        Self { began: Instant::now(), deadline, step, done: 0 }
    }

    /// Waits until the next is due; false once the time is over.
    pub(crate) fn wait(&mut self) -> bool {
        let now = Instant::now();
        if now >= self.deadline {
            return false;
        }
        let Some(step) = self.step else { return true };
        let due = self.began + step * self.done;
        self.done += 1;
        if due > now + SLACK {
            thread::sleep(due.min(self.deadline) - now);
        } else if now > due + Duration::from_secs(1) {
            // What could not be done in time is not made up for: the rate is the most there is.
            (self.began, self.done) = (now, 1);
        }
        Instant::now() < self.deadline
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use std::time::{Duration, Instant};

    /// How many of a hundred steps were made in time.
    fn done_of_a_hundred() -> u32 {
        let began = Instant::now();
        let mut pace = Pace::new(began + Duration::from_millis(200), Some(1_000), 2);
        let mut done = 0;
        while pace.wait() {
            done += 1;
        }
        assert!(done <= 102, "{done} of 100");
        assert!(began.elapsed() >= Duration::from_millis(200));
        done
    }

    #[test]
    fn a_rate_is_kept_and_ends_in_time() {
        // Unless the machine stands still meanwhile.
        assert!((0..5).any(|_| done_of_a_hundred() >= 50));
    }
}
