//! Sends one message and tells what became of it. It never tries again itself: who has the lines, or the
//! counts, knows better when.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use prost::Message;
use tokio::time::timeout;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::metadata::MetadataMap;

use super::answer::{Answer, chain};
use super::settings::{Protocol, Settings};
use super::tls;

/// Most bytes of an answer that are read.
const MOST_ANSWERED: usize = 1 << 20;
/// A connection that is not used for so long is closed.
const IDLE: Duration = Duration::from_secs(90);

type Connector = HttpsConnector<HttpConnector>;
type Grpc = Client<Connector, tonic::body::Body>;

/// A message that collectors take.
pub(super) trait Export: Message + Sized + Send + 'static {
    /// What they answer.
    type Response: Message + Default;

    /// How much of it was refused, and why.
    fn refused(response: Self::Response) -> (i64, String);

    /// Sends it by gRPC.
    fn call(
        transport: &Transport,
        client: Grpc,
        request: tonic::Request<Self>,
    ) -> impl Future<Output = Result<tonic::Response<Self::Response>, tonic::Status>> + Send;
}

/// The way to one collector, for one signal.
#[derive(Debug)]
pub(super) struct Transport {
    client: Kind,
    /// Of gRPC its origin.
    endpoint: Uri,
    headers: HeaderMap,
    timeout: Duration,
    gzip: bool,
}

#[derive(Debug)]
enum Kind {
    Grpc(Grpc),
    Http(Client<Connector, Full<Bytes>>),
}

impl Transport {
    /// Opens nothing yet.
    ///
    /// # Errors
    /// A sentence, if certificates cannot be read.
    pub(super) fn new(settings: &Settings) -> Result<Self, String> {
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls::config(settings)?).https_or_http();
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_idle_timeout(IDLE).pool_timer(TokioTimer::new());
        let client = match settings.protocol {
            Protocol::Grpc => {
                builder.http2_only(true);
                Kind::Grpc(builder.build(connector.enable_http2().build()))
            }
            Protocol::Http => Kind::Http(builder.build(connector.enable_http1().build())),
        };
        let mut headers = settings.headers.clone();
        let us = concat!("OTel-OTLP-Exporter-tracer-Rust/", env!("CARGO_PKG_VERSION"));
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(us));
        Ok(Self {
            client,

            endpoint: settings.endpoint.clone(),
            headers,
            timeout: settings.timeout,
            gzip: settings.gzip,
        })
    }

    /// Sends it once.
    pub(super) async fn send<E: Export>(&self, message: E) -> Answer {
        let sent = async {
            match &self.client {
                Kind::Grpc(client) => self.by_grpc(client.clone(), message).await,
                Kind::Http(client) => self.by_http(client, &message).await,
            }
        };
        match timeout(self.timeout, sent).await {
            Ok(answer) => answer,
            Err(_) => Answer::unreachable(format!("no answer within {:?}", self.timeout)),
        }
    }

    async fn by_grpc<E: Export>(&self, client: Grpc, message: E) -> Answer {
        let mut request = tonic::Request::new(message);
        *request.metadata_mut() = MetadataMap::from_headers(self.headers.clone());
        match E::call(self, client, request).await {
            Ok(response) => {
                let (refused, why) = E::refused(response.into_inner());
                Answer::taken(refused, &why)
            }
            Err(status) => Answer::of_status(&status),
        }
    }

    async fn by_http<E: Export>(
        &self,
        client: &Client<Connector, Full<Bytes>>,
        message: &E,
    ) -> Answer {
        let request = match self.request(message.encode_to_vec()) {
            Ok(request) => request,
            Err(error) => return Answer::Refused(chain(&error)),
        };
        match client.request(request).await {
            Ok(response) if response.status().is_success() => taken::<E>(response).await,
            Ok(response) => Answer::of_response(&response, SystemTime::now()),
            Err(error) => Answer::unreachable(chain(&error)),
        }
    }

    fn request(&self, mut body: Vec<u8>) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut builder = Request::builder().method(Method::POST).uri(&self.endpoint);
        if let Some(headers) = builder.headers_mut() {
            headers.clone_from(&self.headers);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        }
        if self.gzip
            && let Ok(packed) = packed(&body)
        {
            body = packed;
            builder = builder.header(CONTENT_ENCODING, "gzip");
        }
        builder.body(Full::from(body))
    }
}

fn packed(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body)?;
    encoder.finish()
}

/// Reads what was taken of it. One that answers with what is no message has taken it all the same.
async fn taken<E: Export>(response: Response<Incoming>) -> Answer {
    let body = Limited::new(response.into_body(), MOST_ANSWERED).collect().await;
    let response = body.ok().and_then(|body| E::Response::decode(body.to_bytes()).ok());
    let (refused, why) = response.map(E::refused).unwrap_or_default();
    Answer::taken(refused, &why)
}

impl Export for ExportLogsServiceRequest {
    type Response = ExportLogsServiceResponse;

    fn refused(response: Self::Response) -> (i64, String) {
        let partial = response.partial_success.unwrap_or_default();
        (partial.rejected_log_records, partial.error_message)
    }

    async fn call(
        transport: &Transport,
        client: Grpc,
        request: tonic::Request<Self>,
    ) -> Result<tonic::Response<Self::Response>, tonic::Status> {
        let mut client = LogsServiceClient::with_origin(client, transport.endpoint.clone());
        if transport.gzip {
            client = client.send_compressed(Gzip).accept_compressed(Gzip);
        }
        client.export(request).await
    }
}

impl Export for ExportMetricsServiceRequest {
    type Response = ExportMetricsServiceResponse;

    fn refused(response: Self::Response) -> (i64, String) {
        let partial = response.partial_success.unwrap_or_default();
        (partial.rejected_data_points, partial.error_message)
    }

    async fn call(
        transport: &Transport,
        client: Grpc,
        request: tonic::Request<Self>,
    ) -> Result<tonic::Response<Self::Response>, tonic::Status> {
        let mut client = MetricsServiceClient::with_origin(client, transport.endpoint.clone());
        if transport.gzip {
            client = client.send_compressed(Gzip).accept_compressed(Gzip);
        }
        client.export(request).await
    }
}
