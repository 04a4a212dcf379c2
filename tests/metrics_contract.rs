//! What dashboards and alerts rest on: names, labels, values and their formats.

#![cfg(test)]

#[path = "support/collector.rs"]
mod collector;
#[path = "support/exposition.rs"]
mod exposition;
#[path = "support/picture.rs"]
mod picture;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anchorwatch::metrics::{
    AuthoritySeries, FamilyKind, Format, Registered, Scrape, SelfFacts, catalogue, markdown, render,
};
use anchorwatch_core::bundle::{Fingerprint, StatedNumber};
use anchorwatch_core::finding::{Finding, FindingKind, Severity};
use anchorwatch_core::spiffe::ProfileName;
use anchorwatch_core::view::{DomainView, Ended, View};
use anchorwatch_core::watch::FailureReason;
use collector::Collected;
use exposition::{ReadFamily, Series, read};
use prometheus::{Registry, TextEncoder};

/// Rendered from the process and the machine, and so never twice the same.
fn is_of_the_machine(family: &str) -> bool {
    family.starts_with("process_") || family.starts_with("anchorwatch_build")
}

struct Rendered {
    view: View,
    facts: SelfFacts,
    registered: Registered,
    authority_series: AuthoritySeries,
}

impl Rendered {
    fn of(view: View) -> Self {
        let (facts, registered) = (picture::self_facts(), Registered::new().unwrap());
        Self { view, facts, registered, authority_series: AuthoritySeries::Rendered }
    }

