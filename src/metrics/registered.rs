//! What the `prometheus` crate's own types hold: counters and histograms of our own doing, and the
//! process. They are rendered by the same encoder, so that both formats say the same.

use std::io;
use std::time::Duration;

use prometheus::proto::{Metric, MetricFamily, MetricType};
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};

use super::encoder::{Encoder, count};
use anchorwatch_core::spiffe::ProfileName;

/// From a local endpoint to the default deadline.
const BUCKETS: [f64; 9] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// What may come of a sighted token that a relying party tells of.
const SIGHTED: [&str; 6] = [
    "recorded",
    "known",
    "refused_token",
    "refused_malformed",
    "refused_trust_domain",
    "refused_budget",
];

/// Why a connection is ended though its other end did nothing wrong, or nothing at all.
const ENDED: [&str; 3] = ["no_request", "slow_reader", "deadline"];

/// What is counted, rather than read from the view.
#[derive(Clone, Debug)]
pub struct Registered {
    registry: Registry,
    durations: HistogramVec,
    panics: IntCounter,
    dropped: IntCounter,
    sightings: IntCounterVec,
    ended: IntCounterVec,
}

/// A family that is counted.
#[derive(Clone, Debug)]
pub struct Described {
    /// Its name in text 0.0.4.
    pub name: String,
    /// What it means, in a sentence.
    pub help: String,
    /// Its type, as the formats spell it.
    pub kind: &'static str,
    /// The names of its labels.
    pub labels: Vec<String>,
}

impl Registered {
    /// Counters at zero, and the process.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let durations = HistogramVec::new(
            HistogramOpts::new(
                "anchorwatch_source_poll_duration_seconds",
                "How long polls took, from the name look-up to the last byte.",
            )
            .buckets(BUCKETS.to_vec()),
            &["profile"],
        )?;
        let panics = IntCounter::new(
            "anchorwatch_panics_total",
            "Panics that were caught: each is a bug. A panic in a judgement ends the polling of its trust domain, one in a poll fails that poll.",
        )?;
        let dropped = IntCounter::new(
            "anchorwatch_scrapes_refused_total",
            "Scrapes that were refused because too many others were being read.",
        )?;
        let sightings = IntCounterVec::new(
            Opts::new(
                "anchorwatch_sightings_total",
                "Token sightings that relying parties reported: recorded as new, known already, or \
                 refused.",
            ),
            &["outcome"],
        )?;
        for outcome in SIGHTED {
            drop(sightings.with_label_values(&[outcome]));
        }
        let ended = IntCounterVec::new(
            Opts::new(
                "anchorwatch_http_connections_ended_total",
                "Connections that were ended early: for others, because they had sent no whole \
                 request or their readers were the slowest, or because an answer took too long.",
            ),
            &["reason"],
        )?;
        for reason in ENDED {
            drop(ended.with_label_values(&[reason]));
        }
        registry.register(Box::new(ended.clone()))?;
        registry.register(Box::new(sightings.clone()))?;
        registry.register(Box::new(durations.clone()))?;
        registry.register(Box::new(panics.clone()))?;
        registry.register(Box::new(dropped.clone()))?;
        for profile in ProfileName::ALL {
            drop(durations.with_label_values(&[profile.label()]));
        }
        let process = prometheus::process_collector::ProcessCollector::for_self();
        registry.register(Box::new(process))?;
        Ok(Self { registry, durations, panics, dropped, sightings, ended })
    }

    /// A poll took this long.
    pub fn polled(&self, profile: ProfileName, took: Duration) {
        self.durations.with_label_values(&[profile.label()]).observe(took.as_secs_f64());
    }

    /// A panic was caught.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// A scrape was refused.
    pub fn scrape_refused(&self) {
        self.dropped.inc();
    }

    /// A connection was ended early, for one of three reasons: `no_request`, `slow_reader` and
    /// `deadline`.
    pub fn connection_ended(&self, reason: &str) {
        self.ended.with_label_values(&[reason]).inc();
    }

    /// So many sighted tokens came to this.
    pub fn sighted(&self, outcome: &str, count: u64) {
        self.sightings.with_label_values(&[outcome]).inc_by(count);
    }

    /// All families, for the documentation.
    pub fn described(&self) -> Vec<Described> {
        let families = self.registry.gather();
        families
            .iter()
            .map(|family| Described {
                name: family.name().to_owned(),
                help: family.help().to_owned(),
                kind: kind(family.get_field_type()),
                labels: family.get_metric().first().map_or_else(Vec::new, |metric| {
                    metric.get_label().iter().map(|pair| pair.name().to_owned()).collect()
                }),
            })
            .collect()
    }

    pub(super) fn render(&self, out: &mut Encoder) -> io::Result<()> {
        for family in self.registry.gather() {
            write(&family, out)?;
        }
        Ok(())
    }
}

fn kind(metric_type: MetricType) -> &'static str {
    match metric_type {
        MetricType::COUNTER => "counter",
        MetricType::HISTOGRAM => "histogram",
        MetricType::GAUGE | MetricType::SUMMARY | MetricType::UNTYPED => "gauge",
    }
}

fn write(family: &MetricFamily, out: &mut Encoder) -> io::Result<()> {
    let name = family.name();
    let bare = name.strip_suffix("_total").unwrap_or(name);
    let unit = ["seconds", "bytes"].into_iter().find(|unit| bare.ends_with(&format!("_{unit}")));
    out.header(name, kind(family.get_field_type()), family.help(), unit)?;
    for metric in family.get_metric() {
        let pairs = metric.get_label();
        let mut labels: Vec<(&str, &str)> =
            pairs.iter().map(|pair| (pair.name(), pair.value())).collect();
        match family.get_field_type() {
            MetricType::COUNTER => out.sample(&labels, metric.get_counter().get_value())?,
            MetricType::HISTOGRAM => histogram(metric, &mut labels, out)?,
            MetricType::GAUGE | MetricType::SUMMARY | MetricType::UNTYPED => {
                out.sample(&labels, metric.get_gauge().get_value())?;
            }
        }
    }
    Ok(())
}

fn histogram<'a>(
    metric: &'a Metric,
    labels: &mut Vec<(&'a str, &'a str)>,
    out: &mut Encoder,
) -> io::Result<()> {
    let histogram = metric.get_histogram();
    let bound = |bound: f64| if bound.is_infinite() { "+Inf".into() } else { format!("{bound:?}") };
    let mut whole = false;
    for bucket in histogram.get_bucket() {
        whole |= bucket.upper_bound().is_infinite();
        let bound = bound(bucket.upper_bound());
        let with: Vec<_> = labels.iter().copied().chain([("le", bound.as_str())]).collect();
        out.suffixed("_bucket", &with, count(bucket.cumulative_count()))?;
    }
    let count = count(histogram.get_sample_count());
    if !whole {
        let with: Vec<_> = labels.iter().copied().chain([("le", "+Inf")]).collect();
        out.suffixed("_bucket", &with, count)?;
    }
    out.suffixed("_sum", labels, histogram.get_sample_sum())?;
    out.suffixed("_count", labels, count)
}
