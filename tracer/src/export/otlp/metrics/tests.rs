//! Families as the messages that collectors read.

use prost::Message as _;

use super::*;
use crate::metrics::Metrics;
use crate::sink::testing;

const TIMES: Times = Times { start_unix_ns: 5, unix_ns: 9 };

fn metrics(families: &[Family]) -> Vec<Metric> {
    of_families(&Resource::default(), families, &[], TIMES)
        .flat_map(|mut request| {
            request.message.resource_metrics.remove(0).scope_metrics.remove(0).metrics
        })
        .collect()
}

#[test]
fn a_counter_is_a_cumulative_sum_since_the_start_and_leaves_total_to_the_receiver() {
    let labels = vec![("reason", "missed".to_owned()), ("container_id", String::new())];
    let samples = vec![Sample { labels, value: Value::Number(3.0) }];
    let family =
        Family { name: "tracer_events_lost_total", help: "Lost.", kind: Kind::Counter, samples };
    let metric = metrics(&[family]).remove(0);
    assert_eq!((metric.name.as_str(), metric.unit.as_str()), ("tracer_events_lost", "{record}"));
    let Some(Data::Sum(sum)) = metric.data else { unreachable!() };
    assert!(sum.is_monotonic);
    assert_eq!(sum.aggregation_temporality, AggregationTemporality::Cumulative as i32);
    let point = &sum.data_points[0];
    assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (5, 9));
    assert_eq!(point.value, Some(Number::AsInt(3)));
    assert_eq!(point.attributes.len(), 1, "the empty one is none");
}

#[test]
fn a_gauge_that_is_gone_has_a_point_without_a_value() {
    let labels = vec![("code", "hoard".to_owned())];
    let samples = vec![Sample { labels, value: Value::Number(1.0) }];
    let family = Family { name: "tracer_findings", help: "Some.", kind: Kind::Gauge, samples };
    let gone = [family];
    let request = of_families(&Resource::default(), &[], &gone, TIMES).next().unwrap();
    assert_eq!(request.points, 1);
    let metric = &request.message.resource_metrics[0].scope_metrics[0].metrics[0];
    assert_eq!(metric.name, "tracer_findings");
    let Some(Data::Gauge(gauge)) = &metric.data else { unreachable!() };
    let point = &gauge.data_points[0];
    assert_eq!((point.value, point.flags, point.time_unix_nano), (None, 1, 9));
    assert_eq!(point.attributes.len(), 1);
}

#[test]
fn a_histogram_has_the_bounds_of_the_scrape_and_one_bucket_more() {
    let mut histogram = metrics::Histogram::default();
    for seconds in [0.001, 0.02, 1e6] {
        histogram.observe(seconds);
    }
    let samples = vec![Sample { labels: Vec::new(), value: Value::Histogram(histogram) }];
    let name = "tracer_tcp_connection_duration_seconds";
    let metric =
        metrics(&[Family { name, help: "Time.", kind: Kind::Histogram, samples }]).remove(0);
    assert_eq!((metric.name.as_str(), metric.unit.as_str()), (name, "s"));
    let Some(Data::Histogram(histogram)) = metric.data else { unreachable!() };
    let point = &histogram.data_points[0];
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    assert_eq!((point.count, point.bucket_counts.iter().sum::<u64>()), (3, 3));
    assert_eq!((point.explicit_bounds[1], point.bucket_counts[1]), (0.001, 1));
}

#[test]
fn a_share_is_no_count_even_if_it_is_whole_and_what_is_empty_is_left_out() {
    let mut told = Metrics::since(0, crate::probe::Ports::default());
    told.set_health(crate::sink::Health { seen_share: Some(1.0), ..testing::health() });
    let metrics = metrics(&told.families());
    assert!(metrics.iter().all(|metric| metric.name != "tracer_tcp_redials"));
    let share = metrics.iter().find(|metric| metric.name == "tracer_seen_share").unwrap();
    assert_eq!(share.unit, "", "else it would be called a ratio");
    let Some(Data::Gauge(gauge)) = &share.data else { unreachable!() };
    assert_eq!(gauge.data_points[0].value, Some(Number::AsDouble(1.0)));
    assert_eq!(gauge.data_points[0].start_time_unix_nano, 0);
}

#[test]
fn a_request_is_full_at_2000_points_and_far_below_the_limit_of_collectors() {
    let labels = |number: usize| -> Vec<(&'static str, String)> {
        let keys =
            ["process_executable_name", "container_id", "role", "server", "cause", "initiator"];
        keys.into_iter().map(|key| (key, format!("{number:0>100}"))).collect()
    };
    let family = |name, count| Family {
        name,
        help: "Some.",
        kind: Kind::Gauge,
        samples: (0..count)
            .map(|number| Sample { labels: labels(number), value: Value::Number(1.0) })
            .collect(),
    };
    let families =
        [family("tracer_a", 1), family("tracer_none", 0), family("tracer_b", 2 * MOST_POINTS)];
    let requests: Vec<_> = of_families(&Resource::default(), &families, &[], TIMES).collect();
    let points: Vec<_> = requests.iter().map(|request| request.points).collect();
    assert_eq!(points, [2_000, 2_000, 1]);
    let told = |request: &Request| -> Vec<(String, usize)> {
        let metrics = &request.message.resource_metrics[0].scope_metrics[0].metrics;
        let of = |metric: &Metric| match &metric.data {
            Some(Data::Gauge(gauge)) => (metric.name.clone(), gauge.data_points.len()),
            _ => unreachable!(),
        };
        metrics.iter().map(of).collect()
    };
    assert_eq!(told(&requests[0]), [("tracer_a".into(), 1), ("tracer_b".into(), 1_999)]);
    assert_eq!(told(&requests[1]), [("tracer_b".into(), 2_000)]);
    assert_eq!(told(&requests[2]), [("tracer_b".into(), 1)]);
    let bytes = requests.iter().map(|request| request.message.encoded_len()).max();
    assert!(bytes < Some(2 << 20), "{bytes:?}");
}