    fn text(&self, format: Format) -> String {
        let Self { view, facts, registered, authority_series } = self;
        let scrape = Scrape::new(view, facts, registered, *authority_series);
        let mut out = Vec::new();
        render(&scrape, format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn families(&self) -> Vec<ReadFamily> {
        read(&self.text(Format::Text), false)
    }

    fn series(&self) -> BTreeMap<Series, f64> {
        self.families().iter().flat_map(ReadFamily::series).collect()
    }

    /// The values of the series of this name whose labels include these.
    #[track_caller]
    fn values(&self, name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        let wanted = |(series, given): &Series| {
            series == name
                && labels
                    .iter()
                    .all(|(label, value)| given.get(*label).is_some_and(|given| given == value))
        };
        self.series().into_iter().filter(|(series, _)| wanted(series)).map(|one| one.1).collect()
    }
}

fn with(name: &str, change: impl FnOnce(&mut DomainView)) -> Rendered {
    let mut view = picture::view();
    let domain = view.domains.iter_mut().find(|one| one.endpoint.trust_domain.as_str() == name);
    change(Arc::make_mut(domain.unwrap()));
    Rendered::of(view)
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Compares with a golden file, or writes it.
#[track_caller]
fn expect_file(name: &str, text: &str) {
    let path = data(name);
    #[expect(clippy::disallowed_methods, reason = "the one switch that rewrites golden files")]
    let update = std::env::var("UPDATE_EXPECT").is_ok_and(|value| value == "1");
    if update {
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name} (UPDATE_EXPECT=1 rewrites it)");
}

/// Name, help and whether it is a counter, of all families.
fn described() -> Vec<(String, String, bool)> {
    let registered = Registered::new().unwrap().described().into_iter();
    let registered = registered.map(|one| (one.name, one.help, one.kind == "counter"));
    let own = catalogue().map(|family| {
        (family.name.to_owned(), family.help.to_owned(), family.kind == FamilyKind::Counter)
    });
    own.chain(registered).collect()
}

#[test]
fn names_are_snake_case_with_base_units_and_say_no_type() {
    let all = described();
    let names: BTreeSet<&str> = all.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names.len(), all.len(), "a name twice");
    for (name, _, is_counter) in &all {
        let prefix = name.split('_').next().unwrap();
        assert!(["anchorwatch", "process"].contains(&prefix), "{name}");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.chars().all(plain) && !name.contains("__"), "{name}");
        assert_eq!(name.ends_with("_total"), *is_counter, "{name}");
        for word in name.split('_') {
            let types = ["counter", "gauge", "histogram", "summary", "untyped", "metric"];
            assert!(!types.contains(&word), "{name} says its type");
            let units = [
                "ms",
                "milliseconds",
                "microseconds",
                "nanoseconds",
                "minutes",
                "hours",
                "days",
                "second",
                "byte",
                "kilobytes",
                "kb",
                "mb",
                "percent",
                "age",
                "ratio",
            ];
            assert!(!units.contains(&word), "{name}: {word} is no base unit in the plural");
        }
        let bare = name.strip_suffix("_total").unwrap_or(name);
        for unit in ["seconds", "bytes"] {
            let within = bare.split('_').any(|word| word == unit);
            assert_eq!(within, bare.ends_with(&format!("_{unit}")), "{name}: units stand last");
        }
        let timestamp = bare.contains("timestamp");
        assert_eq!(timestamp, bare.ends_with("_timestamp_seconds"), "{name}");
        for reserved in ["_sum", "_count", "_bucket", "_created", "_gcount", "_gsum"] {
            assert!(!bare.ends_with(reserved), "{name}");
        }
    }
    for family in catalogue() {
        assert_eq!(
            family.name.ends_with("_info"),
            family.kind == FamilyKind::Info,
            "{}",
            family.name
        );
    }
}

#[test]
fn helps_are_sentences() {
    for (name, help, _) in described() {
        assert!(help.ends_with('.') && !help.ends_with(".."), "{name}: {help}");
        let first = help.chars().next().unwrap();
        assert!(first.is_uppercase() || first.is_ascii_digit(), "{name}: {help}");
        assert!(!help.contains(['\n', '|']) && help.trim() == help, "{name}: {help}");
        assert!(!help.contains("  "), "{name}: {help}");
    }
}

#[test]
fn labels_collide_with_nothing_that_a_scrape_adds() {
    let target = [
        "cluster",
        "namespace",
        "service",
        "environment",
        "region",
        "job",
        "instance",
        "owner",
        "stage",
        "type",
        "le",
        "quantile",
        "domain",
        "pod",
        "container",
        "node",
        "endpoint",
    ];
    for family in catalogue() {
        let names: BTreeSet<&str> = family.labels.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), family.labels.len(), "{}", family.name);
        for (label, meaning) in family.labels {
            assert!(!target.contains(label), "{}: {label}", family.name);
            assert!(label.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{label}");
            assert!(!label.starts_with("__") && !meaning.is_empty(), "{label}");
        }
        // Who it is about comes first.
        if names.contains("trust_domain") {
            assert_eq!(family.labels[0].0, "trust_domain", "{}", family.name);
        }
        let per_authority = names.contains("authority");
        assert_eq!(per_authority, family.per_authority, "{}", family.name);
    }
}

#[test]
fn a_fixed_view_gives_this_text() {
    let rendered = Rendered::of(picture::view());
    for (format, name) in [(Format::Text, "text"), (Format::OpenMetrics, "openmetrics")] {
        let text = rendered.text(format);
        let mut kept = String::new();
        for line in text.split_inclusive('\n') {
            let name = ["# HELP ", "# TYPE ", "# UNIT "].iter().find_map(|p| line.strip_prefix(p));
            if !is_of_the_machine(name.unwrap_or(line)) {
                kept.push_str(line);
            }
        }
        expect_file(&format!("tests/data/metrics/{name}.txt"), &kept);
    }
}

#[test]
fn both_formats_hold_the_same_samples() {
    let rendered = Rendered::of(picture::view());
    rendered.registered.polled(ProfileName::HttpsWeb, Duration::from_millis(30));
    let series = |format, openmetrics| -> BTreeMap<Series, f64> {
        let families = read(&rendered.text(format), openmetrics);
        let steady = families.iter().flat_map(ReadFamily::series);
        let value = |((name, labels), value): (Series, f64)| {
            let value = if name.starts_with("process_") { 0.0 } else { value };
            ((name, labels), value)
        };
        steady.map(value).collect()
    };
    let text = series(Format::Text, false);
    assert!(text.len() > 200);
    assert_eq!(text, series(Format::OpenMetrics, true));
}

