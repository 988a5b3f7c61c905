//! Where to send, and how: the environment variables that exporters of OpenTelemetry have in common.
//! What is not understood is refused with a sentence; no value of a header or of an endpoint, which may
//! hold a secret, is in it.

use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use percent_encoding::percent_decode_str;

/// Reads a variable; those that are empty are not set.
pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Logs,
    Metrics,
}

impl Signal {
    /// As sentences have it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Metrics => "metrics",
        }
    }

    /// One of what is counted.
    pub(super) const fn item(self) -> &'static str {
        match self {
            Self::Logs => "log record",
            Self::Metrics => "data point",
        }
    }

    /// Whether it is to be exported: by default it is.
    pub(super) fn is_wanted(self, variables: Variables<'_>) -> Result<bool, String> {
        let key = format!("OTEL_{}_EXPORTER", self.name().to_uppercase());
        let Some(value) = variables(&key) else { return Ok(true) };
        let mut is_wanted = false;
        for exporter in value.split(',').map(str::trim) {
            match exporter {
                "otlp" => is_wanted = true,
                // Of these the agent's own flags decide.
                "none" | "prometheus" => {}
                other => return Err(format!("{key} is {other}: write otlp or none")),
            }
        }
        Ok(is_wanted)
    }
}

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Grpc,
    Http,
}

/// All that is to be known for sending one signal.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) protocol: Protocol,
    /// With its path; of gRPC the origin alone.
    pub(super) endpoint: Uri,
    pub(super) headers: HeaderMap,
    pub(super) timeout: Duration,
    pub(super) gzip: bool,
    /// Certificates of those who may sign the collector's; else those that the host trusts.
    pub(super) certificate: Option<PathBuf>,
    /// Key and certificate by which the collector knows us.
    pub(super) client: Option<(PathBuf, PathBuf)>,
}

impl Settings {
    /// Those of a signal, whose own variables go before the common ones.
    pub(super) fn read(signal: Signal, variables: Variables<'_>) -> Result<Self, String> {
        let read = |name: &str| find(signal, name, variables);
        let protocol = match read("PROTOCOL") {
            None => Protocol::Http,
            Some((key, value)) => match value.trim() {
                "grpc" => Protocol::Grpc,
                "http/protobuf" => Protocol::Http,
                other => return Err(format!("{key} is {other}: write grpc or http/protobuf")),
            },
        };
        let gzip = match read("COMPRESSION") {
            None => false,
            Some((key, value)) => match value.trim() {
                "gzip" => true,
                "none" => false,
                other => return Err(format!("{key} is {other}: write gzip or none")),
            },
        };
        let path = |name| read(name).map(|(_, value)| PathBuf::from(value));
        let client = match (path("CLIENT_KEY"), path("CLIENT_CERTIFICATE")) {
            (Some(key), Some(certificate)) => Some((key, certificate)),
            (None, None) => None,
            _ => {
                return Err(
                    "OTEL_EXPORTER_OTLP_CLIENT_KEY and OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE \
                     go together: set both"
                        .to_owned(),
                );
            }
        };
        Ok(Self {
            protocol,
            endpoint: endpoint(signal, protocol, variables)?,
            headers: read("HEADERS").map_or_else(|| Ok(HeaderMap::new()), |set| headers(&set))?,
            timeout: read("TIMEOUT")
                .map_or(Ok(Duration::from_secs(10)), |set| milliseconds(&set))?,
            gzip,
            certificate: path("CERTIFICATE"),
            client,
        })
    }

    /// All of it that holds no secret.
    pub(super) fn told(&self) -> String {
        let protocol = match self.protocol {
            Protocol::Grpc => "grpc",
            Protocol::Http => "http/protobuf",
        };
        let timeout = self.timeout.as_secs_f64();
        let headers = match self.headers.len() {
            0 => String::new(),
            1 => ", 1 header".to_owned(),
            count => format!(", {count} headers"),
        };
        let packed = if self.gzip { ", gzip" } else { "" };
        let certificate = self.client.as_ref().map_or("", |_| ", with a certificate of ours");
        let collector = self.collector();
        format!("{collector} by {protocol}, timeout {timeout} s{packed}{headers}{certificate}")
    }

