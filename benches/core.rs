//! What the pure parts of a poll cost: parse, diff and step, on bundles that real SPIRE served.

#![expect(clippy::unwrap_used, reason = "a measurement, not the product")]

use std::fs;
use std::hint::black_box;
use std::time::Duration;

use anchorwatch_core::bundle::consumer::Consumer;
use anchorwatch_core::bundle::{Digest, ParseLimits, diff, parse};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{DomainState, Observation, Policy, Poll, Source, step};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use serde::Serialize as _;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

/// Half-way through [0, 1): no jitter.
const NO_JITTER: f64 = 0.5;

/// The bundles with 8 authorities that a server served over its rotations, in their order and
/// indented as it served them.
fn documents() -> Vec<Vec<u8>> {
    let text = fs::read_to_string("tests/data/spire/clean1.observations.jsonl").unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let bundles = lines.filter_map(|line| line.get("bundle").cloned());
    let of_eight = bundles.filter(|bundle| bundle["keys"].as_array().unwrap().len() == 8);
    of_eight.map(|bundle| indented(&bundle)).collect()
}

/// SPIRE indents by four spaces.
fn indented(bundle: &Value) -> Vec<u8> {
    let mut body = Vec::new();
    let format = PrettyFormatter::with_indent(b"    ");
    bundle.serialize(&mut Serializer::with_formatter(&mut body, format)).unwrap();
    body
}

fn observation(body: &[u8]) -> Observation {
    let parsed = parse(body, &ParseLimits::default()).unwrap();
    Observation {
        bundle: parsed.bundle,
        irregularities: parsed.irregularities,
        body: Digest::of(body),
        length: u64::try_from(body.len()).unwrap(),
        refusals: None,
        source: Source::default(),
    }
}

fn core(criterion: &mut Criterion) {
    let documents = documents();
    let (first, last) = (documents.first().unwrap(), documents.last().unwrap());
    let (before, after) = (observation(first), observation(last));
    assert!(!diff(&before.bundle, &after.bundle).is_empty(), "the two must differ");

    criterion.bench_function("parse: 8 authorities", |bench| {
        bench.iter(|| parse(black_box(first), &ParseLimits::default()));
    });
    for consumer in Consumer::KNOWN {
        assert!(
            anchorwatch_consumers::read_document(*consumer, first).refusal().is_none(),
            "{consumer} takes it"
        );
        criterion.bench_function(&format!("what {consumer} does: 8 authorities"), |bench| {
            bench.iter(|| anchorwatch_consumers::read_document(*consumer, black_box(first)));
        });
    }
    criterion.bench_function("diff: 8 authorities, some changed", |bench| {
        bench.iter(|| diff(black_box(&before.bundle), black_box(&after.bundle)));
    });

    let policy = Policy::default();
    let start = Timestamp::from_unix(1_800_000_000);
    let at = start.saturating_add(Duration::from_secs(75));
    let known = step(DomainState::default(), Poll::of(Ok(before.clone())), start, &policy, 0.5);
    let stepped =
        |observation: &Observation| (known.state.clone(), Poll::of(Ok(observation.clone())));
    criterion.bench_function("step: unchanged", |bench| {
        bench.iter_batched(
            || stepped(&before),
            |(state, poll)| step(state, poll, at, &policy, NO_JITTER),
            BatchSize::SmallInput,
        );
    });
    criterion.bench_function("step: a change", |bench| {
        bench.iter_batched(
            || stepped(&after),
            |(state, poll)| step(state, poll, at, &policy, NO_JITTER),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, core);
criterion_main!(benches);
