//! Removals: tokens in flight, authorities that went too early, hand-overs that broke a law.

use std::time::Duration;

use super::Case;
use super::draft::Draft;
use super::verdict::{Ttl, VerdictKind};
use crate::bundle::{AuthorityId, SvidType};
use crate::finding::evidence::{RemovalEvidence, TtlSource};
use crate::finding::{FindingKind, Severity};
use crate::time::Timestamp;
use crate::watch::{HandOver, spire};

/// What a removal did to the credentials that the removed authority had signed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InFlight {
    /// The least share of live credentials that died with it, in [0, 1].
    pub least: f64,
    /// The greatest share, in [0, 1].
    pub most: f64,
    /// When the last of them has expired.
    pub until: Timestamp,
    /// What T was taken to be.
    pub ttl: Ttl,
    /// Whether it was still signing: it had come to sign, and nothing had been published that can have
    /// followed it.
    pub was_signing: bool,
}

/// The bounds of the share of live credentials that a removal killed
/// (docs/rotation-model.md#tokens-in-flight).
pub fn in_flight(case: &Case<'_>, handover: &HandOver) -> InFlight {
    let ttl = case.ttl(handover.svid_type);
    let sigma = case.policy.sigma();
    // Without a lineage, whoever followed came no earlier than the first that can have.
    let followed = handover.published_new.or(handover.first_candidate);
    let overlap = followed.map(|published| handover.overlap_since(published).1);
    let most_overlap = overlap.unwrap_or_default();
    let share = |overlap: Duration| {
        let t = ttl.longest.as_secs_f64();
        if t <= 0.0 { 0.0 } else { (1.0 - overlap.as_secs_f64() / t).clamp(0.0, 1.0) }
    };
    let sighted = case.facts().token_sighting(handover.old_kid.as_ref());
    let signed = handover.had_signed || handover.was_only || sighted.is_some();
    // A key whose end had come, with all that it signed, kills nothing.
    let published = handover.published_old.until;
    let by_lifetime = handover.lifetime().map(|lifetime| published.saturating_add(lifetime));
    let end = [by_lifetime, handover.not_after].into_iter().flatten().min();
    let end = end.map(|end| end.saturating_add(sigma));
    let dead = handover.had_ended
        || end.zip(handover.removed.after).is_some_and(|(end, removed)| end <= removed);
    let least = if dead || !signed { 0.0 } else { share(most_overlap) };
    let most = if dead {
        0.0
    } else if handover.new.is_some() {
        // It may have signed up to the activation of its successor, where that is known, and up to
        // its removal where it is not.
        let gap = handover.activation.zip(handover.removed.after);
        gap.map_or(1.0, |(next, removed)| share(removed.since(next.until).unwrap_or_default()))
    } else if retired_long_ago(handover, ttl, sigma) {
        0.0
    } else {
        1.0
    };
    let until = handover.removed.until.saturating_add(ttl.longest).saturating_add(sigma);
    let until = end.map_or(until, |end| until.min(end));
    let was_signing = signed && !dead && followed.is_none();
    InFlight { least, most: most.max(least), until, ttl, was_signing }
}

/// Without a known successor: whether SPIRE's own rhythm had it retired, with all that it signed.
fn retired_long_ago(handover: &HandOver, ttl: Ttl, sigma: Duration) -> bool {
    let Some(lifetime) = handover.lifetime().filter(|_| handover.is_scheduled) else {
        return false;
    };
    // An authority of a baseline is at least as old as the watch over it; a key that was seen for
    // its whole life has had its time.
    let Some(removed) = handover.removed.after else { return false };
    let retired = handover
        .published_old
        .until
        .saturating_add(lifetime.saturating_sub(spire::activation(lifetime)));
    retired.saturating_add(ttl.longest).saturating_add(sigma) <= removed
}

/// Drafts `in_flight_risk`.
pub(super) fn conditions(case: &Case<'_>, at: Timestamp, drafts: &mut Vec<Draft>) {
    for handover in &case.facts().rotation.handovers {
        // Most of them are long over.
        let longest = case.ttl(handover.svid_type).longest.saturating_add(case.policy.sigma());
        if handover.removed.until.saturating_add(longest) <= at {
            continue;
        }
        // What is published again verifies again.
        let id = AuthorityId { svid_type: handover.svid_type, fingerprint: handover.old };
        let back = case.facts().record(id).is_some_and(|record| record.removed.is_none());
        if handover.covered_by_other_finding || back {
            continue;
        }
        let risk = in_flight(case, handover);
        if risk.most <= 0.0 || risk.until <= at {
            continue;
        }
        // One that signed until it went took all that lived with it, however long that lives.
        let known = risk.ttl.source != TtlSource::Assumed || risk.was_signing;
        let certain = 0.0 < risk.least && known && !in_gap(case, handover);
        let severity = if certain { Severity::Critical } else { Severity::Warning };
        let draft = Draft::new(FindingKind::InFlightRisk, severity, handover.removed.until)
            .about(id)
            .because(RemovalEvidence::SvidsRejected {
                svid_type: handover.svid_type,
                certain: severity == Severity::Critical,
                least_percent: percent(risk.least),
                most_percent: percent(risk.most),
                until: risk.until.whole_second(),
            })
            .because_all(circumstances(case, handover));
        drafts.push(draft);
    }
}

