//! What one scrape costs, beside the `prometheus` crate's own encoder over the same view, in one
//! run.
//!
//! CPU is this thread's own, user and system, as the kernel counts it; each figure is the median of
//! the rounds, and the rounds take turns, since the machine is shared. Memory is how far the
//! process' peak rose over what it held before.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a measurement, not the product"
)]

#[path = "../tests/support/collector.rs"]
mod collector;

use std::io::{self, Write};
use std::sync::Arc;

use anchorwatch::metrics::{AuthoritySeries, Format, Registered, Scrape, SelfFacts, render};
use anchorwatch_core::bundle::{
    Authority, AuthorityId, Digest, Fingerprint, KeyType, ParseLimits, PublicKeyId, StatedNumber,
    SvidType, parse,
};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile};
use anchorwatch_core::time::{Bracket, Timestamp};
use anchorwatch_core::view::{DomainView, PollCounts, View};
use anchorwatch_core::watch::{
    AuthorityRecord, BundleState, Confirmed, DomainState, EndpointState, Facts, Policy, PollState,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use prometheus::{Encoder as _, Registry, TextEncoder};

const NOW: i64 = 1_795_000_000;
const ROUNDS: usize = 5;
/// Half X.509, half JWT: what SPIRE publishes with three servers and a rotation under way.
const AUTHORITIES: usize = 8;
/// A bundle as SPIRE served it, for a certificate of its own size.
const BUNDLE: &[u8] = include_bytes!("../tests/data/configs/files/clean1.lab.example.bundle.json");

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        // `cargo test --all-targets` builds this to see that it does.
        let scene = Scene::new(3, AuthoritySeries::Rendered);
        println!("scrape: {} series; `cargo bench --bench scrape` measures", scene.series());
        return;
    }
    println!(
        "One scrape, {AUTHORITIES} authorities a trust domain, median of {ROUNDS} rounds. CPU in \
         ms, and for 250,000 series; peak in MiB:"
    );
    println!(
        "{:>8} {:>5} {:>10} {:>7} {:<12} {:>8} {:>9} {:>7}",
        "domains", "keys", "series", "MB", "form", "CPU", "/250k", "peak"
    );
    for (domains, authority_series) in [
        (2_300, AuthoritySeries::Rendered),
        (5_600, AuthoritySeries::LeftOut),
        (10_000, AuthoritySeries::LeftOut),
        (10_000, AuthoritySeries::Rendered),
    ] {
        let scene = Scene::new(domains, authority_series);
        let series = scene.series();
        let line = |form: &str, (cpu, peak): (f64, f64)| {
            println!(
                "{domains:>8} {:>5} {series:>10} {:>7.1} {form:<12} {:>8.1} {:>9.1} {peak:>7.2}",
                match authority_series {
                    AuthoritySeries::Rendered => "each",
                    AuthoritySeries::LeftOut => "none",
                },
                scene.length() as f64 / 1e6,
                cpu * 1e3,
                cpu * 1e3 * 250_000.0 / series as f64,
            );
        };
        line("text", measured(|| scene.render(Format::Text, &mut io::sink())));
        line("openmetrics", measured(|| scene.render(Format::OpenMetrics, &mut io::sink())));
        line("text, gzip", measured(|| scene.gzip()));
        // The peer holds all families and the whole text: a gigabyte at the largest size.
        if domains < 10_000 {
            line("prometheus", measured(scene.peer()));
        }
    }
}

struct Scene {
    view: View,
    authority_series: AuthoritySeries,
    registered: Registered,
    facts: SelfFacts,
}

impl Scene {
    fn new(domains: usize, authority_series: AuthoritySeries) -> Self {
        let at = Timestamp::from_unix(NOW);
        let parsed = parse(BUNDLE, &ParseLimits::default()).unwrap().bundle;
        let of = |svid_type| {
            let mut all = parsed.authorities().iter();
            all.find(|one| one.id.svid_type == svid_type).unwrap()
        };
        let models = [of(SvidType::X509), of(SvidType::Jwt)];
        let mut domains: Vec<_> = (0..domains).map(|n| Arc::new(domain(n, models, at))).collect();
        domains.sort_by(|a, b| a.endpoint.trust_domain.cmp(&b.endpoint.trust_domain));
        let trust_domain = Some("watcher.example.org".parse().unwrap());
        Self {
            view: View { at, trust_domain, domains, ..View::default() },
            authority_series,
            registered: Registered::new().unwrap(),
            facts: SelfFacts::default(),
        }
    }

