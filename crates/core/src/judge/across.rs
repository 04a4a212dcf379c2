//! One key in several trust domains or under two uses, and one trust domain's keys in another.

use super::Case;
use super::draft::Draft;
use super::key_index::{KeySetTwin, SharedKey, SharedKeys, TwoUses};
use crate::finding::evidence::SharingEvidence;
use crate::finding::{Evidence, Finding, FindingKind, Severity, SubjectId};
use crate::untrusted::UntrustedText;

/// How much of a foreign name is kept, in bytes.
const NAME: usize = 128;

/// Drafts `authority_shared`, `foreign_authority`.
pub(super) fn events(case: &Case<'_>, drafts: &mut Vec<Draft>) {
    if let Some(SharedKeys { keys, two_uses: uses, twin: other }) = case.shared {
        let keys = keys.iter().map(shared);
        let uses = uses.iter().map(|one| two_uses(case, one));
        // While it is open it is one thing to decide on, whoever else comes to publish the key.
        drafts.extend(keys.chain(uses).filter(|draft| !draft.is_open(case)));
        // It stays one thing to decide on while the other's keys rotate.
        if !case.is_open(FindingKind::ForeignAuthority) {
            drafts.extend(other.as_ref().map(twin));
        }
    }
    let facts = case.facts();
    let published = facts.published().map(|record| (&record.authority, record.published));
    let unconfirmed = facts.authorities.unconfirmed.iter().map(|unconfirmed_authority| {
        (&unconfirmed_authority.authority, unconfirmed_authority.seen)
    });
    for (authority, seen) in published.chain(unconfirmed) {
        let own = &case.endpoint.trust_domain;
        let Some(name) = crate::watch::foreign_uri(authority, own) else { continue };
        drafts.push(
            Draft::new(FindingKind::ForeignAuthority, Severity::Critical, seen.until)
                .about(authority.id)
                .because(SharingEvidence::NamesOtherTrustDomain {
                    name: UntrustedText::new(name, NAME),
                })
                .because(SharingEvidence::SharedAuthority(authority.id)),
        );
    }
}

/// A shared key is said to be as urgent as it is now, and published by whom it is now: what the
/// journal has of it is as of when it was raised.
pub(super) fn refresh(case: &Case<'_>, findings: &mut [Finding]) {
    for key in case.shared.iter().flat_map(|shared| &shared.keys) {
        let is_it = |finding: &&mut Finding| {
            finding.kind == FindingKind::AuthorityShared
                && finding.svid_type.is_none()
                && finding.public_key() == Some(key.key)
        };
        let Some(finding) = findings.iter_mut().find(is_it) else { continue };
        finding.severity = severity(key);
        let known = std::mem::take(&mut finding.evidence);
        let raised = known.into_iter().next();
        if raised == Some(published_by(key, false).into()) {
            finding.evidence = evidence(key, false).map(Into::into).collect();
        } else {
            // When it was raised, then now.
            finding.evidence.extend(raised);
            finding.evidence.extend(evidence(key, true).map(Evidence::from));
        }
    }
}

fn shared(key: &SharedKey) -> Draft {
    Draft::new(FindingKind::AuthorityShared, severity(key), key.since)
        .names(SubjectId::PublicKey(key.key))
        .because_all(evidence(key, false))
}

/// A declared sharing is worth knowing and no more, as long as nobody else takes part in it.
fn severity(key: &SharedKey) -> Severity {
    if key.declared.is_some() && key.undeclared.count == 0 {
        Severity::Info
    } else {
        Severity::Warning
    }
}

/// Who publishes the key, when it was raised or now.
fn published_by(key: &SharedKey, now: bool) -> SharingEvidence {
    let (key, publishers) = (key.key, key.publishers.clone());
    SharingEvidence::KeyPublishedBy { key, publishers, now }
}

fn evidence(key: &SharedKey, now: bool) -> impl Iterator<Item = SharingEvidence> {
    let declared = match &key.declared {
        None => SharingEvidence::SharingUndeclared,
        Some(declared) => SharingEvidence::SharingDeclared {
            by: declared.by.clone(),
            reason: declared.reason.clone(),
        },
    };
    let outside = (0 < key.undeclared.count)
        .then(|| SharingEvidence::NotCovered { publishers: key.undeclared.clone() });
    let known = [published_by(key, now), SharingEvidence::SharedKeyRisk, declared];
    known.into_iter().chain(outside)
}

/// One key under two uses: what a relying party of the one accepts, the other's signer can make.
fn two_uses(case: &Case<'_>, key: &TwoUses) -> Draft {
    let TwoUses { key, first, second, since } = key;
    Draft::new(FindingKind::AuthorityShared, Severity::Warning, *since)
        .of(*second)
        .names(SubjectId::PublicKey(*key))
        .because(SharingEvidence::KeyUnderTwoUses {
            key: *key,
            trust_domain: case.endpoint.trust_domain.clone(),
            first: *first,
            second: *second,
        })
        .because(SharingEvidence::TwoUsesRisk)
}

/// Most of what is served here is another trust domain's: a swapped URL, or an impersonation.
fn twin(twin: &KeySetTwin) -> Draft {
    let KeySetTwin { trust_domain, common, total, since, from_the_first } = twin;
    let draft = Draft::new(FindingKind::ForeignAuthority, Severity::Critical, *since)
        .because(SharingEvidence::KeySetOfAnother {
            common: *common,
            total: *total,
            trust_domain: trust_domain.clone(),
        })
        .because(SharingEvidence::KeySetOfAnotherCauses);
    if !from_the_first {
        return draft;
    }
    draft.because(SharingEvidence::SinceFirstBundle { trust_domain: trust_domain.clone() })
}
