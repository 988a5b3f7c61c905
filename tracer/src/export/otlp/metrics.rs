//! Families as OTLP metrics: the same numbers, cumulative since the start of the observation, and such
//! names and units that Prometheus, which adds `_total` and the unit to names, gets the series that it
//! would scrape.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, DataPointFlags, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::value::string;
use crate::metrics::{self, Family, Kind, Sample, Value};

/// When, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The start of what counters count.
    pub start_unix_ns: u64,
    /// Now.
    pub unix_ns: u64,
}

/// Most data points of a request. Each is some hundreds of bytes, and collectors take messages of a few
/// MiB (over gRPC 4 as a rule).
pub const MOST_POINTS: usize = 2_000;

/// What is sent at once.
#[derive(Clone, Debug)]
pub struct Request {
    /// Data points in it: [`MOST_POINTS`] or fewer.
    pub points: u64,
    /// With them.
    pub message: ExportMetricsServiceRequest,
}

/// All families, in as many requests as it takes, each made when it is asked for. The points of a
/// family may be in several; families of which there is nothing to tell are left out. Of the gauges in
/// `gone` it is told that they have no value any more.
pub fn of_families<'a>(
    resource: &'a Resource,
    families: &'a [Family],
    gone: &'a [Family],
    times: Times,
) -> impl Iterator<Item = Request> {
    parts(families, gone).into_iter().map(move |part| {
        let metrics = part.iter().map(|part| metric(part, times)).collect();
        let scope_metrics =
            vec![ScopeMetrics { scope: Some(super::scope()), metrics, ..ScopeMetrics::default() }];
        let all = ResourceMetrics {
            resource: Some(resource.clone()),
            scope_metrics,
            ..ResourceMetrics::default()
        };
        Request {
            points: part.iter().map(|part| part.samples.len() as u64).sum(),
            message: ExportMetricsServiceRequest { resource_metrics: vec![all] },
        }
    })
}

/// Some samples of a family.
struct Part<'a> {
    family: &'a Family,
    samples: &'a [Sample],
    are_gone: bool,
}

/// Those of each request.
fn parts<'a>(families: &'a [Family], gone: &'a [Family]) -> Vec<Vec<Part<'a>>> {
    let (mut parts, mut part, mut room) = (Vec::new(), Vec::new(), MOST_POINTS);
    let families = families.iter().map(|family| (family, false));
    for (family, are_gone) in families.chain(gone.iter().map(|family| (family, true))) {
        let mut samples = family.samples.as_slice();
        while !samples.is_empty() {
            let (fit, rest) = samples.split_at(samples.len().min(room));
            part.push(Part { family, samples: fit, are_gone });
            (samples, room) = (rest, room - fit.len());
            if room == 0 {
                parts.push(std::mem::take(&mut part));
                room = MOST_POINTS;
            }
        }
    }
    parts.extend((!part.is_empty()).then_some(part));
    parts
}

fn metric(part: &Part<'_>, times: Times) -> Metric {
    let Part { family, samples, are_gone } = *part;
    let (name, unit) = (family.name, unit(family.name));
    // All of one family have one type.
    let is_measure = ["_seconds", "_ratio", "_share"].iter().any(|end| name.ends_with(end));
    let cumulative = AggregationTemporality::Cumulative.into();
    let data = match family.kind {
        Kind::Counter => Data::Sum(Sum {
            data_points: numbers(samples, is_measure, times, times.start_unix_ns),
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        Kind::Gauge if are_gone => Data::Gauge(Gauge { data_points: no_values(samples, times) }),
        Kind::Gauge => Data::Gauge(Gauge { data_points: numbers(samples, is_measure, times, 0) }),
        Kind::Histogram => Data::Histogram(Histogram {
            data_points: histograms(samples, times),
            aggregation_temporality: cumulative,
        }),
    };
    Metric {
        name: name.strip_suffix("_total").unwrap_or(name).to_owned(),
        description: family.help.to_owned(),
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

/// The unit, as UCUM has it: what is counted in braces. Those that Prometheus adds to a name are in ours
/// already, and it does not add them twice; of a share it is left out, for Prometheus would.
fn unit(name: &str) -> &'static str {
    let counted = name.trim_end_matches("_total");
    let units = [
        ("_seconds", "s"),
        ("_ratio", "1"),
        ("_connections_opened", "{connection}"),
        ("_connections_closed", "{connection}"),
        ("_connections_open", "{connection}"),
        ("_connections_tracked", "{connection}"),
        ("_connect_failures", "{connection}"),
        ("_redials", "{connection}"),
        ("_exchanges", "{exchange}"),
        ("_findings", "{finding}"),
        ("_events_lost", "{record}"),
    ];
    units.iter().find(|(end, _)| counted.ends_with(end)).map_or("", |(_, unit)| unit)
}

fn numbers(
    samples: &[Sample],
    is_measure: bool,
    times: Times,
    start_time_unix_nano: u64,
) -> Vec<NumberDataPoint> {
    let point = |sample: &Sample| match &sample.value {
        Value::Number(number) => Some(NumberDataPoint {
            attributes: attributes(sample),
            start_time_unix_nano,
            time_unix_nano: times.unix_ns,
            value: Some(if is_measure { Number::AsDouble(*number) } else { whole(*number) }),
            ..NumberDataPoint::default()
        }),
        Value::Histogram(_) => None,
    };
    samples.iter().filter_map(point).collect()
}

/// Points that say that there is no value any more.
fn no_values(samples: &[Sample], times: Times) -> Vec<NumberDataPoint> {
    let point = |sample: &Sample| NumberDataPoint {
        attributes: attributes(sample),
        time_unix_nano: times.unix_ns,
        flags: DataPointFlags::NoRecordedValueMask as u32,
        ..NumberDataPoint::default()
    };
    samples.iter().map(point).collect()
}

/// Counts are whole, and told so as far as they are exact.
#[expect(clippy::cast_possible_truncation, reason = "whole and within 53 bits")]
fn whole(number: f64) -> Number {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        Number::AsInt(number as i64)
    } else {
        Number::AsDouble(number)
    }
}

fn histograms(samples: &[Sample], times: Times) -> Vec<HistogramDataPoint> {
    let point = |sample: &Sample| match &sample.value {
        Value::Histogram(histogram) => Some(of_histogram(histogram, attributes(sample), times)),
        Value::Number(_) => None,
    };
    samples.iter().filter_map(point).collect()
}

fn of_histogram(
    histogram: &metrics::Histogram,
    attributes: Vec<KeyValue>,
    times: Times,
) -> HistogramDataPoint {
    let (bounds, bucket_counts): (Vec<_>, Vec<_>) = histogram.buckets().unzip();
    HistogramDataPoint {
        attributes,
        start_time_unix_nano: times.start_unix_ns,
        time_unix_nano: times.unix_ns,
        count: histogram.count(),
        sum: Some(histogram.sum()),
        // The last bucket has none.
        explicit_bounds: bounds.into_iter().filter(|bound| bound.is_finite()).collect(),
        bucket_counts,
        ..HistogramDataPoint::default()
    }
}

fn attributes(sample: &Sample) -> Vec<KeyValue> {
    let of = |(key, value): &(&'static str, String)| KeyValue {
        key: (*key).to_owned(),
        value: Some(string(value.as_str())),
        ..KeyValue::default()
    };
    // An empty label is none to Prometheus.
    sample.labels.iter().filter(|(_, value)| !value.is_empty()).map(of).collect()
}

#[cfg(test)]
mod tests;
