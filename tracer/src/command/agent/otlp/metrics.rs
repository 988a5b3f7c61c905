//! Metrics to a collector, each interval and at the end. All of them are cumulative: an export that fails
//! loses nothing, the next one has it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::resource::v1::Resource;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval_at};

use super::answer::Answer;
use super::logs::unix_ns;
use super::outage::Outage;
use super::settings::{Variables, milliseconds};
use super::transport::Transport;
use crate::export::otlp;
use crate::metrics::{Family, Metrics};

/// What becomes of metrics that are not taken.
const KEPT: &str = "the next export has all of them, for they are cumulative";
const REFUSED: &str =
    "it lacks them unless it takes them from a later export, which has them again";

/// How often they are exported.
pub(super) fn interval(variables: Variables<'_>) -> Result<Duration, String> {
    let key = "OTEL_METRIC_EXPORT_INTERVAL";
    let set = variables(key).map(|value| (key.to_owned(), value));
    set.map_or(Ok(Duration::from_mins(1)), |set| milliseconds(&set))
}

/// A collector of metrics.
#[derive(Debug)]
pub(super) struct Exporter {
    pub(super) transport: Transport,
    pub(super) resource: Resource,
    pub(super) outage: Outage,
    pub(super) metrics: Arc<Mutex<Metrics>>,
    /// What counters count from, nanoseconds since 1970.
    pub(super) start_unix_ns: u64,
    pub(super) told: otlp::Told,
}

impl Exporter {
    /// Exports them until the end, and once more then.
    pub(super) async fn run(mut self, every: Duration, mut ending: oneshot::Receiver<()>) {
        let mut due = interval_at(tokio::time::Instant::now() + every, every);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let export = async {
                due.tick().await;
                self.export(false).await;
            };
            tokio::select! {
                () = export => {}
                _ = &mut ending => break,
            }
        }
        self.export(true).await;
    }

    async fn export(&mut self, is_last: bool) {
        if !self.outage.is_due(Instant::now(), is_last) {
            return;
        }
        let families = self.metrics.lock().unwrap_or_else(PoisonError::into_inner).families();
        let start_unix_ns = self.start_unix_ns;
        let times = otlp::Times { start_unix_ns, unix_ns: unix_ns().max(start_unix_ns) };
        match self.send(&families, times).await {
            Answer::Taken { refused, why } => {
                self.told.replace(families);
                self.outage.succeed(Instant::now());
                if refused > 0 {
                    self.outage.refuse(refused, &why, REFUSED);
                }
            }
            Answer::Refused(why) => {
                // A gauge that is no more may be why: it is not told again.
                self.told.replace(families);
                self.outage.fail(Instant::now(), None, &why, REFUSED);
            }
            Answer::Later { after, why } => self.outage.fail(Instant::now(), after, &why, KEPT),
        }
    }

    /// Sends one request after the other, up to the first that is to be sent later. Of what it refused it
    /// is the first reason that is told, and it has refused all if it took no request.
    async fn send(&self, families: &[Family], times: otlp::Times) -> Answer {
        let (mut is_taken, mut refused, mut reason) = (false, 0, None);
        let gone = self.told.gone(families);
        for request in otlp::of_families(&self.resource, families, &gone, times) {
            let (lacks, why) = match self.transport.send(request.message).await {
                Answer::Taken { refused, why } => {
                    is_taken = true;
                    (refused.min(request.points), why)
                }
                Answer::Refused(why) => (request.points, why),
                later @ Answer::Later { .. } => return later,
            };
            refused += lacks;
            if lacks > 0 {
                reason.get_or_insert(why);
            }
        }
        let why = reason.unwrap_or_default();
        if is_taken || refused == 0 { Answer::Taken { refused, why } } else { Answer::Refused(why) }
    }
}

#[cfg(test)]
mod tests;
