//! What is not right with a document, whoever made it.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new variant is none of those that are named here"
)]

use std::time::Duration;

use super::draft::Draft;
use super::{Case, rhythm};
use crate::bundle::consumer::{Consumer, Version};
use crate::bundle::{Irregularity, IrregularityKind, StatedNumber, SvidType};
use crate::finding::evidence::DocumentEvidence;
use crate::finding::{FindingKind, Severity};
use crate::time::Timestamp;
use crate::watch::{AuthorityRecord, IssuerMode, IssuerModel, spire};

/// A hint this long keeps a revocation from consumers for a day (Federation, 4.1).
const LONGEST_HINT: u64 = 24 * 60 * 60;
/// A hint that was raised by this factor was raised a lot.
const RAISED: u64 = 4;

/// Drafts `private_key_published`, `churn`, each in the function of that name.
pub(super) fn events(case: &Case<'_>, at: Timestamp, drafts: &mut Vec<Draft>) {
    drafts.extend(private_key_published(case));
    drafts.extend(churn(case, at));
}

fn churn(case: &Case<'_>, at: Timestamp) -> Option<Draft> {
    let day = case.facts().spent.on(at);
    let since = Timestamp::from_unix(day.day.saturating_mul(86_400));
    day.exceeded.then(|| {
        Draft::new(FindingKind::Churn, Severity::Critical, since)
            .because(DocumentEvidence::BudgetExceeded {
                events: day.spent.events,
                bytes: day.spent.bytes,
                allowed_events: case.policy.daily_budget.events,
                allowed_bytes: case.policy.daily_budget.bytes,
            })
            .because(DocumentEvidence::BudgetEffect)
    })
}

/// Whoever reads the bundle can sign with a private key in it.
fn private_key_published(case: &Case<'_>) -> Option<Draft> {
    let facts = case.facts();
    let secret = |one: &&Irregularity| {
        matches!(one.kind, IrregularityKind::PrivateMembers { .. } | IrregularityKind::SymmetricKey)
    };
    let secrets = facts.document.irregularities.iter().filter(secret).cloned();
    let evidence: Vec<_> = secrets.map(DocumentEvidence::Irregular).collect();
    // One that is open goes on: another bundle with the same key in it is no other finding.
    let since = facts.document.irregular_since?;
    let is_open = case.is_open(FindingKind::PrivateKeyPublished);
    (!evidence.is_empty() && !is_open).then(|| {
        Draft::new(FindingKind::PrivateKeyPublished, Severity::Critical, since)
            .because_all(evidence)
            .because(DocumentEvidence::PrivateKeyRisk)
    })
}

/// Drafts `irregular_document`, `consumer_rejects`, `refresh_hint`, `pruning_stalled`,
/// `weak_authority`, `clock_skew`, `authority_lifetime`, each in the function of that name.
pub(super) fn conditions(case: &Case<'_>, at: Timestamp, drafts: &mut Vec<Draft>) {
    drafts.extend(irregular_document(case));
    drafts.extend(consumer_rejects(case));
    drafts.extend(refresh_hint(case));
    drafts.extend(pruning_stalled(case, at));
    drafts.extend(weak_authority(case));
    drafts.extend(clock_skew(case));
    drafts.extend(authority_lifetime(case, at));
}

fn irregular_document(case: &Case<'_>) -> Option<Draft> {
    let facts = case.facts();
    if facts.document.irregularities.is_empty() {
        return None;
    }
    let since = facts.document.irregular_since?;
    let evidence = facts.document.irregularities.iter().cloned().map(DocumentEvidence::Irregular);
    Some(Draft::new(FindingKind::IrregularDocument, Severity::Info, since).because_all(evidence))
}

