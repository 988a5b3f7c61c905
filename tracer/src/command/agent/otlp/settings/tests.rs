//! The variables as the specification of the exporters has them.

use super::*;

fn read(signal: Signal, set: &[(&str, &str)]) -> Result<Settings, String> {
    let variables = |key: &str| {
        let found = set.iter().find(|(name, _)| {
            name.strip_prefix('_').is_some_and(|n| key == format!("OTEL_EXPORTER_OTLP_{n}"))
        });
        found.map(|(_, value)| (*value).to_owned())
    };
    Settings::read(signal, &variables)
}

fn endpoint_of(signal: Signal, set: &[(&str, &str)]) -> String {
    read(signal, set).unwrap().endpoint.to_string()
}

#[test]
fn without_any_variable_it_is_http_to_this_host() {
    let settings = read(Signal::Logs, &[]).unwrap();
    assert_eq!(settings.protocol, Protocol::Http);
    assert_eq!(settings.endpoint, "http://localhost:4318/v1/logs");
    assert_eq!((settings.timeout, settings.gzip), (Duration::from_secs(10), false));
    assert!(settings.headers.is_empty() && settings.client.is_none());
}

#[test]
fn the_common_endpoint_is_a_base_and_that_of_a_signal_is_taken_as_it_is() {
    let base = [("_ENDPOINT", "https://c.example:1/otel/")];
    assert_eq!(endpoint_of(Signal::Metrics, &base), "https://c.example:1/otel/v1/metrics");
    let own = [("_ENDPOINT", "http://a"), ("_LOGS_ENDPOINT", "http://b/in?to=x")];
    assert_eq!(endpoint_of(Signal::Logs, &own), "http://b/in?to=x");
    assert_eq!(endpoint_of(Signal::Metrics, &own), "http://a/v1/metrics");
}

#[test]
fn grpc_has_its_own_port_and_no_path_and_is_encrypted_unless_told_otherwise() {
    let grpc = ("_PROTOCOL", "grpc");
    assert_eq!(endpoint_of(Signal::Logs, &[grpc]), "http://localhost:4317/");
    assert_eq!(endpoint_of(Signal::Logs, &[grpc, ("_ENDPOINT", "http://c:1/x")]), "http://c:1/");
    let bare = ("_ENDPOINT", "c:4317");
    assert_eq!(endpoint_of(Signal::Logs, &[grpc, bare]), "https://c:4317/");
    assert_eq!(endpoint_of(Signal::Logs, &[grpc, bare, ("_INSECURE", "TRUE")]), "http://c:4317/");
}

#[test]
fn headers_are_decoded_and_hidden() {
    let set = [("_LOGS_HEADERS", "authorization=Basic%20abc%3D, x-scope = a")];
    let settings = read(Signal::Logs, &set).unwrap();
    assert_eq!(settings.headers["authorization"], "Basic abc=");
    assert_eq!(settings.headers["x-scope"], "a");
    assert!(!format!("{settings:?}").contains("abc"), "{settings:?}");
    assert!(read(Signal::Metrics, &set).unwrap().headers.is_empty());
}

#[test]
fn what_is_not_understood_is_refused_with_what_to_write() {
    for (set, wanted) in [
        (("_PROTOCOL", "http/json"), "OTEL_EXPORTER_OTLP_PROTOCOL is http/json: write grpc or"),
        (("_LOGS_COMPRESSION", "zstd"), "_LOGS_COMPRESSION is zstd: write gzip or none"),
        (("_TIMEOUT", "0"), "write milliseconds"),
        (("_ENDPOINT", "collector:4318"), "is no address such as http://localhost:4318"),
        (("_CLIENT_KEY", "/k"), "go together: set both"),
    ] {
        let error = read(Signal::Logs, &[set]).unwrap_err();
        assert!(error.contains(wanted), "{error}");
    }
    let error = read(Signal::Logs, &[("_HEADERS", "a=b,secret")]).unwrap_err();
    assert!(error.contains("header 2") && !error.contains("secret"), "{error}");
}

#[test]
fn an_endpoint_that_is_refused_is_never_shown_and_credentials_have_their_place() {
    for (protocol, value) in [
        ("http/protobuf", "https://user:secret@c"),
        ("http/protobuf", "https://user:secret@c:x/v1"),
        ("http/protobuf", "c.example/secret"),
        ("http/protobuf", "ftp://c.example/in?key=secret"),
        ("grpc", "user:secret@c"),
        ("grpc", "https://user:secret@c:4317"),
        ("grpc", "https://secret c"),
    ] {
        let set = [("_PROTOCOL", protocol), ("_ENDPOINT", value)];
        let error = read(Signal::Logs, &set).unwrap_err();
        assert!(!error.contains("secret") && !error.contains("user:"), "{error}");
        assert!(error.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT is no address such as http://"));
        let is_told = error.contains("OTEL_EXPORTER_OTLP_HEADERS");
        assert_eq!(is_told, value.contains('@'), "{error}");
    }
}

#[test]
fn a_signal_is_exported_unless_its_exporter_is_another_one() {
    let wanted = |value: Option<&str>| {
        let variables = |key: &str| {
            (key == "OTEL_METRICS_EXPORTER").then(|| value.map(str::to_owned)).flatten()
        };
        Signal::Metrics.is_wanted(&variables)
    };
    assert_eq!(wanted(None), Ok(true));
    assert_eq!(wanted(Some("otlp,prometheus")), Ok(true));
    assert_eq!((wanted(Some("none")), wanted(Some("prometheus"))), (Ok(false), Ok(false)));
    assert!(wanted(Some("console")).unwrap_err().contains("write otlp or none"));
}
