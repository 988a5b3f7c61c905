//! Totals by interval: what a fleet adds up. Intervals do not overlap, and exchanges are those of the
//! interval only, so that counts may be summed; connections that stay open are `open` or `preexisting`
//! in each.

use std::time::Duration;

use super::super::{Error, report};
use crate::aggregate::{Aggregate, Limits};
use crate::connection::{Exchanged, Tick, seconds};
use crate::pipeline::Pipeline;
use crate::sink::{Item, Sink, Summary};

/// Totals since the last ones were told.
pub(super) struct Interval {
    totals: Aggregate<()>,
    /// When the interval began.
    exchanged: Exchanged,
    length_ns: u64,
}

impl Interval {
    /// The first begins at `start_ns`, monotonic nanoseconds.
    pub(super) fn new(start_ns: u64, length: Duration) -> Self {
        let totals = Aggregate::new(start_ns, Limits::default());
        Self { totals, exchanged: Exchanged::default(), length_ns: nanoseconds(length) }
    }

    /// The one that goes on is so long, too.
    pub(super) fn set_length(&mut self, length: Duration) {
        self.length_ns = nanoseconds(length);
    }

    /// Takes a tick, and leaves only exchanges of this interval in it; the one that completes an interval
    /// leads to its summaries, and a health line.
    pub(super) fn take(
        &mut self,
        sink: &mut dyn Sink,
        pipeline: &Pipeline,
        tick: &mut Tick,
    ) -> Result<(), Error> {
        let is_last = tick.now_ns.saturating_sub(self.totals.start_ns()) >= self.length_ns;
        let next = is_last.then(|| {
            let mut next = Exchanged::default();
            next.look(&tick.live);
            next
        });
        for connection in tick.ended.iter_mut().chain(&mut tick.live) {
            connection.exchanges = self.exchanged.since(connection);
        }
        self.totals.fold(tick, pipeline, &());
        let Some(next) = next else { return Ok(()) };
        self.exchanged = next;
        self.end(sink, pipeline)?;
        report::health(sink, pipeline, tick.now_ns)
    }

    /// Tells what there is, and begins the next one.
    pub(super) fn end(&mut self, sink: &mut dyn Sink, pipeline: &Pipeline) -> Result<(), Error> {
        let at_ns = self.totals.now_ns();
        let next = Aggregate::new(at_ns, Limits::default());
        let totals = std::mem::replace(&mut self.totals, next);
        let window_s = seconds(totals.start_ns(), at_ns);
        for (key, totals) in &totals.totals() {
            let identity = report::identity(pipeline, &key.who);
            let summary = Summary { at_ns, window_s, key, totals, identity };
            sink.write(&Item::Summary(summary)).map_err(Error::Output)?;
        }
        sink.flush().map_err(Error::Output)
    }
}

fn nanoseconds(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}