#[test]
fn openmetrics_says_the_unit_that_the_name_ends_in() {
    for family in read(&Rendered::of(picture::view()).text(Format::OpenMetrics), true) {
        let name = &family.name;
        let unit =
            ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(&format!("_{unit}")));
        assert_eq!(family.unit.as_deref(), unit, "{name}");
    }
}

#[test]
fn the_prometheus_crate_says_the_same_of_the_same_view() {
    for authority_series in [AuthoritySeries::Rendered, AuthoritySeries::LeftOut] {
        let mut rendered = Rendered::of(picture::view());
        rendered.authority_series = authority_series;
        let registry = Registry::new();
        let collected = Collected::new(rendered.view.clone(), authority_series);
        registry.register(Box::new(collected)).unwrap();
        let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        let peer = read(&text, false);

        // The daemon's own families and those that have no series are no part of it.
        let own = |family: &ReadFamily| peer.iter().any(|other| other.name == family.name);
        let ours: Vec<_> = rendered.families().into_iter().filter(own).collect();
        let kinds = |all: &[ReadFamily]| -> BTreeMap<String, String> {
            all.iter().map(|one| (one.name.clone(), one.kind.clone())).collect()
        };
        assert_eq!(kinds(&ours), kinds(&peer));
        let series = |all: &[ReadFamily]| -> BTreeMap<Series, f64> {
            all.iter().flat_map(ReadFamily::series).collect()
        };
        assert_eq!(series(&ours), series(&peer));

        // None of the catalogue is missing there but what stands for the daemon.
        let peers: BTreeSet<&str> = peer.iter().map(|family| family.name.as_str()).collect();
        for family in catalogue().filter(|family| !family.labels.is_empty()) {
            let compared = peers.contains(family.name);
            let left_out = family.name == "anchorwatch_build_info"
                || family.name.starts_with("anchorwatch_notifications_");
            assert_eq!(
                compared,
                !left_out
                    && (authority_series == AuthoritySeries::Rendered || !family.per_authority),
                "{}",
                family.name
            );
        }
    }
}

#[test]
fn the_catalogue_lists_exactly_the_labels_that_are_rendered() {
    let families = Rendered::of(picture::view()).families();
    for family in catalogue() {
        let read = families.iter().find(|read| read.name == family.name).unwrap();
        assert_eq!(read.help, family.help);
        assert!(!read.samples.is_empty(), "the picture shows no {}", family.name);
        let listed: Vec<&str> = family.labels.iter().map(|(name, _)| *name).collect();
        let mut used = BTreeSet::new();
        for (_, labels, _) in &read.samples {
            let places: Vec<usize> = labels
                .iter()
                .map(|(name, _)| {
                    let place = listed.iter().position(|listed| listed == name);
                    place.unwrap_or_else(|| panic!("{}: {name} is not listed", family.name))
                })
                .collect();
            assert!(places.is_sorted(), "{}: {labels:?}", family.name);
            used.extend(places);
        }
        assert_eq!(used.len(), listed.len(), "{}: {listed:?}", family.name);
    }
    let catalogued = catalogue().map(|family| family.name.to_owned());
    let registered = Registered::new().unwrap().described().into_iter().map(|one| one.name);
    let known: Vec<String> = catalogued.chain(registered).collect();
    let rendered: Vec<_> = families.iter().map(|family| family.name.clone()).collect();
    assert_eq!(rendered, known, "in the catalogue's order");
}

