//! The metrics as text of Prometheus, version 0.0.4. The format is the library's; only what goes where
//! is ours.

use std::io;

use prometheus::proto::MetricType;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily};
use prometheus::{Encoder as _, TextEncoder};

use super::{Family, Kind, Sample, Value};

/// Content type of [`write`].
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// Writes all of it.
///
/// # Errors
/// Those of `out`.
pub fn write(families: &[Family], out: &mut impl io::Write) -> io::Result<()> {
    // The library refuses a family without samples.
    let told = families.iter().filter(|family| !family.samples.is_empty());
    let told: Vec<_> = told.map(family).collect();
    TextEncoder::new().encode(&told, out).map_err(io::Error::other)
}

fn family(of: &Family) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(of.name.to_owned());
    family.set_help(of.help.to_owned());
    family.set_field_type(match of.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
        Kind::Histogram => MetricType::HISTOGRAM,
    });
    family.set_metric(of.samples.iter().map(|sample| metric(of.kind, sample)).collect());
    family
}

fn metric(kind: Kind, sample: &Sample) -> Metric {
    let labels = sample.labels.iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value(value.clone());
        pair
    });
    let mut metric = Metric::default();
    metric.set_label(labels.collect());
    match &sample.value {
        Value::Number(number) if kind == Kind::Counter => {
            let mut counter = Counter::default();
            counter.set_value(*number);
            metric.set_counter(counter);
        }
        Value::Number(number) => {
            let mut gauge = Gauge::default();
            gauge.set_value(*number);
            metric.set_gauge(gauge);
        }
        Value::Histogram(histogram) => metric.set_histogram(cumulative(histogram)),
    }
    metric
}

fn cumulative(of: &super::Histogram) -> Histogram {
    let mut count = 0;
    // The library adds the bucket without a bound.
    let bounded = of.buckets().filter(|(bound, _)| bound.is_finite());
    let buckets = bounded.map(|(bound, here)| {
        count += here;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(count);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(of.count());
    histogram.set_sample_sum(of.sum());
    histogram
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;
    use super::*;
    use crate::sink::testing;

    #[test]
    fn a_label_may_hold_anything_and_a_histogram_is_cumulative() {
        let mut histogram = super::super::Histogram::default();
        for seconds in [0.001, 0.02, 1e6] {
            histogram.observe(seconds);
        }
        let families = [
            Family {
                name: "a_total",
                help: "A \\ thing.",
                kind: Kind::Counter,
                samples: vec![Sample {
                    labels: vec![("who", "a\"b\\c\nd".to_owned())],
                    value: Value::Number(3.0),
                }],
            },
            Family {
                name: "b_seconds",
                help: "Time.",
                kind: Kind::Histogram,
                samples: vec![Sample { labels: Vec::new(), value: Value::Histogram(histogram) }],
            },
            Family { name: "c", help: "None.", kind: Kind::Gauge, samples: Vec::new() },
        ];
        let mut text = Vec::new();
        write(&families, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("a_total{who=\"a\\\"b\\\\c\\nd\"} 3\n"), "{text}");
        for line in [
            "# TYPE b_seconds histogram",
            "b_seconds_bucket{le=\"0.0005\"} 0",
            "b_seconds_bucket{le=\"0.001\"} 1",
            "b_seconds_bucket{le=\"86400\"} 2",
            "b_seconds_bucket{le=\"+Inf\"} 3",
            "b_seconds_count 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }

    #[test]
    fn losses_are_told_from_the_first_line_on_zeros_too() {
        let mut metrics = Metrics::since(0, crate::probe::Ports::default());
        metrics.set_health(testing::health());
        let mut text = Vec::new();
        write(&metrics.families(), &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("tracer_events_lost_total{reason=\"ring_full\"} 0\n"), "{text}");
        assert!(text.contains("tracer_hook_attached{hook=\"tcp_connect\"} 0\n"), "{text}");
    }
}
