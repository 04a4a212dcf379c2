//! When a consumer that stopped now could not authenticate the endpoint any more.

use std::time::Duration;

use super::Case;
use super::authentication::polls_failed;
use super::draft::Draft;
use crate::bundle::SvidType;
use crate::finding::evidence::{LockoutBasis, OutageEvidence};
use crate::finding::{FindingKind, Severity};
use crate::time::Timestamp;
use crate::watch::spire;

/// No good poll for this many intervals is an outage: one or two missed are not (Federation, 6.2).
pub(super) const MISSED: u32 = 3;
/// How long before a lockout one must act, at most.
const NOTICE: Duration = Duration::from_hours(6);
/// How long no good poll may be made before changes may have been missed, at least.
const BLIND: Duration = Duration::from_hours(2);

/// The last moments at which the endpoint can be authenticated with what is held.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Lockout {
    /// The earliest expected activation of an authority that is not held, over lineages that are
    /// on time.
    pub soft: Option<Timestamp>,
    /// The last `notAfter` held.
    pub hard: Option<Timestamp>,
}

impl Lockout {
    /// What the first of the two follows from.
    fn basis(self) -> LockoutBasis {
        match self.soft {
            Some(_) => LockoutBasis::NextActivation,
            None => LockoutBasis::LastExpiry,
        }
    }
}

impl Case<'_> {
    /// When a consumer that stopped now could not authenticate this self-served endpoint any more;
    /// neither where another trust domain or the web serves it.
    pub fn lockout(&self) -> Lockout {
        if !self.endpoint.is_self_serving() {
            return Lockout::default();
        }
        let facts = self.facts();
        let held = || facts.published().filter(|r| r.id().svid_type == SvidType::X509);
        let trusted = held().filter(|record| record.is_explained());
        let hard = trusted
            .filter_map(|record| Some(record.authority.certificate.as_ref()?.validity.not_after))
            .max();
        let interval = facts.interval(self.policy);
        let on_time =
            facts.rotation.established(SvidType::X509).filter(|line| line.missed.is_none());
        let soft = on_time.filter_map(|line| {
            let (next, _) = facts.rotation.due(line, self.policy, interval)?;
            let lifetime = line.lifetime.or(facts.rotation.possible_lifetimes.last().copied())?;
            Some(next.from.saturating_add(spire::lead(lifetime)))
        });
        Lockout { soft: soft.min(), hard }
    }
}

/// Drafts `lockout_imminent`, `locked_out`, `source_stale`, `trust_domain_blind`, each in the
/// function of that name.
pub(super) fn conditions(case: &Case<'_>, at: Timestamp, drafts: &mut Vec<Draft>) {
    let Some(silence) = Silence::of(case, at) else { return };
    if silence.lasting <= case.poll_state().interval * MISSED {
        return;
    }
    drafts.extend(lockout_imminent(case, at, &silence));
    drafts.extend(locked_out(case, at, &silence));
    // An announced outage holds both (docs/judgement.md#silence), and so long after it that a poll
    // can show its end.
    let grace = case.poll_state().interval.saturating_mul(MISSED);
    if !case.facts().decisions.outage(at, grace) {
        drafts.push(source_stale(case, &silence));
        drafts.extend(trust_domain_blind(case, at, &silence));
    }
}

/// How long no poll has succeeded.
struct Silence {
    since: Timestamp,
    lasting: Duration,
    why: OutageEvidence,
}

impl Silence {
    fn of(case: &Case<'_>, at: Timestamp) -> Option<Self> {
        let run = case.facts().endpoint.failure.as_ref()?;
        let last = case.poll_state().last_success.unwrap_or(run.since);
        // While the monitor itself was away, nothing was silent: staleness is judged from its
        // return on (docs/rotation-model.md#observation-gaps).
        let since = case.facts().endpoint.last_gap.map_or(last, |gap| last.max(gap.until));
        let lasting = at.since(since)?;
        let why = polls_failed(case.poll_state().failures, run);
        Some(Self { since, lasting, why })
    }
}

fn lockout_imminent(case: &Case<'_>, at: Timestamp, silence: &Silence) -> Option<Draft> {
    let lockout = case.lockout();
    let limit = lockout.soft.or(lockout.hard)?;
    let facts = case.facts();
    let lifetime = facts.rotation.possible_lifetimes.last().copied();
    let notice = match lifetime {
        Some(lifetime) => {
            let held = lifetime.saturating_sub(spire::activation(lifetime));
            NOTICE.min(held / 4)
        }
        None => NOTICE.min(newest_lifetime(case)? / 10),
    };
    // Once it has passed, `locked_out` says so.
    let left = limit.since(at)?;
    if notice <= left {
        return None;
    }
    let basis = lockout.basis();
    let draft = Draft::new(FindingKind::LockoutImminent, Severity::Critical, silence.since)
        .because(OutageEvidence::LockoutAhead { limit, left, basis })
        .because(silence.why.clone());
    Some(match lockout.hard {
        Some(hard) => draft.because(OutageEvidence::LastAnchorExpires { at: hard }),
        None => draft,
    })
}

/// The lockout has passed without a good poll. An operator's new file ends it: what authenticates the
/// endpoint from then on is not what is counted here.
fn locked_out(case: &Case<'_>, at: Timestamp, silence: &Silence) -> Option<Draft> {
    let lockout = case.lockout();
    let limit = lockout.soft.or(lockout.hard)?;
    if at <= limit || !case.facts().endpoint.rebootstrap.is_empty() {
        return None;
    }
    let server = case.endpoint.trust_domain.clone();
    let mut draft = Draft::new(FindingKind::LockedOut, Severity::Critical, limit)
        .because(OutageEvidence::LockedOut { limit, basis: lockout.basis() })
        .because(silence.why.clone())
        .because(OutageEvidence::ConsumersLockedOut {
            since: limit,
            last_good: case.poll_state().last_success,
        });
    if let Some(at) = lockout.hard.filter(|_| lockout.soft.is_some()) {
        draft = draft.because(OutageEvidence::LastAnchorExpires { at });
    }
    Some(draft.because(OutageEvidence::RebootstrapCommands { server }))
}

fn newest_lifetime(case: &Case<'_>) -> Option<Duration> {
    let newest = case.facts().published().filter(|r| r.is_explained());
    let newest = newest.filter_map(|record| Some(record.authority.certificate.as_ref()?.validity));
    let newest = newest.max_by_key(|validity| validity.not_before)?;
    newest.not_after.since(newest.not_before)
}

fn source_stale(case: &Case<'_>, silence: &Silence) -> Draft {
    let interval = case.poll_state().interval;
    Draft::new(FindingKind::SourceStale, Severity::Warning, silence.since)
        .because(OutageEvidence::NoGoodPoll { lasting: silence.lasting, interval })
        .because(silence.why.clone())
}

fn trust_domain_blind(case: &Case<'_>, at: Timestamp, silence: &Silence) -> Option<Draft> {
    let lockout = case.lockout();
    let limit = lockout.soft.or(lockout.hard);
    let whole = limit.and_then(|limit| limit.since(silence.since));
    let longest = whole.map_or(BLIND, |whole| BLIND.max(whole / 4));
    (longest <= silence.lasting).then(|| {
        Draft::new(FindingKind::TrustDomainBlind, Severity::Critical, silence.since)
            .because(OutageEvidence::ChangesMissed { lasting: silence.lasting })
            .because(silence.why.clone())
            .because_all(limit.map(|limit| match limit.since(at) {
                Some(left) => OutageEvidence::LockoutIn { limit, left },
                None => OutageEvidence::LockoutPassed { limit },
            }))
    })
}
