//! Logs against collectors that answer what a test says, over HTTP on loopback.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::body::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use prost::Message as _;
use tokio::net::TcpListener;

use super::super::super::super::outbox::Outbox;
use super::super::settings::{Settings, Signal};
use super::super::testing::Collector;
use super::*;

/// Records of each request so far.
fn sent(collector: &Collector) -> Vec<usize> {
    let records = |body: &Bytes| {
        let request = ExportLogsServiceRequest::decode(body.clone()).unwrap();
        request.resource_logs[0].scope_logs[0].log_records.len()
    };
    collector.bodies("/v1/logs").iter().map(records).collect()
}

fn logs_to(at: SocketAddr, driver: Arc<Driver>) -> Logs {
    let variables =
        |key: &str| (key == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| format!("http://{at}"));
    let settings = Settings::read(Signal::Logs, &variables).unwrap();
    let outage = Outage::new(settings.collector(), Signal::Logs);
    let transport = Transport::new(&settings).unwrap();
    Logs::new(driver, transport, Resource::default(), outage, Arc::default())
}

/// Logs that go to a collector.
fn to(collector: &Collector) -> Logs {
    let driver = Arc::new(Driver::start().unwrap());
    logs_to(collector.start(&driver), driver)
}

fn lines(count: usize) -> Vec<u8> {
    b"{\"event.name\":\"tracer.health\"}\n".repeat(count)
}

fn take(logs: &mut Logs, lines: &[u8]) -> Option<usize> {
    match logs.take(lines, 1 << 14) {
        Ok(taken) => Some(taken),
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
            None
        }
    }
}

#[test]
fn all_that_is_offered_is_one_request_also_while_somebody_waits() {
    let collector = Collector::default();
    let mut logs = to(&collector);
    let lines = lines(3);
    for at_once in [lines.len(), lines.len() - 1, 1] {
        assert_eq!(logs.take(&lines, at_once).unwrap(), lines.len());
    }
    assert_eq!(sent(&collector), [3, 3, 3]);
    assert_eq!(logs.refused.load(Ordering::Relaxed), 0);
}

#[test]
fn what_is_queued_at_the_end_is_a_request_for_each_block_of_64_kib() {
    let collector = Collector::default();
    let mut out = Outbox::to("otlp", to(&collector)).unwrap();
    out.outlook().be_patient();
    let line = format!("{{\"event.name\":\"{}\"}}\n", "x".repeat(1_000));
    let count = (1 << 20) / line.len();
    for _ in 0..count {
        out.write_all(line.as_bytes()).unwrap();
    }
    out.flush().unwrap();
    let sent = sent(&collector);
    assert_eq!(sent.iter().sum::<usize>(), count);
    assert!(sent.len() <= 17, "{}", sent.len());
}

#[test]
fn what_is_not_taken_now_is_sent_again_and_not_before_it_is_time() {
    let collector = Collector::says(&[(503, Some("2"), 0), (429, None, 0)]);
    let mut logs = to(&collector);
    let (lines, began) = (lines(2), Instant::now());
    let mut taken = None;
    while taken.is_none() && began.elapsed() < Duration::from_secs(20) {
        taken = take(&mut logs, &lines);
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(taken, Some(lines.len()));
    assert_eq!(sent(&collector), [2, 2, 2], "asked three times, not each ten milliseconds");
    // As long as it asked for, and then twice the first pause.
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!(logs.refused.load(Ordering::Relaxed), 0, "nothing is lost");
}

#[test]
fn what_is_refused_is_counted_and_the_next_lines_go_on() {
    let collector = Collector::says(&[(400, None, 0), (200, None, 2)]);
    let mut logs = to(&collector);
    let lines = lines(3);
    assert_eq!(take(&mut logs, &lines), Some(lines.len()));
    assert_eq!(logs.refused.load(Ordering::Relaxed), 3, "all of a bad request");
    assert_eq!(take(&mut logs, &lines), Some(lines.len()));
    assert_eq!(logs.refused.load(Ordering::Relaxed), 5, "as many as it says");
    assert_eq!(take(&mut logs, &lines), Some(lines.len()));
    assert_eq!(logs.refused.load(Ordering::Relaxed), 5);
}

#[test]
fn nobody_there_is_an_outage_and_not_an_end() {
    let driver = Arc::new(Driver::start().unwrap());
    let unused = driver.block_on(TcpListener::bind("127.0.0.1:0")).unwrap().local_addr().unwrap();
    let mut logs = logs_to(unused, driver);
    let began = Instant::now();
    assert_eq!(take(&mut logs, &lines(1)), None);
    assert_eq!(take(&mut logs, &lines(1)), None, "and it is not even tried");
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(logs.refused.load(Ordering::Relaxed), 0);
}

#[test]
fn a_line_that_is_none_is_counted_and_keeps_no_other() {
    let collector = Collector::default();
    let mut logs = to(&collector);
    let text = [b"{\"cut\n".to_vec(), lines(1)].concat();
    assert_eq!(take(&mut logs, &text), Some(text.len()));
    assert_eq!(sent(&collector), [1]);
    assert_eq!(logs.refused.load(Ordering::Relaxed), 1);
}
