//! One key in two trust domains, or under two uses.

use std::collections::{BTreeMap, BTreeSet};

use super::Case;
use super::draft::Draft;
use super::words::foreign;
use crate::bundle::{AuthorityId, PublicKeyId};
use crate::finding::{FindingKind, Severity};
use crate::spiffe::TrustDomain;
use crate::watch::Facts;

/// A key of this trust domain that stands in others too.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shared {
    /// The key here.
    pub authority: AuthorityId,
    /// Where else.
    pub with: Vec<TrustDomain>,
}

/// Which public key stands in which trust domains.
#[derive(Clone, Debug, Default)]
pub struct Commons {
    holders: BTreeMap<PublicKeyId, BTreeSet<TrustDomain>>,
    held: BTreeMap<TrustDomain, BTreeSet<PublicKeyId>>,
}

impl Commons {
    /// Takes in the keys that a trust domain has now. Returns the trust domains whose keys are
    /// shared with it, before or after: those that must be looked at again.
    pub fn update(&mut self, trust_domain: &TrustDomain, facts: &Facts) -> BTreeSet<TrustDomain> {
        let now: BTreeSet<PublicKeyId> =
            facts.published().filter_map(|record| record.authority.public_key).collect();
        let before = self.held.get(trust_domain).cloned().unwrap_or_default();
        let mut concerned = BTreeSet::new();
        for gone in before.difference(&now) {
            if let Some(holders) = self.holders.get_mut(gone) {
                holders.remove(trust_domain);
                concerned.extend(holders.iter().cloned());
                if holders.is_empty() {
                    self.holders.remove(gone);
                }
            }
        }
        for new in now.difference(&before) {
            let holders = self.holders.entry(*new).or_default();
            concerned.extend(holders.iter().cloned());
            holders.insert(trust_domain.clone());
        }
        self.held.insert(trust_domain.clone(), now);
        concerned
    }

    /// Whether any key of a trust domain stands in another.
    pub fn are_shared(&self, trust_domain: &TrustDomain) -> bool {
        let held = self.held.get(trust_domain);
        let mut keys = held.into_iter().flatten();
        keys.any(|key| self.holders.get(key).is_some_and(|holders| 1 < holders.len()))
    }

    /// The keys of a trust domain that stand in others too.
    pub fn shared(&self, trust_domain: &TrustDomain, facts: &Facts) -> Vec<Shared> {
        let published = facts.published().filter_map(|record| {
            let holders = self.holders.get(&record.authority.public_key?)?;
            let with: Vec<_> =
                holders.iter().filter(|holder| *holder != trust_domain).cloned().collect();
            (!with.is_empty()).then(|| Shared { authority: record.id(), with })
        });
        published.collect()
    }
}

/// How large a part of a bundle makes it another trust domain's.
const MOST_OF_IT: usize = 2;

/// `authority_shared`, `foreign_authority`
pub(super) fn events(case: &Case<'_>, drafts: &mut Vec<Draft>) {
    let facts = case.facts();
    let total = facts.published().count();
    for shared in case.shared {
        let Some(record) = facts.record(shared.authority) else { continue };
        let names: Vec<String> = shared.with.iter().map(ToString::to_string).collect();
        drafts.push(
            Draft::new(FindingKind::AuthorityShared, Severity::Warning, record.published.until)
                .about(shared.authority)
                .because(format!(
                    "its public key stands in {} too: whoever holds it can mint identities of both",
                    names.join(", ")
                ))
                .because("a corporate root that both use looks so"),
        );
    }
    // Most of what is served here is another trust domain's: a swapped URL, or an impersonation.
    // It stays one thing to decide on while the other's keys rotate.
    if 1 < total
        && !case.is_open(FindingKind::ForeignAuthority, None, "")
        && total <= case.shared.len().saturating_mul(MOST_OF_IT)
        && let Some(confirmed) = &facts.confirmed
    {
        let mut names: Vec<String> =
            case.shared.iter().flat_map(|one| &one.with).map(ToString::to_string).collect();
        names.sort_unstable();
        names.dedup();
        drafts.push(
            Draft::new(FindingKind::ForeignAuthority, Severity::Critical, confirmed.since.until)
                .because(format!(
                    "{} of the {total} authorities served here are those of {}: its key set is served under this name",
                    case.shared.len(),
                    names.join(", ")
                ))
                .because("a URL that was swapped in a configuration looks so, and a load balancer's mistake"),
        );
    }
    drafts.extend(two_uses(facts));
    let published = facts.published().map(|record| (&record.authority, record.published));
    let glimpsed = facts.glimpsed.iter().map(|glimpse| (&glimpse.authority, glimpse.seen));
    for (authority, seen) in published.chain(glimpsed) {
        let own = &case.endpoint.trust_domain;
        let Some(name) = crate::watch::foreign_uri(authority, own) else { continue };
        drafts.push(
            Draft::new(FindingKind::ForeignAuthority, Severity::Critical, seen.until)
                .about(authority.id)
                .because(format!("its certificate names another trust domain: {}", foreign(name)))
                .because(authority.id.to_string()),
        );
    }
}

/// One key under two uses.
fn two_uses(facts: &Facts) -> Vec<Draft> {
    let mut by_key: BTreeMap<PublicKeyId, AuthorityId> = BTreeMap::new();
    let mut drafts = Vec::new();
    for record in facts.published() {
        let Some(key) = record.authority.public_key else { continue };
        match by_key.get(&key) {
            Some(other) if other.svid_type != record.id().svid_type => drafts.push(
                Draft::new(FindingKind::AuthorityShared, Severity::Warning, record.published.until)
                    .about(record.id())
                    .because(format!("its public key stands here as {other} too")),
            ),
            Some(_) => (),
            None => {
                by_key.insert(key, record.id());
            }
        }
    }
    drafts
}
