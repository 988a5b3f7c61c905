//! A collector for tests, which answers what a test says, over HTTP on loopback.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceResponse,
};
use prost::Message as _;
use tokio::net::TcpListener;

use super::driver::Driver;

/// A status, when to come again, and how many records or points are refused.
type Said = (u16, Option<&'static str>, i64);

/// A running one, and what it was sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Collector(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    will_say: VecDeque<Said>,
    /// Path and body of each request so far.
    sent: Vec<(String, Bytes)>,
}

impl Collector {
    /// Answers the next ones so, and all others with success.
    pub(super) fn says(said: &[Said]) -> Self {
        let will_say = said.iter().copied().collect();
        Self(Arc::new(Mutex::new(State { will_say, ..State::default() })))
    }

    /// Serves at the address that it returns.
    pub(super) fn start(&self, driver: &Driver) -> SocketAddr {
        let listener = driver.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let at = listener.local_addr().unwrap();
        driver.spawn(self.clone().serve(listener));
        at
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let all = self.clone();
            let service = service_fn(move |request| all.clone().answer(request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        assert_eq!(request.headers()["content-type"], "application/x-protobuf");
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let mut state = self.0.lock().unwrap();
        state.sent.push((path, body));
        let (status, after, refused) = state.will_say.pop_front().unwrap_or((200, None, 0));
        // That of metrics has the same bytes.
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

    /// Of all requests so far, which have to be for this path.
    pub(super) fn bodies(&self, path: &str) -> Vec<Bytes> {
        let state = self.0.lock().unwrap();
        let body = |(at, body): &(String, Bytes)| {
            assert_eq!(at, path);
            body.clone()
        };
        state.sent.iter().map(body).collect()
    }
}
