//! The page on the metrics, from the catalogue.

use std::fmt::Write as _;

use super::{Described, Family, FamilyKind, Group, Label, Registered, catalogue};
use anchorwatch_core::watch::FailureReason;

const GROUPS: [(Group, &str); 6] = [
    (Group::Findings, "Findings"),
    (Group::Authorities, "Authorities"),
    (Group::Rotation, "Rotation"),
    (Group::Bundles, "Bundles"),
    (Group::Sources, "Sources"),
    (Group::Daemon, "The daemon itself"),
];

const HEAD: &str = "\
# Metrics

`/metrics` answers in Prometheus' text format 0.0.4 or in OpenMetrics 1.0, by the `Accept` header, and with gzip where the
client accepts it. All facts about a bundle are as of the last good poll: they stay when polls fail, and the timestamps
beside them show how old they are. The series of a key end when it leaves the bundle. Counters start at zero with the process.

This page is generated from the catalogue in the code.
";

const PER_AUTHORITY: &str = "
Families with the label `authority` have a series for each key; `metrics.per_authority: false` leaves them out.
";

const EXAMPLES: &str = r"
## Examples in PromQL

Time since the last good poll of each endpoint:

```promql
time() - anchorwatch_source_last_success_timestamp_seconds
```

Endpoints without a good poll for three of their intervals:

```promql
time() - anchorwatch_source_last_success_timestamp_seconds > 3 * anchorwatch_source_poll_interval_seconds
```

Share of its lifetime that the newest X.509 authority of each trust domain has left:

```promql
max by (trust_domain) (
  (anchorwatch_authority_not_after_timestamp_seconds - time())
  / (anchorwatch_authority_not_after_timestamp_seconds - anchorwatch_authority_not_before_timestamp_seconds)
)
```

Time until each endpoint could no longer be authenticated, if polling stopped now:

```promql
anchorwatch_source_lockout_timestamp_seconds - time()
```

Why polls fail:

```promql
sum by (trust_domain, reason) (rate(anchorwatch_source_poll_failures_total[15m])) > 0
```
";

/// The page on the metrics, in Markdown.
pub fn markdown(registered: &Registered) -> String {
    let mut page = HEAD.to_owned();
    for (group, title) in GROUPS {
        let families: Vec<&Family> = catalogue().filter(|family| family.group == group).collect();
        head(&mut page, title);
        for family in &families {
            let labels = family.labels.iter().map(|(name, _)| *name);
            row(&mut page, family.name, kind(family.kind), labels, family.help);
        }
        meanings(&mut page, &families);
        if families.iter().any(|family| family.per_authority) {
            page.push_str(PER_AUTHORITY);
        }
        if group == Group::Sources {
            let reasons = quoted(FailureReason::ALL.iter().map(|reason| reason.label()));
            // Writing to a string does not fail.
            let _ = writeln!(page, "\n`reason` is one of {reasons}.");
        }
    }
    head(&mut page, "Counted in the process");
    for Described { name, help, kind, labels } in registered.described() {
        row(&mut page, &name, kind, labels.iter().map(String::as_str), &help);
    }
    page.push_str(EXAMPLES);
    page
}

fn kind(kind: FamilyKind) -> &'static str {
    match kind {
        FamilyKind::Counter => "counter",
        FamilyKind::Gauge => "gauge",
        FamilyKind::Info => "info",
    }
}

fn head(page: &mut String, title: &str) {
    let _ = write!(page, "\n## {title}\n\n| name | type | labels | meaning |\n|---|---|---|---|\n");
}

fn row<'a>(
    page: &mut String,
    name: &str,
    kind: &str,
    labels: impl Iterator<Item = &'a str>,
    help: &str,
) {
    let labels = quoted(labels);
    let labels = if labels.is_empty() { "–" } else { &labels };
    let _ = writeln!(page, "| `{name}` | {kind} | {labels} | {help} |");
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// What the labels of these families mean, each once. One that means something else in one family
/// says in which.
fn meanings(page: &mut String, families: &[&Family]) {
    let mut labels: Vec<(Label, &str)> = Vec::new();
    for family in families {
        for label in family.labels {
            if !labels.iter().any(|(known, _)| known == label) {
                labels.push((*label, family.name));
            }
        }
    }
    page.push_str("\n| label | meaning |\n|---|---|\n");
    for ((name, meaning), family) in &labels {
        let elsewhere = labels.iter().filter(|((other, _), _)| other == name).count();
        let of = if elsewhere < 2 { String::new() } else { format!(" (`{family}`)") };
        let _ = writeln!(page, "| `{name}`{of} | {meaning} |");
    }
}