#[test]
fn counters_and_sources_start_at_zero() {
    let rendered = Rendered::of(picture::view());
    let new = [("trust_domain", "new.example")];
    let zero = |name: &str, series: usize| {
        assert_eq!(rendered.values(name, &new), vec![0.0; series], "{name}");
    };
    zero("anchorwatch_source_up", 1);
    zero("anchorwatch_source_polls_total", 1);
    zero("anchorwatch_source_poll_failures_total", FailureReason::COUNT);
    zero("anchorwatch_bundle_changes_total", 6);
    zero("anchorwatch_bundle_irregularities", 1);
    zero("anchorwatch_bundle_unrecorded_changes", 1);
    // What is not known is absent, and not zero.
    for family in catalogue().filter(|family| family.name.contains("_timestamp_")) {
        // Its endpoint is authenticated by another trust domain's authorities.
        if !family.labels.is_empty() && !family.name.contains("lockout") {
            assert_eq!(rendered.values(family.name, &new), [0.0; 0], "{}", family.name);
        }
    }
    for name in
        ["anchorwatch_authorities", "anchorwatch_bundle_info", "anchorwatch_bundle_size_bytes"]
    {
        assert_eq!(rendered.values(name, &new), [0.0; 0], "{name}");
    }
    let buckets = rendered.values("anchorwatch_source_poll_duration_seconds_count", &[]);
    assert_eq!(buckets, [0.0, 0.0], "one for each profile");
    assert_eq!(rendered.values("anchorwatch_panics_total", &[]), [0.0]);
    assert_eq!(rendered.values("anchorwatch_scrapes_refused_total", &[]), [0.0]);
}

#[test]
fn what_was_known_stays_when_a_source_fails() {
    let rendered = Rendered::of(picture::view());
    let failing = [("trust_domain", "failing.example")];
    assert_eq!(rendered.values("anchorwatch_source_up", &failing), [0.0]);
    assert_eq!(rendered.values("anchorwatch_authorities", &failing), [1.0, 0.0, 0.0]);
    assert_eq!(rendered.values("anchorwatch_bundle_info", &failing), [1.0]);
    assert_eq!(rendered.values("anchorwatch_authority_info", &failing), [1.0]);
    let last = rendered.values("anchorwatch_source_last_success_timestamp_seconds", &failing);
    assert_eq!(last, [picture::at(-3_060).as_unix_seconds()]);
    let reason = [failing[0], ("reason", "connect")];
    let failures = rendered.values("anchorwatch_source_poll_failures_total", &reason);
    assert_eq!(failures, [50.0]);
}

#[test]
fn a_key_that_left_takes_its_series_with_it() {
    let series = Rendered::of(picture::view()).series();
    let of = |key: &str| {
        let short = &Fingerprint::of(key.as_bytes()).short();
        let mut labels = series.keys().map(|(_, labels)| labels.get("authority"));
        labels.any(|authority| authority == Some(short))
    };
    assert!(of("failing"));
    assert!(!of("gone"));
}

#[test]
fn no_sequence_number_is_no_series_and_zero_is_zero() {
    let name = "anchorwatch_bundle_sequence";
    let failing = [("trust_domain", "failing.example")];
    let state = |sequence: StatedNumber| {
        with("failing.example", |domain| {
            let facts = Arc::make_mut(&mut domain.state.facts);
            facts.bundle.confirmed.as_mut().unwrap().sequence = sequence;
        })
        .values(name, &failing)
    };
    assert_eq!(state(StatedNumber::Absent), [0.0; 0]);
    assert_eq!(state(StatedNumber::Unusable("-1".into())), [0.0; 0]);
    assert_eq!(state(StatedNumber::Given(0)), [0.0]);
}

#[test]
fn per_authority_false_drops_those_families_and_no_other() {
    let mut rendered = Rendered::of(picture::view());
    let names = |rendered: &Rendered| -> BTreeSet<String> {
        rendered.families().into_iter().map(|family| family.name).collect()
    };
    let all = names(&rendered);
    rendered.authority_series = AuthoritySeries::LeftOut;
    let fewer = names(&rendered);
    let dropped: BTreeSet<&str> = all.difference(&fewer).map(String::as_str).collect();
    let per_authority: BTreeSet<&str> =
        catalogue().filter(|family| family.per_authority).map(|family| family.name).collect();
    assert_eq!(dropped, per_authority);
    assert!(fewer.is_subset(&all));
    let authority = |(_, labels): &Series| labels.contains_key("authority");
    assert!(!rendered.series().keys().any(authority));
}

#[test]
fn a_finding_is_one_while_it_is_true_and_zero_after_it_ended() {
    let rendered = Rendered::of(picture::view());
    let stale = FindingKind::SourceStale.label();
    let of = |name: &str| {
        let labels = [("trust_domain", name), ("kind", stale), ("severity", "warning")];
        rendered.values("anchorwatch_finding_open", &labels)
    };
    assert_eq!(of("failing.example"), [1.0]);
    assert_eq!(of("clean1.lab.example"), [0.0]);
    assert_eq!(of("new.example"), [0.0; 0]);
}

