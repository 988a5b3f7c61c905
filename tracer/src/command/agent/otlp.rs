//! `--output otlp`: logs and metrics to a collector of OpenTelemetry, as the environment variables that
//! its exporters have in common say. A collector that is slow, gone or refuses costs a bounded queue of
//! lines and a thread that mostly waits.

mod answer;
mod backoff;
mod driver;
mod logs;
mod metrics;
mod outage;
mod resource;
mod settings;
#[cfg(test)]
mod testing;
mod tls;
mod transport;

use std::env;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::resource::v1::Resource;
use tokio::sync::oneshot;

use self::driver::Driver;
use self::logs::Logs;
use self::outage::Outage;
use self::settings::{Settings, Signal, Variables};
use self::transport::Transport;
use super::super::Error;
use super::super::outbox::Outbox;
use crate::export::otlp as export;
use crate::metrics::Metrics;
use crate::sink::Origin;

/// As sentences have it.
pub(super) const NAME: &str = "otlp";
/// How long the last export of metrics may keep an end.
const LAST_WAIT: Duration = Duration::from_secs(3);

/// Where to send what.
#[derive(Debug)]
pub(super) struct Plan {
    logs: Option<Way>,
    metrics: Option<(Way, Duration)>,
    told: Vec<String>,
}

type Way = (Transport, Outage);

impl Plan {
    /// Reads the environment, and what it names; connects to nothing.
    ///
    /// # Errors
    /// [`Error::Usage`] if a variable is not understood, or nothing is to be exported.
    pub(super) fn read() -> Result<Self, Error> {
        Self::of(&|key| env::var(key).ok().filter(|value| !value.is_empty())).map_err(Error::Usage)
    }

    fn of(variables: Variables<'_>) -> Result<Self, String> {
        let mut told = Vec::new();
        let mut way = |signal: Signal| -> Result<Option<Way>, String> {
            let name = signal.name();
            if !signal.is_wanted(variables)? {
                told.push(format!("# {name} go to no collector\n"));
                return Ok(None);
            }
            let settings = Settings::read(signal, variables)?;
            told.push(format!("# {name} go to {}\n", settings.told()));
            let outage = Outage::new(settings.collector(), signal);
            Ok(Some((Transport::new(&settings)?, outage)))
        };
        let (logs, metrics) = (way(Signal::Logs)?, way(Signal::Metrics)?);
        if logs.is_none() && metrics.is_none() {
            return Err("--output otlp exports nothing where OTEL_LOGS_EXPORTER and \
                        OTEL_METRICS_EXPORTER are none: unset one, or leave out the flag"
                .to_owned());
        }
        let every = metrics::interval(variables)?;
        if metrics.is_some() {
            told.push(format!("# metrics go there each {} s\n", every.as_secs_f64()));
        }
        Ok(Self { logs, metrics: metrics.map(|way| (way, every)), told })
    }

    /// What the environment asks for, a comment a line: nothing in it is secret.
    pub(super) fn told(&self) -> String {
        self.told.concat()
    }
}

/// The collectors, and what is sent to them.
#[derive(Debug)]
pub(super) struct Otlp {
    driver: Arc<Driver>,
    resource: Resource,
    plan: Plan,
    refused: Arc<AtomicU64>,
    ending: Option<(oneshot::Sender<()>, Receiver<()>)>,
}

impl Otlp {
    /// Sends from the host of this name, once it has what to send.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(super) fn open(plan: Plan, host: &str) -> Result<Self, Error> {
        let driver = Arc::new(Driver::start().map_err(Error::Runtime)?);
        let resource = resource::resource(host);
        Ok(Self { driver, resource, plan, refused: Arc::default(), ending: None })
    }

    /// The output that takes lines, if logs are exported; once.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(super) fn logs(&mut self) -> Result<Option<Outbox>, Error> {
        let Some((transport, outage)) = self.plan.logs.take() else { return Ok(None) };
        let (driver, resource) = (Arc::clone(&self.driver), self.resource.clone());
        let logs = Logs::new(driver, transport, resource, outage, Arc::clone(&self.refused));
        Outbox::to(NAME, logs).map(Some).map_err(Error::Output)
    }

    /// Lines that a collector refused for good.
    pub(super) fn refused(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.refused)
    }

    /// Exports metrics from now on, if they are exported; `start_ns` is when counting began.
    pub(super) fn export(&mut self, metrics: &Arc<Mutex<Metrics>>, origin: &Origin, start_ns: u64) {
        let Some(((transport, outage), every)) = self.plan.metrics.take() else { return };
        let exporter = metrics::Exporter {
            transport,
            resource: self.resource.clone(),
            outage,
            metrics: Arc::clone(metrics),
            start_unix_ns: start_ns.saturating_add_signed(origin.clock.wall_minus_monotonic_ns),
            told: export::Told::default(),
        };
        let (end, ending) = oneshot::channel();
        let (ended, last) = sync_channel(1);
        self.driver.spawn(async move {
            exporter.run(every, ending).await;
            // Nobody waits where the end came with an error.
            let _unheard = ended.send(());
        });
        self.ending = Some((end, last));
    }

    /// Exports metrics for the last time, while `meanwhile` ends the rest; waits for it a moment at most.
    pub(super) fn end<T>(&mut self, meanwhile: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let last = self.ending.take().map(|(end, last)| {
            // It has ended already if that fails.
            let _ended = end.send(());
            last
        });
        let result = meanwhile();
        if let Some(last) = last {
            let _late = last.recv_timeout(LAST_WAIT.saturating_sub(began.elapsed()));
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_signals_are_exported_unless_one_is_switched_off_and_one_must_be() {
        let of = |set: &[(&str, &str)]| {
            Plan::of(&|key: &str| {
                let found = set.iter().find(|(name, _)| *name == key);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let Plan { logs, metrics, told } = of(&[
            ("OTEL_METRIC_EXPORT_INTERVAL", "5000"),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "https://here:1/secret"),
            ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "key=secret"),
        ])
        .unwrap();
        let expected = "# logs go to http://localhost:4318 by http/protobuf, timeout 10 s\n\
            # metrics go to https://here:1 by http/protobuf, timeout 10 s, 1 header\n\
            # metrics go there each 5 s\n";
        assert_eq!(told.concat(), expected);
        assert!(logs.is_some());
        assert_eq!(metrics.unwrap().1, Duration::from_secs(5));
        let no_logs = ("OTEL_LOGS_EXPORTER", "none");
        let Plan { logs, metrics, told } = of(&[no_logs]).unwrap();
        assert!(logs.is_none() && metrics.is_some());
        assert_eq!(told[0], "# logs go to no collector\n");
        let error = of(&[no_logs, ("OTEL_METRICS_EXPORTER", "none")]).unwrap_err();
        assert!(error.contains("exports nothing"), "{error}");
    }
}
