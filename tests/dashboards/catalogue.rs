//! What the daemon exports, as the boards may name it.

use std::collections::BTreeMap;

use anchorwatch::metrics::{FamilyKind, Registered, catalogue};
use anchorwatch_core::finding::{FindingKind, Severity};
use anchorwatch_core::judge::VerdictKind;

/// A family.
pub(crate) struct Known {
    pub(crate) is_counter: bool,
    pub(crate) labels: Vec<String>,
}

/// All families by the names of their series.
pub(crate) fn known() -> BTreeMap<String, Known> {
    let mut known = BTreeMap::new();
    for family in catalogue() {
        let labels = family.labels.iter().map(|(label, _)| (*label).to_owned()).collect();
        let is_counter = family.kind == FamilyKind::Counter;
        known.insert(family.name.to_owned(), Known { is_counter, labels });
    }
    for family in Registered::new().unwrap().described() {
        let labels = family.labels;
        if family.kind == "histogram" {
            let with_le = [labels.clone(), vec!["le".to_owned()]].concat();
            for (suffix, labels) in
                [("_bucket", with_le), ("_sum", labels.clone()), ("_count", labels)]
            {
                known.insert(family.name.clone() + suffix, Known { is_counter: true, labels });
            }
        } else {
            known.insert(family.name, Known { is_counter: family.kind == "counter", labels });
        }
    }
    // The labels that a scrape adds.
    for family in known.values_mut() {
        family.labels.extend(["job", "instance"].map(str::to_owned));
    }
    known
}

/// What a label may be, where that is a closed set.
pub(crate) fn values(metric: &str, label: &str) -> Option<Vec<&'static str>> {
    match label {
        "severity" => Some(Severity::ALL.iter().map(|one| one.label()).collect()),
        "kind" if metric.starts_with("anchorwatch_finding") => {
            Some(FindingKind::ALL.iter().map(|one| one.label()).collect())
        }
        "kind" => Some(vec!["bundle_changed", "authority_introduced", "authority_removed"]),
        "verdict" => Some(VerdictKind::LABELS.to_vec()),
        "bound" => Some(vec!["least", "most"]),
        "state" => Some(vec!["published", "active", "retired", "expired"]),
        _ => None,
    }
}
