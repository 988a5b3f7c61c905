//! Wall time over months: the host's clock may be set after the start, and record times stand still while
//! the host sleeps. Lines follow it then, which is told.

use super::super::terminal;
use super::outputs::Outputs;
use crate::clock::Clock;

/// The clock that lines have now.
pub(super) struct Anchor(Clock);

impl Anchor {
    /// That of the start.
    pub(super) const fn new(clock: Clock) -> Self {
        Self(clock)
    }

    /// Looks whether the clock was set.
    pub(super) fn follow(&mut self, outputs: &mut Outputs) {
        let now = Clock::now();
        let step_s = self.0.step_s(&now);
        if step_s != 0.0 {
            terminal::say(&format!(
                "the clock of this host was set by {step_s:+.0} s, or it slept: times of lines follow it \
                 from now on"
            ));
            self.0 = now;
            outputs.set_clock(now);
        }
    }
}