/// A share in percent, rounded towards the middle: 0 and 100 stand for nothing else.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is a whole number between 1 and 99"
)]
fn percent(share: f64) -> u8 {
    match share {
        share if share <= 0.0 => 0,
        share if 1.0 <= share => 100,
        share => (share * 100.0).round_ties_even().clamp(1.0, 99.0) as u8,
    }
}

/// Whether the monitor was away when it happened.
fn in_gap(case: &Case<'_>, handover: &HandOver) -> bool {
    case.facts().was_away(handover.removed)
}

fn circumstances(case: &Case<'_>, handover: &HandOver) -> Vec<RemovalEvidence> {
    let ttl = case.ttl(handover.svid_type);
    let removed = handover.removed;
    let successor = match (handover.new, handover.overlap()) {
        (Some(successor), Some((least, most))) => {
            RemovalEvidence::SuccessorPublished { successor, least, most }
        }
        _ if handover.was_only => RemovalEvidence::NoSuccessor,
        _ => RemovalEvidence::SuccessorUnknown,
    };
    let longest = RemovalEvidence::LongestLifetime {
        svid_type: handover.svid_type,
        lifetime: ttl.longest,
        source: ttl.source,
        leeway: case.policy.sigma(),
    };
    let mut evidence = vec![RemovalEvidence::Removed { removed }, successor, longest];
    if case.facts().bundle.sequence_anomalies.iter().any(|anomaly| {
        matches!(anomaly.kind, crate::watch::SequenceAnomalyKind::Hidden { .. })
            && anomaly.when.until <= removed.until
            && removed
                .until
                .since(anomaly.when.until)
                .is_some_and(|ago| ago < Duration::from_hours(1))
    }) {
        evidence.push(RemovalEvidence::TaintBefore);
    }
    evidence
}

/// Drafts `early_removal`, `rotation_violated`.
pub(super) fn events(case: &Case<'_>, drafts: &mut Vec<Draft>) {
    let (consumer, delay) = case.slowest_consumer();
    for handover in &case.facts().rotation.handovers {
        if handover.covered_by_other_finding {
            continue;
        }
        let id = AuthorityId { svid_type: handover.svid_type, fingerprint: handover.old };
        let open = |kind| case.opened(kind, id).is_some();
        if let Some(why) = early(case, handover).filter(|_| !open(FindingKind::EarlyRemoval)) {
            drafts.push(
                Draft::new(FindingKind::EarlyRemoval, Severity::Warning, handover.removed.until)
                    .about(id)
                    .because(why)
                    .because_all(circumstances(case, handover)),
            );
        }
        let verdict = case.verdict_for(handover, delay);
        if let Some(verdict) = verdict
            && let VerdictKind::Violated(law) = verdict.kind
            && !open(FindingKind::RotationViolated)
        {
            drafts.push(
                Draft::new(
                    FindingKind::RotationViolated,
                    Severity::Warning,
                    handover.removed.until,
                )
                .about(id)
                .because(RemovalEvidence::LawBroken { law })
                .because(RemovalEvidence::LawMissed {
                    law,
                    short_by: Duration::from_secs(verdict.slack_seconds.unsigned_abs()),
                    consumer,
                    delay,
                })
                .because_all(circumstances(case, handover)),
            );
        }
    }
}

/// Why a removal came before everything that the authority had signed can have expired.
fn early(case: &Case<'_>, handover: &HandOver) -> Option<RemovalEvidence> {
    let svid_type = handover.svid_type;
    let ttl = case.ttl(handover.svid_type);
    let needed = ttl.longest.saturating_add(case.policy.sigma());
    if handover.not_after.is_some_and(|end| end <= handover.removed.until) {
        return None;
    }
    if handover.was_only && handover.new.is_none() {
        return (svid_type != SvidType::X509 || handover.had_signed)
            .then_some(RemovalEvidence::LastRemoved { svid_type });
    }
    if let Some((_, most)) = handover.overlap()
        && most < needed
    {
        return Some(RemovalEvidence::RemovedBeforeExpiry {
            svid_type,
            after_successor: most,
            valid_for: needed,
        });
    }
    if !handover.is_scheduled {
        return still_in_use(case, handover, needed);
    }
    // By SPIRE's rhythm it still signed.
    // What is not sure of the life is said in its favour.
    let (published, (lifetime, _)) = (handover.published_old, handover.lifetime_range?);
    if !handover.had_signed {
        return None;
    }
    let retired =
        published.from.saturating_add(lifetime.saturating_sub(spire::activation(lifetime)));
    let safe = retired.saturating_add(needed);
    let end = published.from.saturating_add(lifetime);
    (handover.removed.until < safe.min(end))
        .then_some(RemovalEvidence::SignedUntil { retired, valid_for: needed })
}

/// A root has no schedule: what still chains to it tells. The endpoint's own certificate did in the
/// last poll before the removal, and was valid for longer than that.
fn still_in_use(case: &Case<'_>, handover: &HandOver, needed: Duration) -> Option<RemovalEvidence> {
    let last = handover.removed.after?;
    let mut leaves = case.poll_state().leaves.iter();
    let leaf = leaves.find(|seen| seen.authority == handover.old)?.leaf;
    let expires = leaf.validity.not_after;
    (last <= leaf.seen_at && handover.removed.until < expires).then_some(
        RemovalEvidence::EndpointStillChained {
            svid_type: handover.svid_type,
            last,
            expires,
            valid_for: needed,
        },
    )
}