    fn render(&self, format: Format, out: &mut dyn Write) {
        let Self { view, authority_series, registered, facts } = self;
        let scrape = Scrape::new(view, facts, registered, *authority_series);
        render(&scrape, format, out).unwrap();
    }

    fn gzip(&self) {
        let mut packed = GzEncoder::new(io::sink(), Compression::fast());
        self.render(Format::Text, &mut packed);
        packed.finish().unwrap();
    }

    fn peer(&self) -> impl FnMut() {
        let registry = Registry::new();
        let collected = collector::Collected::new(self.view.clone(), self.authority_series);
        registry.register(Box::new(collected)).unwrap();
        move || TextEncoder::new().encode(&registry.gather(), &mut io::sink()).unwrap()
    }

    fn series(&self) -> usize {
        let mut counted = Counted::default();
        self.render(Format::Text, &mut counted);
        counted.series
    }

    fn length(&self) -> usize {
        let mut counted = Counted::default();
        self.render(Format::Text, &mut counted);
        counted.bytes
    }
}

/// Counts the lines that are no comments.
#[derive(Default)]
struct Counted {
    bytes: usize,
    series: usize,
    within: bool,
}

impl Write for Counted {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        for byte in piece {
            if !self.within && *byte != b'#' {
                self.series += 1;
            }
            self.within = *byte != b'\n';
        }
        self.bytes += piece.len();
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn domain(n: usize, models: [&Arc<Authority>; 2], at: Timestamp) -> DomainView {
    let name = format!("region-{n:05}.workloads.example.org");
    let endpoint = BundleEndpoint {
        trust_domain: name.parse().unwrap(),
        url: format!("https://spire.{name}:8443").parse().unwrap(),
        profile: EndpointProfile::HttpsSpiffe {
            endpoint_spiffe_id: format!("spiffe://{name}/spire/server").parse().unwrap(),
        },
    };
    let authorities = (0..AUTHORITIES).map(|m| record(&name, m, models[m % 2], at)).collect();
    let facts = Facts {
        endpoint: EndpointState {
            configured: Some(endpoint.clone()),
            first_contact: Some(at),
            ..EndpointState::default()
        },
        bundle: BundleState {
            confirmed: Some(Confirmed {
                content: Digest::of(name.as_bytes()),
                body: Digest::of(b"body"),
                sequence: StatedNumber::Given(17),
                refresh_hint: StatedNumber::Given(300),
                since: Bracket::new(None, at),
            }),
            ..BundleState::default()
        },
        authorities,
        ..Facts::default()
    };
    let micros = i64::try_from(n).unwrap();
    let poll_state = PollState {
        last_poll: Some(Timestamp::from_unix_micros(NOW * 1_000_000 + micros)),
        last_success: Some(Timestamp::from_unix_micros(NOW * 1_000_000 + micros)),
        length: 9_000,
        tls_not_after: Some(at),
        ..PollState::default()
    };
    DomainView {
        endpoint: Arc::new(endpoint),
        policy: Arc::new(Policy::default()),
        state: DomainState { facts: Arc::new(facts), poll_state },
        findings: Arc::new([]),
        ended: Arc::new([]),
        counts: Arc::new(PollCounts { polls: 1_000, ..PollCounts::default() }),
        stopped: None,
        dropped: Arc::new([]),
        unrecorded: false,
    }
}

fn record(name: &str, m: usize, model: &Arc<Authority>, at: Timestamp) -> AuthorityRecord {
    let fingerprint = Fingerprint::of(format!("{name} {m}").as_bytes());
    let authority = Authority {
        id: AuthorityId { svid_type: model.id.svid_type, fingerprint },
        public_key: Some(PublicKeyId::from_bytes(*fingerprint.as_bytes())),
        key_type: KeyType::EcP256,
        ..Authority::clone(model)
    };
    AuthorityRecord::new(Arc::new(authority), Bracket::new(None, at))
}

/// Median CPU in seconds, and how far the peak rose in MiB the first time.
fn measured(mut work: impl FnMut()) -> (f64, f64) {
    // Resets the peak to what is held now (proc(5), clear_refs).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let held = kibibytes("VmHWM:");
    work();
    let peak = (kibibytes("VmHWM:") - held) / 1024.0;
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let before = cpu();
            work();
            cpu() - before
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    (rounds[ROUNDS / 2], peak)
}

/// What this thread has spent on the CPU so far, in seconds.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn kibibytes(name: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
