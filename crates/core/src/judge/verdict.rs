//! Whether a finished hand-over kept the two laws of rotation.
//!
//! *Publish first*: the new key signs no sooner than D after its publication. *Retain*: the old key
//! goes no sooner than T and σ after its last signature. One signer hands over in one moment, so
//! both can hold only if the overlap, from the publication of the new key to the removal of the old
//! one, is D, T and σ at least: a shorter one proves a violation, whenever the activation was. A
//! longer one proves only that a right moment existed, so `safe` needs to know when it was. Neither
//! is ever rounded to the other.

use std::time::Duration;

use crate::bundle::SvidType;
use crate::finding::evidence::{Law, TtlSource};
use crate::time::Timestamp;
use crate::watch::{HandOver, Lead, Policy, Sighting};

/// T: the longest lifetime of an SVID of one type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ttl {
    /// How long.
    pub longest: Duration,
    /// Who says so.
    pub source: TtlSource,
}

impl Ttl {
    /// T of this use.
    pub fn of(svid_type: SvidType, policy: &Policy, sightings: &[Sighting]) -> Self {
        let sighted = sightings.iter().map(|sighting| sighting.longest).max();
        let (declared, assumed) = match svid_type {
            SvidType::X509 => (policy.max_x509_svid_ttl, Policy::ASSUMED_X509_TTL),
            SvidType::Jwt | SvidType::Wit => (policy.max_jwt_svid_ttl, Policy::ASSUMED_JWT_TTL),
        };
        let sighted = sighted.filter(|_| svid_type == SvidType::Jwt);
        match (declared, sighted) {
            (Some(declared), Some(sighted)) if declared < sighted => {
                Self { longest: sighted, source: TtlSource::Sighted }
            }
            (Some(declared), _) => Self { longest: declared, source: TtlSource::Declared },
            (None, Some(sighted)) if assumed < sighted => {
                Self { longest: sighted, source: TtlSource::Sighted }
            }
            (None, _) => Self { longest: assumed, source: TtlSource::Assumed },
        }
    }
}

/// What can be said of a hand-over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VerdictKind {
    /// Both laws were kept.
    Safe,
    /// A law was broken.
    Violated(Law),
    /// What can be seen from outside decides neither.
    Undecidable,
}

impl VerdictKind {
    /// The words for all of them.
    pub const LABELS: [&str; 3] = ["safe", "violated", "undecidable"];

    /// The word in output.
    pub fn label(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Violated(_) => "violated",
            Self::Undecidable => "undecidable",
        }
    }

    /// The law that was broken.
    pub fn law(self) -> Option<Law> {
        match self {
            Self::Violated(law) => Some(law),
            Self::Safe | Self::Undecidable => None,
        }
    }
}

/// A verdict on a finished hand-over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// What can be said.
    pub kind: VerdictKind,
    /// What it took T to be.
    pub ttl: Ttl,
    /// The lead that `safe` rests on, where it rests on one.
    pub lead: Option<Lead>,
    /// By how many seconds the hand-over exceeds what the laws need, at worst; below 0 for what was
    /// violated: by how much the broken law was missed, or both together by the overlap.
    pub slack_seconds: i64,
}

/// What a hand-over is measured against.
#[derive(Clone, Copy, Debug)]
pub struct Measure<'a> {
    /// T.
    pub ttl: Ttl,
    /// D: the delay of the slowest declared consumer.
    pub delay: Duration,
    /// σ.
    pub sigma: Duration,
    /// How far clocks may differ: what one clock says of another's doing proves that much less.
    pub skew: Duration,
    /// What was sighted under the old key's ID.
    pub sighted_old: Option<&'a Sighting>,
    /// What was sighted under the new key's ID.
    pub sighted_new: Option<&'a Sighting>,
}

