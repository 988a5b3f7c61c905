//! Who tells: this tracer on this host, not the processes that it tells of. What the SDK reads from
//! `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` goes before what we know.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::resource::{
    EnvResourceDetector, ResourceDetector as _, SdkProvidedResourceDetector,
};

const NAME: &str = "service.name";
/// How the SDK begins the name of a service that nobody has named.
const UNNAMED: &str = "unknown_service";

/// That of an observation on the host of this name.
pub(super) fn resource(host: &str) -> Resource {
    let ours = [
        (NAME, env!("CARGO_PKG_NAME").to_owned()),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        // There is one on a host; without it the series of two hosts would be one to Prometheus.
        ("service.instance.id", host.to_owned()),
        ("host.name", host.to_owned()),
        ("host.arch", arch().to_owned()),
        ("os.type", std::env::consts::OS.to_owned()),
    ];
    let mut attributes = set();
    for (key, value) in ours {
        if attributes.iter().all(|attribute| attribute.key != key) {
            let value = Some(AnyValue { value: Some(Value::StringValue(value)) });
            attributes.push(KeyValue { key: key.to_owned(), value, ..KeyValue::default() });
        }
    }
    Resource { attributes, ..Resource::default() }
}

/// What the environment says.
fn set() -> Vec<KeyValue> {
    let of = |resource| ResourceAttributesWithSchema::from(&resource).attributes.0;
    let mut attributes = of(EnvResourceDetector::new().detect());
    let mut named = of(SdkProvidedResourceDetector.detect());
    named.retain(|attribute| attribute.key == NAME && !is_unnamed(attribute));
    if !named.is_empty() {
        attributes.retain(|attribute| attribute.key != NAME);
        attributes.append(&mut named);
    }
    attributes
}

fn is_unnamed(attribute: &KeyValue) -> bool {
    let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
    matches!(value, Some(Value::StringValue(name)) if name.starts_with(UNNAMED))
}

/// As the conventions call it.
fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tracer_that_nobody_named_is_named_once_and_is_its_host() {
        let of = resource("web-1");
        let values = |key: &str| {
            let all = of.attributes.iter().filter(|attribute| attribute.key == key);
            all.filter_map(|attribute| match attribute.value.clone()?.value? {
                Value::StringValue(text) => Some(text),
                _ => None,
            })
            .collect::<Vec<_>>()
        };
        assert_eq!(values(NAME), ["tracer"]);
        assert_eq!(
            (values("host.name"), values("service.instance.id")),
            (vec!["web-1".to_owned()], vec!["web-1".to_owned()])
        );
        assert_eq!(values("os.type"), ["linux"]);
    }
}
