//! Logs against collectors that answer what a test says, over HTTP on loopback.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use prost::Message as _;
use tokio::net::TcpListener;

use super::super::settings::{Settings, Signal};
use super::*;

/// A status, when to come again, and how many records are refused.
type Said = (u16, Option<&'static str>, i64);

/// What it was sent so far.
#[derive(Clone, Debug, Default)]
struct Collector(Arc<Mutex<(VecDeque<Said>, Vec<ExportLogsServiceRequest>)>>);

impl Collector {
    /// Answers the next ones so, and all others with success.
    fn says(said: &[Said]) -> Self {
        Self(Arc::new(Mutex::new((said.iter().copied().collect(), Vec::new()))))
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let all = self.clone();
            let service = service_fn(move |request| all.clone().answer(request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        assert_eq!(request.uri().path(), "/v1/logs");
        assert_eq!(request.headers()["content-type"], "application/x-protobuf");
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let mut state = self.0.lock().unwrap();
        state.1.push(ExportLogsServiceRequest::decode(body).unwrap());
        let (status, after, refused) = state.0.pop_front().unwrap_or((200, None, 0));
        let partial =
            ExportLogsPartialSuccess { rejected_log_records: refused, error_message: "no".into() };
        let told = ExportLogsServiceResponse { partial_success: (refused > 0).then_some(partial) };
        let mut response = Response::new(Full::from(told.encode_to_vec()));
        *response.status_mut() = status.try_into().unwrap();
        if let Some(after) = after {
            response.headers_mut().insert("retry-after", after.parse().unwrap());
        }
        Ok(response)
    }

    fn sent(&self) -> Vec<usize> {
        let records = |request: &ExportLogsServiceRequest| {
            request.resource_logs[0].scope_logs[0].log_records.len()
        };
        self.0.lock().unwrap().1.iter().map(records).collect()
    }
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
    let listener = driver.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let at = listener.local_addr().unwrap();
    driver.spawn(collector.clone().serve(listener));
    logs_to(at, driver)
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
fn lines_are_taken_whole_and_while_somebody_waits_no_more_than_are_asked_for() {
    let collector = Collector::default();
    let mut logs = to(&collector);
    let lines = lines(3);
    assert_eq!(logs.take(&lines, lines.len()).unwrap(), lines.len());
    assert_eq!(logs.take(&lines, lines.len() - 1).unwrap(), lines.len() * 2 / 3);
    assert_eq!(logs.take(&lines, 1).unwrap(), lines.len() / 3, "one is the least");
    assert_eq!(collector.sent(), [3, 2, 1]);
    assert_eq!(logs.refused.load(Ordering::Relaxed), 0);
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
    assert_eq!(collector.sent(), [2, 2, 2], "asked three times, not each ten milliseconds");
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
    assert_eq!(collector.sent(), [1]);
    assert_eq!(logs.refused.load(Ordering::Relaxed), 1);
}