/// What can be said of a hand-over; `None` where the removed authority never came to sign, and which
/// followed it is not known.
///
/// Where that is not known, whoever did was published no earlier than the first authority that came
/// after it: the overlap with that one is the longest that there can have been
/// (docs/rotation-model.md#verdicts).
pub fn verdict(handover: &HandOver, measure: &Measure<'_>) -> Option<Verdict> {
    let signed = handover.had_signed || measure.sighted_old.is_some();
    let Some(published) = handover.published_new.filter(|_| !handover.is_contested) else {
        return (signed || handover.new.is_some()).then(|| without_successor(handover, measure));
    };
    let (least, most) = handover.overlap_since(published);
    let Measure { ttl, delay, sigma, skew, .. } = *measure;
    let retention = ttl.longest.saturating_add(sigma);
    let both = retention.saturating_add(delay);
    let say = |kind, lead, slack_seconds| Some(Verdict { kind, ttl, lead, slack_seconds });

    let ended = ended(handover, measure);
    // What is proven whatever the activation was.
    if most < retention && !ended {
        return say(VerdictKind::Violated(Law::Tokens), None, seconds(most, retention));
    }
    if most < both && !ended {
        return say(VerdictKind::Violated(Law::Either), None, seconds(most, both));
    }
    // What an endpoint SVID or a sighted token proves of the activation.
    let activated_by = earliest(handover.activated_by, measure.sighted_new.map(|s| s.first_iat));
    let needed = published.from.saturating_add(delay);
    if let Some(by) = activated_by
        && by.saturating_add(skew) < needed
    {
        let slack = by.micros_since(needed) / 1_000_000;
        return say(VerdictKind::Violated(Law::PublishFirst), None, slack);
    }
    let signed_at = handover.signed_at.max(measure.sighted_old.map(|sighting| sighting.last_iat));
    let proven = signed_at.map(|at| at.saturating_add(retention));
    let alive = measure.sighted_old.map(|sighting| sighting.last_exp.saturating_add(sigma));
    // A sighted token is known to live; what an endpoint SVID proves is capped.
    let proven = proven.filter(|_| !ended);
    if let Some(until) = proven.max(alive)
        && handover.removed.until.saturating_add(skew) < until
    {
        let slack = handover.removed.until.micros_since(until) / 1_000_000;
        return say(VerdictKind::Violated(Law::Retain), None, slack);
    }
    safe(handover, measure, least)
        .or_else(|| say(VerdictKind::Undecidable, None, seconds(least, both)))
}

/// Whether the old key came to its own end first. Nothing that a key signed outlives the key (SPIRE caps
/// every SVID at its authority's end), so no overlap is too short then.
fn ended(handover: &HandOver, measure: &Measure<'_>) -> bool {
    let by_lifetime =
        handover.lifetime_range.map(|(least, _)| handover.published_old.from.saturating_add(least));
    let end = earliest(by_lifetime, handover.not_after);
    let removed = handover.removed.until.saturating_add(measure.skew);
    handover.had_ended || end.is_some_and(|end| end.saturating_add(measure.sigma) <= removed)
}

/// The verdict where it is not known which authority followed.
fn without_successor(handover: &HandOver, measure: &Measure<'_>) -> Verdict {
    let Measure { ttl, delay, sigma, .. } = *measure;
    let retention = ttl.longest.saturating_add(sigma);
    let both = retention.saturating_add(delay);
    let overlap = handover.first_after.map(|first| handover.overlap_since(first));
    let (least, most) = overlap.unwrap_or_default();
    let violated = |law, need| (VerdictKind::Violated(law), seconds(most, need));
    let (kind, slack_seconds) = if ended(handover, measure) || both <= most {
        (VerdictKind::Undecidable, seconds(least, both))
    } else if most < retention {
        violated(Law::Tokens, retention)
    } else {
        violated(Law::Either, both)
    };
    Verdict { kind, ttl, lead: None, slack_seconds }
}

/// Two ticks of SPIRE's rotator (`ca/rotator/rotator.go`).
const TICKS: Duration = Duration::from_secs(20);

/// Both laws are known to be kept. A sighting never proves that alone: it bounds the activation
/// from one side only.
fn safe(handover: &HandOver, measure: &Measure<'_>, least: Duration) -> Option<Verdict> {
    let Measure { ttl, delay, sigma, .. } = *measure;
    let lead = handover.lead?;
    // A rotator looks every ten seconds, at both ends of a lead that is modelled.
    let ticks = match lead {
        Lead::Declared(_) => Duration::ZERO,
        Lead::Modelled { .. } => TICKS,
    };
    let first = lead.least().checked_sub(delay)?.checked_sub(ticks)?;
    let retention = ttl.longest.saturating_add(sigma);
    let retired = handover.activation?.until.saturating_add(ticks);
    let removed = handover.removed.after?;
    let retained = removed.since(retired.saturating_add(retention));
    // Nothing that a key signed outlives the key (SPIRE caps every SVID at its authority's end).
    let published_old = handover.published_old.until;
    let capped = handover.lifetime().and_then(|lifetime| {
        removed.since(published_old.saturating_add(lifetime).saturating_add(sigma))
    });
    let second = retained.max(capped)?;
    let slack = whole(first.min(second)).min(whole(least));
    let kind = VerdictKind::Safe;
    Some(Verdict { kind, ttl, lead: Some(lead), slack_seconds: slack })
}

fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn whole(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// `have` − `need` in whole seconds, rounded down.
fn seconds(have: Duration, need: Duration) -> i64 {
    if let Some(over) = have.checked_sub(need) {
        return whole(over);
    }
    let under = need.saturating_sub(have);
    -whole(under).saturating_add(i64::from(0 < under.subsec_nanos()))
}
