//! What the stages cost per record or connection: decoding, folding into totals, folding with the
//! memory of all verdicts, and judging. Measures only; that results are right is the tests' work.
//!
//! `cargo bench -p tracer` measures. `cargo test` runs each once, so that they cannot rot.

#[path = "stages/traffic.rs"]
mod traffic;

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tracer::aggregate::{Aggregate, Limits};
use tracer::connection::Tick;
use tracer::decode::decode;
use tracer::detect::{Judge, Thresholds};
use tracer::process::{Identity, ProcessId};

use traffic::{SHAPES, Shape};

/// Nothing is known of the processes but their names.
type Nobody = BTreeMap<ProcessId, Identity>;

fn throughput(ticks: &[Tick]) -> Throughput {
    let connections = ticks.iter().map(|tick| tick.ended.len() + tick.live.len()).sum::<usize>();
    Throughput::Elements(connections as u64)
}

fn decoding(criterion: &mut Criterion) {
    let record = traffic::record();
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    group.bench_function("conn", |bench| bench.iter(|| decode(black_box(&record))));
    group.finish();
}

/// Totals alone.
fn aggregating(criterion: &mut Criterion) {
    let nobody = Nobody::new();
    let mut group = criterion.benchmark_group("aggregate");
    for Shape { name, ticks } in SHAPES {
        let ticks = ticks();
        group.throughput(throughput(&ticks));
        group.bench_function(BenchmarkId::new("fold", name), |bench| {
            bench.iter(|| {
                let mut aggregate = Aggregate::<()>::new(0, Limits::default());
                for tick in &ticks {
                    aggregate.fold(tick, &nobody, &());
                }
                aggregate
            });
        });
    }
    group.finish();
}

fn judged(ticks: &[Tick]) -> Judge {
    let mut judge = Judge::new(0, Limits::default(), Thresholds::default());
    for tick in ticks {
        judge.fold(tick, &Nobody::new());
    }
    judge
}

/// Totals and what every verdict remembers; then the verdicts.
fn detecting(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("detect");
    for Shape { name, ticks } in SHAPES {
        let ticks = ticks();
        group.throughput(throughput(&ticks));
        group.bench_function(BenchmarkId::new("observe", name), |bench| {
            bench.iter(|| judged(&ticks));
        });
        // A judge that is asked once per tick, as an observation without an end asks it.
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("judge", name), |bench| {
            let judge = || judged(&ticks);
            bench.iter_batched(judge, |judge| judge.findings(0), BatchSize::LargeInput);
        });
    }
    group.finish();
}

criterion_group! {
    name = stages;
    config = Criterion::default().sample_size(10);
    targets = decoding, aggregating, detecting
}
criterion_main!(stages);