    /// The collector as sentences have it: no path, which may hold a token.
    pub(super) fn collector(&self) -> String {
        let [scheme, at] =
            [self.endpoint.scheme_str(), self.endpoint.authority().map(Authority::as_str)]
                .map(Option::unwrap_or_default);
        format!("{scheme}://{at}")
    }
}

/// The variable of the signal or else that of all, with its name.
fn find(signal: Signal, name: &str, variables: Variables<'_>) -> Option<(String, String)> {
    let own = format!("OTEL_EXPORTER_OTLP_{}_{name}", signal.name().to_uppercase());
    let of_all = format!("OTEL_EXPORTER_OTLP_{name}");
    [own, of_all].into_iter().find_map(|key| variables(&key).map(|value| (key, value)))
}

fn endpoint(signal: Signal, protocol: Protocol, variables: Variables<'_>) -> Result<Uri, String> {
    let set = find(signal, "ENDPOINT", variables);
    let default = match protocol {
        Protocol::Grpc => "http://localhost:4317",
        Protocol::Http => "http://localhost:4318",
    };
    let (key, text) = set.unwrap_or_else(|| ("OTEL_EXPORTER_OTLP_ENDPOINT".into(), default.into()));
    // Not the value: whatever is wrong about it, a password or a token may be in it.
    let wrong = || {
        let hint = if text.contains('@') {
            ", without user and password: write credentials into OTEL_EXPORTER_OTLP_HEADERS"
        } else {
            ""
        };
        format!("{key} is no address such as {default}{hint}")
    };
    let address = match protocol {
        Protocol::Grpc if !text.contains("://") => {
            let insecure = find(signal, "INSECURE", variables);
            let is_plain = insecure.is_some_and(|(_, set)| set.trim().eq_ignore_ascii_case("true"));
            format!("{}://{text}", if is_plain { "http" } else { "https" })
        }
        _ => text.clone(),
    };
    let uri: Uri = address.trim().parse().map_err(|_| wrong())?;
    let is_known = |scheme: &Scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
    // Credentials there would reach no collector: HTTP has them in a header.
    let is_host = uri.authority().is_some_and(|at| !at.as_str().contains('@'));
    if !uri.scheme().is_some_and(is_known) || !is_host {
        return Err(wrong());
    }
    let path = match protocol {
        Protocol::Grpc => "/".to_owned(),
        // Only the variable of all is a base.
        Protocol::Http if key == "OTEL_EXPORTER_OTLP_ENDPOINT" => {
            format!("{}/v1/{}", uri.path().trim_end_matches('/'), signal.name())
        }
        Protocol::Http => uri.path_and_query().map_or("/", PathAndQuery::as_str).to_owned(),
    };
    let mut parts = uri.into_parts();
    parts.path_and_query = Some(path.parse().map_err(|_| wrong())?);
    Uri::from_parts(parts).map_err(|_| wrong())
}

/// `key=value,key2=value%202`.
fn headers((key, set): &(String, String)) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (number, pair) in set.split_terminator(',').enumerate() {
        let wrong = || format!("{key}: header {} is not name=value", number + 1);
        let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
        let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
        let value = percent_decode_str(value.trim()).decode_utf8().map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// A time in milliseconds.
pub(super) fn milliseconds((key, set): &(String, String)) -> Result<Duration, String> {
    let parsed = set.trim().parse().ok().filter(|time| *time > 0).map(Duration::from_millis);
    parsed.ok_or_else(|| format!("{key} is {set}: write milliseconds, such as 10000"))
}

#[cfg(test)]
mod tests;
