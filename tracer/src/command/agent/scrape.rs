//! Metrics over HTTP, for Prometheus: `GET /metrics`. A thread of its own answers, so that a scraper
//! that is slow, or never reads, keeps nobody from the kernel's records.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::super::Error;
use crate::metrics::{Metrics, prometheus};
use crate::privileges;

/// Most scrapers that are answered at one time; more of them wait.
const MOST: usize = 16;
/// How long one connection may last: scrapers dial again.
const LONGEST: Duration = Duration::from_mins(2);
/// How long a request may take to arrive.
const HEADER: Duration = Duration::from_secs(10);

/// Answers at `at` from now on, as long as the process lives. Returns where that is: port 0 is any.
pub(super) fn start(at: SocketAddr, metrics: Arc<Mutex<Metrics>>) -> Result<SocketAddr, Error> {
    let refused = |error| Error::Listen { at, error };
    let listener = TcpListener::bind(at).map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    let local = listener.local_addr().map_err(refused)?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let builder = thread::Builder::new().name("tracer-metrics".into());
    let serve = move || {
        privileges::keep_none();
        runtime.block_on(answer_all(listener, metrics));
    };
    builder.spawn(serve).map_err(Error::Runtime)?;
    Ok(local)
}

async fn answer_all(listener: TcpListener, metrics: Arc<Mutex<Metrics>>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::warn!(%error, "metrics are not served"),
    };
    let room = Arc::new(Semaphore::new(MOST));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let metrics = Arc::clone(&metrics);
                tokio::spawn(async move {
                    let _over = timeout(LONGEST, answer(stream, metrics)).await;
                    drop(permit);
                });
            }
            // Out of descriptors, or a peer that gave up: neither ends the service.
            Err(error) => {
                tracing::debug!(%error, "a scraper was not accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(stream: TcpStream, metrics: Arc<Mutex<Metrics>>) {
    let service = service_fn(|request| {
        let response = respond(&request, &metrics);
        async { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a scraper was not answered");
    }
}

fn respond(request: &Request<Incoming>, metrics: &Mutex<Metrics>) -> Response<Full<Bytes>> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/metrics" if is_read => {
            let families = metrics.lock().unwrap_or_else(PoisonError::into_inner).families();
            let mut text = Vec::new();
            match prometheus::write(&families, &mut text) {
                Ok(()) => told(StatusCode::OK, prometheus::CONTENT_TYPE, text.into()),
                Err(error) => {
                    tracing::warn!(%error, "metrics could not be written");
                    plain(StatusCode::INTERNAL_SERVER_ERROR, "metrics could not be written\n")
                }
            }
        }
        "/metrics" => {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "use GET\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
        _ => plain(StatusCode::NOT_FOUND, "metrics are at /metrics\n"),
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    told(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

fn told(status: StatusCode, kind: &'static str, text: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