/// A consumer would refuse this document, and keep the one that it has.
fn consumer_rejects(case: &Case<'_>) -> Vec<Draft> {
    let facts = case.facts();
    let refusals = facts.document.refusals.iter().zip(&facts.document.refused_since);
    let drafts = refusals.map(|(refusal, since)| {
        // "spire" without a version stands for every one of them.
        let declared = case.policy.consumers.iter().any(|consumer| match consumer {
            Consumer::Spire => matches!(refusal.consumer, Consumer::SpireAt(_)),
            Consumer::SpireAt(version) => match refusal.consumer {
                Consumer::SpireAt(other) => {
                    (*version < Version::WITH_WIT) == (other < Version::WITH_WIT)
                }
                _ => false,
            },
            Consumer::Cache(_) => refusal.consumer == Consumer::GoSpiffe,
            other => *other == refusal.consumer,
        });
        let severity = if declared { Severity::Critical } else { Severity::Info };
        Draft::new(FindingKind::ConsumerRejects, severity, *since)
            .subject(&refusal.consumer.to_string())
            .because(DocumentEvidence::ConsumerRejects {
                consumer: refusal.consumer,
                why: refusal.why.clone(),
            })
            .because(DocumentEvidence::ConsumerRejectsEffect)
    });
    drafts.collect()
}

fn refresh_hint(case: &Case<'_>) -> Option<Draft> {
    let facts = case.facts();
    let confirmed = facts.bundle.confirmed.as_ref()?;
    let raised = facts.bundle.hint_before;
    let why = match (&confirmed.refresh_hint, raised) {
        (StatedNumber::Absent, _) => DocumentEvidence::NoRefreshHint,
        (StatedNumber::Unusable(text), _) => {
            DocumentEvidence::UnusableRefreshHint { value: text.clone() }
        }
        (StatedNumber::Given(0), _) => DocumentEvidence::ZeroRefreshHint,
        (StatedNumber::Given(hint), _) if LONGEST_HINT < *hint => {
            DocumentEvidence::LongRefreshHint {
                hint: Duration::from_secs(*hint),
                longest: Duration::from_secs(LONGEST_HINT),
            }
        }
        (StatedNumber::Given(hint), Some(before)) if before.saturating_mul(RAISED) <= *hint => {
            DocumentEvidence::RaisedRefreshHint {
                from: Duration::from_secs(before),
                to: Duration::from_secs(*hint),
            }
        }
        (StatedNumber::Given(_), _) => return None,
    };
    let since = facts.bundle.hint_since?;
    Some(Draft::new(FindingKind::RefreshHint, Severity::Warning, since).because(why))
}

/// SPIRE prunes an authority a day after its end, at the next of its six-hourly looks.
fn pruning_stalled(case: &Case<'_>, at: Timestamp) -> Option<Draft> {
    let IssuerModel::Spire { mode, .. } = case.policy.issuer else { return None };
    let facts = case.facts();
    // Upstream roots go when the upstream says so, and SPIRE keeps a bundle's last one.
    if mode.unwrap_or(facts.rotation.mode) == IssuerMode::Upstream {
        return None;
    }
    let late = spire::PRUNE_SAFETY
        .saturating_add(spire::PRUNE_TICK * 2)
        .saturating_add(Duration::from_hours(1));
    let limit = |record: &AuthorityRecord| {
        let certificate = record.authority.certificate.as_ref()?;
        Some(certificate.validity.not_after.saturating_add(late))
    };
    let overdue: Vec<_> = facts
        .published()
        .filter_map(|record| Some((record.id(), limit(record)?)))
        .filter(|(_, limit)| *limit < at)
        .collect();
    let since = overdue.iter().map(|(_, limit)| *limit).min()?;
    let draft = Draft::new(FindingKind::PruningStalled, Severity::Info, since)
        .because(DocumentEvidence::ExpiredPublished {
            count: u64::try_from(overdue.len()).unwrap_or(u64::MAX),
            expired_for: late,
            authorities: overdue.iter().take(8).map(|(id, _)| id.fingerprint).collect(),
        })
        .because(DocumentEvidence::PruningCauses);
    Some(draft)
}

