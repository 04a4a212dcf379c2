//! Whether there is something to trust, something to compare with, and one answer.

use super::Case;
use super::draft::Draft;
use crate::bundle::SvidType;
use crate::finding::evidence::EndpointEvidence;
use crate::finding::{FindingKind, Severity};
use crate::time::Timestamp;
use crate::watch::{AuthorityRecord, BaselinePolicy, TrustOrigin};

/// An alternation that was not seen for this many intervals has ended.
const CALM: u32 = 10;

/// Drafts `bootstrap_unusable`, `baseline_missing`, `bundle_empty`, `svid_type_vanished`,
/// `replicas_disagree`.
pub(super) fn conditions(case: &Case<'_>, at: Timestamp, drafts: &mut Vec<Draft>) {
    drafts.extend(bootstrap_unusable(case, at));
    drafts.extend(baseline_missing(case));
    drafts.extend(bundle_empty(case));
    drafts.extend(vanished(case));
    drafts.extend(replicas_disagree(case, at));
}

fn bootstrap_unusable(case: &Case<'_>, at: Timestamp) -> Option<Draft> {
    let fault = case.bootstrap_fault?;
    let since = case.facts().endpoint.failure.as_ref().map_or(at, |run| run.since);
    let draft = Draft::new(FindingKind::BootstrapUnusable, Severity::Critical, since)
        .because(EndpointEvidence::NothingStored { url: case.endpoint.url.clone() })
        .because(EndpointEvidence::BootstrapFault { why: fault.into() });
    Some(draft)
}

/// The first bundle was neither authenticated by a bootstrap file nor taken by anyone.
fn baseline_missing(case: &Case<'_>) -> Option<Draft> {
    let facts = case.facts();
    let since = facts.endpoint.first_contact?;
    let measured = facts.endpoint.first_authenticated_by == Some(TrustOrigin::Bootstrap)
        || facts.endpoint.first_authenticated_by == Some(TrustOrigin::Rebootstrap)
        || case.policy.baseline == BaselinePolicy::TrustOnFirstUse
        || facts.decisions.baseline;
    if measured {
        return None;
    }
    let baseline =
        facts.authorities.records.iter().filter(|record| record.published.after.is_none());
    let draft = Draft::new(FindingKind::BaselineMissing, Severity::Warning, since)
        .because(EndpointEvidence::BaselineUnconfirmed)
        .because_all(baseline.map(|record| EndpointEvidence::BaselineAuthority(record.id())));
    Some(draft)
}

/// Bundle, 4.1.3: an empty bundle, and one with nothing usable, revokes everything.
fn bundle_empty(case: &Case<'_>) -> Option<Draft> {
    let facts = case.facts();
    let confirmed = facts.bundle.confirmed.as_ref()?;
    let usable = |record: &&AuthorityRecord| record.authority.key_type.is_known();
    if facts.published().any(|record| usable(&record)) {
        return None;
    }
    // Since the last usable one went, whatever became of the rest; or since ever.
    let gone = facts.authorities.records.iter().filter(usable).filter_map(|record| record.removed);
    let gone = gone.map(|removed| removed.until).max();
    let since = gone.or(facts.endpoint.first_contact).unwrap_or(confirmed.since.until);
    let draft = Draft::new(FindingKind::BundleEmpty, Severity::Critical, since);
    Some(draft.because(match facts.published().count() {
        0 => EndpointEvidence::EmptyBundle,
        listed => {
            EndpointEvidence::NoKnownKeyType { listed: u64::try_from(listed).unwrap_or(u64::MAX) }
        }
    }))
}

/// X509-SVID, 6.2, and JWT-SVID, 6.2: a bundle without authorities of a use says that the trust
/// domain does not support it.
fn vanished(case: &Case<'_>) -> Vec<Draft> {
    let facts = case.facts();
    if facts.published().next().is_none() {
        return Vec::new();
    }
    let gone = SvidType::ALL.into_iter().filter_map(|svid_type| {
        let of = |record: &&AuthorityRecord| record.id().svid_type == svid_type;
        if facts.published().any(|record| of(&record)) {
            return None;
        }
        let removed =
            facts.authorities.records.iter().filter(of).filter_map(|record| record.removed);
        let since = removed.map(|removed| removed.until).max()?;
        let draft = Draft::new(FindingKind::SvidTypeVanished, Severity::Critical, since)
            .of(svid_type)
            .because(EndpointEvidence::UseRemoved { svid_type, since });
        Some(draft)
    });
    gone.collect()
}

fn replicas_disagree(case: &Case<'_>, at: Timestamp) -> Option<Draft> {
    let (poll_state, lag) = (case.poll_state(), case.policy.replica_lag);
    if let Some(since) = poll_state.differs_since
        && at.since(since).is_some_and(|lasting| lag < lasting)
    {
        let views = case.facts().bundle.address_views.iter();
        let draft = Draft::new(FindingKind::ReplicasDisagree, Severity::Warning, since)
            .because(EndpointEvidence::AddressesDiffer { since })
            .because_all(views.map(|view| EndpointEvidence::AddressAnswer {
                address: view.address,
                sequence: view.sequence.given(),
            }));
        return Some(draft);
    }
    let flips = poll_state.flips.as_ref()?;
    let lasting = flips.last.since(flips.first)?;
    let recent = at.since(flips.last).is_some_and(|ago| ago < poll_state.interval * CALM);
    (lag < lasting && recent).then(|| {
        Draft::new(FindingKind::ReplicasDisagree, Severity::Warning, flips.first)
            .because(EndpointEvidence::Alternates { count: flips.count, lasting })
            .because(EndpointEvidence::AlternationCauses)
    })
}
