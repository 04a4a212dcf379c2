//! Verdicts against hand-overs whose activation is known.

#![expect(clippy::similar_names, reason = "the words of the field are alike")]

use std::time::Duration;

use crate::simulate::Random;
use anchorwatch_core::bundle::{Digest, Fingerprint, SvidType};
use anchorwatch_core::finding::evidence::TtlSource;
use anchorwatch_core::judge::{Measure, Ttl, VerdictKind, verdict};
use anchorwatch_core::time::{Bracket, Timestamp, Window};
use anchorwatch_core::watch::{HandOver, Lead, Sighting};

/// What verdicts on hand-overs with a known activation came to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct VerdictScore {
    /// How many hand-overs were judged.
    pub handovers: u64,
    /// `safe`, and both laws were kept.
    pub safe: u64,
    /// `safe`, and a law was broken.
    pub wrong_safe: u64,
    /// `violated`, and a law was broken.
    pub violated: u64,
    /// `violated`, and both laws were kept.
    pub wrong_violated: u64,
    /// `undecidable`.
    pub undecidable: u64,
    /// How many of all had an activation outside any lead.
    pub without_lead: u64,
}

/// A hand-over, and what the judge is told of it.
struct Known {
    handover: HandOver,
    sighted_old: Option<Sighting>,
    sighted_new: Option<Sighting>,
    kept_first: bool,
    kept_second: bool,
    ttl: Duration,
    delay: Duration,
    sigma: Duration,
    skew: Duration,
}

/// Judges so many random hand-overs.
pub fn verdicts(count: u64, seed: u64) -> VerdictScore {
    let mut random = Random::stream(seed, "verdicts");
    let mut score = VerdictScore::default();
    for _ in 0..count {
        let known = handover(&mut random);
        let measure = Measure {
            ttl: Ttl { longest: known.ttl, source: TtlSource::Declared },
            delay: known.delay,
            sigma: known.sigma,
            skew: known.skew,
            sighted_old: known.sighted_old.as_ref(),
            sighted_new: known.sighted_new.as_ref(),
        };
        score.handovers += 1;
        score.without_lead += u64::from(known.handover.lead.is_none());
        let kept = known.kept_first && known.kept_second;
        let Some(verdict) = verdict(&known.handover, &measure) else { continue };
        match (verdict.kind, kept) {
            (VerdictKind::Safe, true) => score.safe += 1,
            (VerdictKind::Safe, false) => score.wrong_safe += 1,
            (VerdictKind::Violated(_), false) => score.violated += 1,
            (VerdictKind::Violated(_), true) => score.wrong_violated += 1,
            (VerdictKind::Undecidable, _) => score.undecidable += 1,
        }
    }
    score
}

/// A whole number of seconds up to `most`, with a part of one.
fn up_to(random: &mut Random, most: u64) -> Duration {
    let micros = random.below(most.saturating_mul(1_000_000).max(1));
    Duration::from_micros(micros)
}