fn weak_authority(case: &Case<'_>) -> Vec<Draft> {
    let weak = case.facts().published().filter(|record| {
        let certificate = record.authority.certificate.as_ref();
        record.authority.key_type.is_weak() || certificate.is_some_and(|c| c.has_weak_key)
    });
    weak.map(|record| {
        Draft::new(FindingKind::WeakAuthority, Severity::Warning, record.published.until)
            .about(record.id())
            .because(DocumentEvidence::WeakKey { key_type: record.authority.key_type.clone() })
    })
    .collect()
}

/// SPIRE makes an authority and publishes it in one go, so its certificate tells its clock.
fn clock_skew(case: &Case<'_>) -> Option<Draft> {
    let IssuerModel::Spire { .. } = case.policy.issuer else { return None };
    let facts = case.facts();
    let newest = facts
        .published()
        .filter(|record| {
            record.id().svid_type == SvidType::X509 && record.published.after.is_some()
        })
        .filter(|record| record.is_explained() && crate::watch::spire_lifetime(record).is_some())
        .max_by_key(|record| record.published.until)?;
    let made = newest.authority.certificate.as_ref()?.validity.not_before;
    let made = made.saturating_add(spire::NOT_BEFORE_CUSHION);
    let skew = case.policy.clock_skew;
    let ahead = made.since(newest.published.until).filter(|ahead| skew < *ahead);
    let ahead = ahead?;
    let draft = Draft::new(FindingKind::ClockSkew, Severity::Warning, newest.published.until)
        .because(DocumentEvidence::IssuedInFuture {
            authority: newest.id().fingerprint,
            ahead,
            allowed: skew,
        })
        .because(DocumentEvidence::ClockEffect);
    Some(draft)
}

/// The newest explained X.509 authority of the bundle runs out, and nothing is due in time.
fn authority_lifetime(case: &Case<'_>, at: Timestamp) -> Option<Draft> {
    const DAY: Duration = Duration::from_hours(24);
    let explained = case.facts().published().filter(|record| record.is_explained());
    let certified = explained
        .filter_map(|record| Some((record.authority.certificate.as_ref()?.validity, record)));
    let (validity, record) = certified.max_by_key(|(validity, _)| validity.not_after)?;
    let whole = validity.not_after.since(validity.not_before)?;
    let left = validity.not_after.since(at).unwrap_or_default();
    let severe = (whole / 10).min(DAY * 7);
    let notable = (whole / 4).min(DAY * 30);
    let severity = match left {
        left if left < severe => Severity::Critical,
        left if left < notable => Severity::Warning,
        _ => return None,
    };
    if rhythm::successor_is_due(case, SvidType::X509, validity.not_after, at) {
        return None;
    }
    let noted = validity.not_after.saturating_sub(notable);
    let since = rhythm::last_missed(case, SvidType::X509).map_or(noted, |missed| missed.max(noted));
    let unexplained = case.facts().published().filter(|other| !other.is_explained());
    let newer = unexplained
        .filter_map(|other| Some((other.authority.certificate.as_ref()?.validity, other)))
        .filter(|(other, _)| validity.not_after < other.not_after)
        .max_by_key(|(other, _)| other.not_after);
    let draft = Draft::new(FindingKind::AuthorityLifetime, severity, since)
        .about(record.id())
        .because(match validity.not_after.since(at) {
            Some(left) => {
                DocumentEvidence::Expires { at: validity.not_after, left, lifetime: whole }
            }
            None => DocumentEvidence::Expired { at: validity.not_after },
        })
        .because(match newer {
            Some((other, newer)) => DocumentEvidence::NewerUnexplained {
                authority: newer.id().fingerprint,
                published: newer.published,
                expires: other.not_after,
            },
            None => DocumentEvidence::ExpiryEffect,
        });
    Some(draft)
}
