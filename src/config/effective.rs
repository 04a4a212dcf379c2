//! The configuration as it runs, written out: every default filled in, every secret masked.

use super::setting::{Setting as _, Table as _};
use super::table::{
    ANNOUNCED, APPROVED, BOOTSTRAP_BUNDLE_PATH, BUNDLE_ENDPOINT_PROFILE, BUNDLE_ENDPOINT_URL,
    DEFAULTS_SECTION, FEDERATES_WITH, OUTAGES, SEVERITY,
};
use super::tree::Tree;
use super::{Config, Relationship};

/// The whole of it.
pub(super) fn tree(config: &Config) -> Tree {
    let relationships = config
        .relationships
        .iter()
        .map(|one| (one.trust_domain().as_str().to_owned(), relationship(one)));
    let severity = config.severity.show(&SEVERITY);
    let mut entries = config.entries();
    // Every other default is in each relationship; these are those of findings without one.
    entries.push((DEFAULTS_SECTION.name, Some(Tree::mapping([(SEVERITY.name, severity)]))));
    entries.push((FEDERATES_WITH.name, Some(Tree::Mapping(relationships.collect()))));
    Tree::mapping(entries)
}

fn relationship(one: &Relationship) -> Tree {
    let endpoint = [
        (BUNDLE_ENDPOINT_URL.name, one.endpoint.url.show(&BUNDLE_ENDPOINT_URL)),
        (BUNDLE_ENDPOINT_PROFILE.name, one.endpoint.profile.show(&BUNDLE_ENDPOINT_PROFILE)),
        (BOOTSTRAP_BUNDLE_PATH.name, one.bootstrap_bundle_path.show(&BOOTSTRAP_BUNDLE_PATH)),
    ];
    let decisions = [
        (APPROVED.name, one.approved.show(&APPROVED)),
        (ANNOUNCED.name, one.announced.show(&ANNOUNCED)),
        (OUTAGES.name, one.outages.show(&OUTAGES)),
    ];
    Tree::mapping(endpoint.into_iter().chain(one.settings.entries()).chain(decisions))
}