/// A key of several trust domains is one series, in whose journal it may stand and end.
#[test]
fn a_finding_about_a_shared_key_is_one_series_without_a_trust_domain() {
    type Open = Arc<[Finding]>;
    type Over = Arc<[Ended]>;
    let shared = |severity| Finding {
        kind: FindingKind::AuthorityShared,
        severity,
        svid_type: None,
        subject: "3f9c1a2b4d5e6f70".into(),
        ..picture::view().domain(&"failing.example".parse().unwrap()).unwrap().findings[0].clone()
    };
    let mut view = picture::view();
    let (warning, info) = (shared(Severity::Warning), shared(Severity::Info));
    let ended = |finding: &Finding| Arc::from([Ended::new(finding, view.at)]);
    // Open in two journals, and ended in a third.
    let journals: [(Open, Over); 3] = [
        (Arc::from([warning.clone()]), Arc::from([])),
        (Arc::from([warning.clone()]), ended(&info)),
        (Arc::from([]), ended(&warning)),
    ];
    for (domain, (findings, ended)) in view.domains.iter_mut().zip(journals) {
        let domain = Arc::make_mut(domain);
        (domain.findings, domain.ended) = (findings, ended);
    }
    let rendered = Rendered::of(view);
    let labels = [("trust_domain", ""), ("subject", "3f9c1a2b4d5e6f70")];
    let of = |severity: &'static str| {
        let labels = [&labels[..], &[("severity", severity)]].concat();
        rendered.values("anchorwatch_finding_open", &labels)
    };
    assert_eq!(of("warning"), [1.0]);
    assert_eq!(of("info"), [0.0]);
    let kind = [("kind", "authority_shared")];
    assert_eq!(rendered.values("anchorwatch_finding_open", &kind).len(), 2);
}

#[test]
fn exactly_one_state_of_an_authority_is_one() {
    let mut sums: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    for ((name, mut labels), value) in Rendered::of(picture::view()).series() {
        if name == "anchorwatch_authority_state" {
            labels.remove("state");
            sums.entry(labels).or_default().push(value);
        }
    }
    assert_eq!(sums.len(), 5);
    for (labels, values) in sums {
        assert_eq!((values.len(), values.iter().sum()), (4, 1.0), "{labels:?}");
    }
}

#[test]
fn foreign_text_stays_within_its_label() {
    let families = Rendered::of(picture::view()).families();
    let info = families.iter().find(|one| one.name == "anchorwatch_authority_info").unwrap();
    let kids: Vec<&str> = info
        .samples
        .iter()
        .flat_map(|(_, labels, _)| labels)
        .filter_map(|(name, value)| (name == "kid").then_some(value.as_str()))
        .collect();
    // As an `UntrustedText` is shown, in 64 bytes.
    let shown = "a\"b\\\\c\\nd}'<script>alert(1)</script>\\u{202e} ☂ # HELP x\\r e…";
    assert!(kids.contains(&shown), "{kids:?}");
    // It reaches no other label: details and subjects are for the API.
    let text = Rendered::of(picture::view()).text(Format::Text);
    assert_eq!(text.matches("<script>").count(), 1);
}

#[test]
fn the_page_on_the_metrics_is_up_to_date() {
    let page = markdown(&Registered::new().unwrap());
    for line in page.lines().filter(|line| line.starts_with('|')) {
        assert!(line.ends_with('|') && !line.contains("``"), "{line}");
    }
    expect_file("docs/metrics.md", &page);
}

#[test]
fn promtool_finds_nothing_to_complain_of() {
    let text = Rendered::of(picture::view()).text(Format::Text);
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|why| {
            panic!(
                "cannot start promtool ({why}): it comes with Debian's package prometheus, and \
                 `make packages` installs it"
            )
        });
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|out| String::from_utf8_lossy(&out).into_owned());
    assert!(output.status.success() && said.concat().is_empty(), "{}", said.concat());
}