/// One hand-over: drawn so that every margin is met on both of its sides.
#[expect(clippy::too_many_lines, reason = "one arm or line for each thing that there is")]
fn handover(random: &mut Random) -> Known {
    let ttl = Duration::from_secs(1).saturating_add(up_to(random, 7_200));
    let delay = up_to(random, 3_600);
    let skew = up_to(random, 60);
    let sigma = skew.saturating_add(up_to(random, 60));
    let interval = 1 + random.below(300);
    let lifetime = Duration::from_hours(1 + random.below(48));
    let published = Timestamp::from_unix(1_800_000_000).saturating_add(up_to(random, 86_400));
    let (lead, activated) = activation(random, published, delay);
    // Removed about when it may be: the margins on both sides are what is asked about.
    let margin = ttl.saturating_add(sigma);
    let least = activated.saturating_add(margin).saturating_sub(up_to(random, 2_400));
    let removed = match random.below(4) {
        0 => published.saturating_add(up_to(random, 14_400)),
        1 => least.saturating_add(up_to(random, 86_400)),
        _ => least.saturating_add(up_to(random, 4_800)),
    };
    let removed = removed.max(published);
    let bracket = |random: &mut Random, at: Timestamp| {
        let before = up_to(random, interval);
        let after = at.saturating_sub(before);
        Bracket::new(Some(after), after.saturating_add(Duration::from_secs(interval)))
    };
    let seen = bracket(random, published);
    let gone = bracket(random, removed);
    let old = published.saturating_sub(up_to(random, 86_400));
    // A key that has a life dies at its end, and signs nothing that outlives it.
    let lifetime = random.chance(300_000).then_some(lifetime);
    let lifetime = lifetime.filter(|lifetime| activated <= old.saturating_add(*lifetime));
    let end = lifetime.map(|lifetime| old.saturating_add(lifetime));
    // An SVID and a token say what an issuer's clock says, which is off by the skew at most.
    let off = |random: &mut Random, at: Timestamp| {
        let by = up_to(random, skew.as_secs().max(1)).min(skew);
        if random.chance(500_000) { at.saturating_add(by) } else { at.saturating_sub(by) }
    };
    let activated_by = random.chance(300_000).then(|| {
        let first = activated.saturating_add(up_to(random, 1_800));
        off(random, first)
    });
    let signed_at = random.chance(300_000).then(|| {
        let last = activated.saturating_sub(up_to(random, 1_800));
        off(random, last)
    });
    let sighted_old = random.chance(200_000).then(|| {
        let last = activated.saturating_sub(up_to(random, 600));
        let last = off(random, last);
        sighting("old", last, ttl, end)
    });
    let sighted_new = random.chance(200_000).then(|| {
        let first = activated.saturating_add(up_to(random, 600));
        let first = off(random, first);
        sighting("new", first, ttl, None)
    });
    let fingerprint = |text: &[u8]| Fingerprint::from_bytes(*Digest::of(text).as_bytes());
    let handover = HandOver {
        svid_type: SvidType::Jwt,
        old: fingerprint(b"old"),
        old_kid: Some("old".into()),
        published_old: Window::point(old),
        lifetime_range: lifetime.map(|lifetime| (lifetime, lifetime)),
        not_after: None,
        removed: gone,
        new: Some(fingerprint(b"new")),
        new_kid: Some("new".into()),
        published_new: Some(Window::new(seen.after.unwrap_or(seen.until), seen.until)),
        is_contested: false,
        first_after: None,
        first_candidate: None,
        activation: lead.map(|lead| {
            let bracket = Window::new(seen.after.unwrap_or(seen.until), seen.until);
            match lead {
                Lead::Declared(lead) => bracket.later(lead),
                // By the key before it, whose publication is known to the second.
                Lead::Modelled { likely, .. } => Window::point(published.saturating_add(likely)),
            }
        }),
        lead,
        activated_by,
        signed_at,
        had_signed: true,
        was_only: false,
        had_ended: false,
        is_scheduled: true,
        covered_by_other_finding: false,
    };
    let last = activated.saturating_add(ttl);
    let last = end.map_or(last, |end| last.min(end));
    Known {
        kept_first: published.saturating_add(delay) <= activated,
        kept_second: last.saturating_add(sigma) <= removed,
        handover,
        sighted_old,
        sighted_new,
        ttl,
        delay,
        sigma,
        skew,
    }
}

/// When the new key signs first, and what the judge is told of that.
fn activation(
    random: &mut Random,
    published: Timestamp,
    delay: Duration,
) -> (Option<Lead>, Timestamp) {
    /// A rotator's tick.
    const TICK: u64 = 10;
    match random.below(4) {
        // Outside any lead: nobody tells the judge one.
        0 | 1 => {
            let about =
                delay.saturating_sub(up_to(random, 900)).saturating_add(up_to(random, 1_800));
            (None, published.saturating_add(about))
        }
        2 => {
            let lead = up_to(random, 7_200);
            (Some(Lead::Declared(lead)), published.saturating_add(lead))
        }
        _ => {
            let lead = up_to(random, 7_200);
            let early = up_to(random, TICK);
            let late = up_to(random, TICK);
            let activated = published.saturating_add(lead).saturating_sub(early);
            let lead = Lead::Modelled {
                least: lead.saturating_sub(up_to(random, 600)),
                most: lead.saturating_add(up_to(random, 600)),
                likely: lead,
            };
            (Some(lead), activated.saturating_add(late).max(published))
        }
    }
}

/// One token that was sighted.
fn sighting(kid: &str, iat: Timestamp, ttl: Duration, end: Option<Timestamp>) -> Sighting {
    let exp = iat.saturating_add(ttl);
    let exp = end.map_or(exp, |end| exp.min(end));
    Sighting { longest: ttl, ..Sighting::of_token(kid, iat, iat, exp) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_verdict_is_wrong_about_a_hand_over_whose_activation_is_known() {
        let score = verdicts(100_000, 7);
        assert_eq!((score.wrong_safe, score.wrong_violated), (0, 0), "{score:?}");
        assert!(1_000 < score.safe, "{score:?}");
        assert!(1_000 < score.violated, "{score:?}");
        assert!(1_000 < score.without_lead, "{score:?}");
    }
}
