//! Exports of more than one request against collectors that answer what a test says.

use hyper::body::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message as _;

use super::super::driver::Driver;
use super::super::settings::{Settings, Signal};
use super::super::testing::Collector;
use super::*;
use crate::detect::Finding;
use crate::metrics::{Kind, Sample, Value};
use crate::probe::Ports;
use crate::sink::testing;

/// One of no metrics yet.
fn exporter(collector: &Collector, driver: &Driver) -> Exporter {
    let at = collector.start(driver);
    let variables =
        |key: &str| (key == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| format!("http://{at}"));
    let settings = Settings::read(Signal::Metrics, &variables).unwrap();
    Exporter {
        transport: Transport::new(&settings).unwrap(),
        resource: Resource::default(),
        outage: Outage::new(settings.collector(), Signal::Metrics),
        metrics: Arc::new(Mutex::new(Metrics::since(0, Ports::default()))),
        start_unix_ns: 1,
        told: otlp::Told::default(),
    }
}

/// What becomes of so many points, and how many requests the collector got.
fn export(collector: &Collector, points: usize) -> (Answer, usize) {
    let driver = Driver::start().unwrap();
    let exporter = exporter(collector, &driver);
    let sample = |number: usize| Sample {
        labels: vec![("server", number.to_string())],
        value: Value::Number(1.0),
    };
    let samples = (0..points).map(sample).collect();
    let families = [Family { name: "tracer_x", help: "Some.", kind: Kind::Gauge, samples }];
    let times = otlp::Times { start_unix_ns: 1, unix_ns: 2 };
    let answer = driver.block_on(exporter.send(&families, times));
    (answer, collector.bodies("/v1/metrics").len())
}

#[test]
fn many_points_are_several_requests_and_what_is_refused_of_each_adds_up() {
    let collector = Collector::default();
    let none = Answer::Taken { refused: 0, why: String::new() };
    assert_eq!(export(&collector, 4_001), (none, 3));
    let collector = Collector::says(&[(200, None, 7), (413, None, 0), (200, None, 2)]);
    let some = Answer::Taken { refused: 2_008, why: "no".into() };
    assert_eq!(export(&collector, 4_001), (some, 3), "no more of the last than it has");
}

#[test]
fn after_a_request_that_is_to_be_sent_later_no_other_is_sent() {
    let collector = Collector::says(&[(200, None, 0), (503, Some("9"), 0)]);
    let (answer, requests) = export(&collector, 4_001);
    let Answer::Later { after, .. } = answer else { panic!("{answer:?}") };
    assert_eq!((after, requests), (Some(Duration::from_secs(9)), 2));
}

#[test]
fn a_collector_that_takes_no_request_has_refused_all() {
    let collector = Collector::says(&[(401, None, 0), (400, None, 0)]);
    let (answer, requests) = export(&collector, 2_001);
    assert_eq!((answer, requests), (Answer::Refused("401 Unauthorized".into()), 2));
}

/// How many findings a request tells of, and of how many of these that they are no more.
fn findings(body: &Bytes) -> (usize, usize) {
    let request = ExportMetricsServiceRequest::decode(body.clone()).unwrap();
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    let findings = metrics.iter().filter(|metric| metric.name == "tracer_findings");
    let points = findings.flat_map(|metric| match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.as_slice(),
        _ => panic!("{metric:?}"),
    });
    let points: Vec<_> = points.collect();
    let gone = points.iter().filter(|point| point.value.is_none() && point.flags == 1);
    (points.len(), gone.count())
}

#[test]
fn that_a_gauge_is_no_more_is_told_until_somebody_has_answered_that() {
    for (answer, told) in [
        (200, vec![(1, 0), (1, 1), (0, 0)]),
        (400, vec![(1, 0), (1, 1), (0, 0)]),
        (503, vec![(1, 0), (1, 1), (1, 1)]),
    ] {
        let collector = Collector::says(&[(200, None, 0), (answer, None, 0)]);
        let driver = Driver::start().unwrap();
        let mut exporter = exporter(&collector, &driver);
        let metrics = Arc::clone(&exporter.metrics);
        let set = |findings: &[Finding]| metrics.lock().unwrap().set_findings(findings);
        metrics.lock().unwrap().set_health(testing::health());
        set(&[testing::finding()]);
        driver.block_on(exporter.export(true));
        set(&[]);
        driver.block_on(exporter.export(true));
        // It may be asked again at once.
        exporter.outage = Outage::new(String::new(), Signal::Metrics);
        driver.block_on(exporter.export(true));
        let bodies = collector.bodies("/v1/metrics");
        assert_eq!(bodies.iter().map(findings).collect::<Vec<_>>(), told, "{answer}");
    }
}
