//! New authorities that nothing explains: is this a rotation, a fault or a rogue key?

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new variant is none of those that are named here"
)]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::draft::Draft;
use super::ledger::Subjects;
use super::triage::Triage;
use super::{Case, explain};
use crate::bundle::{Authority, AuthorityId, SvidType};
use crate::finding::evidence::{AuthorityEvidence, PublicationPattern};
use crate::finding::{Evidence, Finding, FindingId, FindingKind, Room, Severity};
use crate::time::{Bracket, Timestamp};
use crate::untrusted::UntrustedText;
use crate::watch::{AuthorityRecord, Facts, JudgementPolicy, Rank, Standing, TrustOrigin, spire};

/// How much of a key ID stands in evidence, in bytes: SPIRE's have 32.
const KEY_ID: usize = 64;

/// What is known of a new authority, whether it is part of the state or only unconfirmed.
#[derive(Clone, Copy)]
struct Arrival<'a> {
    authority: &'a Authority,
    seen: Bracket,
    standing: &'a Standing,
    record: Option<&'a AuthorityRecord>,
    /// Whether an authority of another use that fits no date came in the same poll.
    is_paired: bool,
}

/// The polls that showed authorities that fit no date, with their uses: looked up for each of
/// thousands that may come in one poll.
struct UnscheduledPolls(BTreeSet<(SvidType, Timestamp)>);

/// Drafts `key_rebound`, `authority_resurrected`.
pub(super) fn events(case: &Case<'_>, drafts: &mut Vec<Draft>) {
    drafts.extend(rebound(case));
    for record in &case.facts().authorities.records {
        drafts.extend(resurrected(case, record));
    }
}

/// Drafts `unexpected_authority`, as far as there is room: thousands may come in one poll, and evidence is
/// written for those alone that are raised.
pub(super) fn arrived(case: &Case<'_>, triage: &mut Triage<'_>) -> Vec<Draft> {
    let facts = case.facts();
    let unscheduled = UnscheduledPolls::of(facts);
    let mut news: Vec<_> = arrivals(facts, &unscheduled)
        .filter_map(|arrival| {
            let (severity, since) = (severity(case, arrival)?, since(case, arrival));
            let id = id_since(case, arrival, since);
            if triage.knows(id) {
                return None;
            }
            let (kind, about) = (FindingKind::UnexpectedAuthority, arrival.authority.id);
            if facts.ledger.settles_authority(kind, about, since) {
                return None;
            }
            let svid_type = about.svid_type;
            let room = Room { kind, svid_type: Some(svid_type), grade: arrival.standing.grade() };
            let removed = arrival.record.is_some_and(|record| record.removed.is_some());
            let rank = if removed { Rank::of_removed } else { Rank::of_standing };
            Some((rank(severity, since), room, id, (since, severity), arrival))
        })
        .collect();
    news.sort_by_key(|(rank, ..)| Reverse(*rank));
    let mut drafts = Vec::new();
    for (rank, room, id, since, arrival) in news {
        if triage.admits(id, room, rank, since) {
            drafts.extend(unexpected(case, arrival));
        }
    }
    drafts
}

impl<'a> Arrival<'a> {
    fn of_record(record: &'a AuthorityRecord, unscheduled: &UnscheduledPolls) -> Option<Self> {
        let standing = record.standing.as_ref()?;
        let (authority, seen) = (&*record.authority, record.published);
        let is_paired = unscheduled.pairs(authority.id.svid_type, seen.until);
        Some(Self { authority, seen, standing, record: Some(record), is_paired })
    }
}

impl UnscheduledPolls {
    fn of(facts: &Facts) -> Self {
        let records = facts.authorities.records.iter();
        let unscheduled =
            records.filter(|record| matches!(record.standing, Some(Standing::Unscheduled { .. })));
        Self(unscheduled.map(|record| (record.id().svid_type, record.published.until)).collect())
    }

    /// Whether one of another use came in this poll.
    fn pairs(&self, svid_type: SvidType, poll: Timestamp) -> bool {
        let others = SvidType::ALL.iter().filter(|other| **other != svid_type);
        others.into_iter().any(|other| self.0.contains(&(*other, poll)))
    }
}

/// New authorities, of the state and beside it, whose standing is known.
fn arrivals<'a>(
    facts: &'a Facts,
    unscheduled: &'a UnscheduledPolls,
) -> impl Iterator<Item = Arrival<'a>> {
    let records = facts.authorities.records.iter();
    records
        .filter_map(|record| Arrival::of_record(record, unscheduled))
        .chain(unconfirmed_authorities(facts, unscheduled))
}

/// Those that only an answer beside the state has shown.
fn unconfirmed_authorities<'a>(
    facts: &'a Facts,
    unscheduled: &'a UnscheduledPolls,
) -> impl Iterator<Item = Arrival<'a>> {
    facts.authorities.unconfirmed.iter().filter_map(|unconfirmed_authority| {
        let standing = unconfirmed_authority.standing.as_ref()?;
        let (authority, seen) = (&*unconfirmed_authority.authority, unconfirmed_authority.seen);
        let is_paired = unscheduled.pairs(authority.id.svid_type, seen.until);
        Some(Arrival { authority, seen, standing, record: None, is_paired })
    })
}

/// The id of its finding.
fn id_since(case: &Case<'_>, arrival: Arrival<'_>, since: Timestamp) -> FindingId {
    let AuthorityId { svid_type, fingerprint } = arrival.authority.id;
    let (kind, trust_domain) = (FindingKind::UnexpectedAuthority, &case.endpoint.trust_domain);
    FindingId::new(Some(trust_domain), kind, Some(svid_type), &fingerprint.to_string(), since)
}

/// Since when it is unexpected: since it came. A key that was approved once and is denied later is
/// so anew, since then: its first finding has ended for good.
fn since(case: &Case<'_>, arrival: Arrival<'_>) -> Timestamp {
    let facts = case.facts();
    // One that goes and comes back is the same one while nobody has decided on it.
    let returned = arrival.record.is_some_and(|record| record.returned_after.is_some());
    let open =
        returned.then(|| case.opened(FindingKind::UnexpectedAuthority, arrival.authority.id));
    if let Some(open) = open.flatten() {
        return open.since;
    }
    let first = arrival.seen.until;
    let stands = arrival.record.is_some_and(|record| record.removed.is_none());
    if !stands
        || *arrival.standing != Standing::Denied
        || !facts.ledger.closed.contains(&id_since(case, arrival, first))
    {
        return first;
    }
    facts.decisions.denial(arrival.authority).map_or(first, |denial| denial.at.max(first))
}

/// The evidence of what is still on record is renewed: what comes of a key tells more.
pub(super) fn refresh(case: &Case<'_>, at: Timestamp, findings: &mut [Finding]) {
    let about = |finding: &Finding| finding.kind == FindingKind::UnexpectedAuthority;
    if !findings.iter().any(about) {
        return;
    }
    let subjects = Subjects::of(case, findings.iter().filter(|one| about(one)));
    let unscheduled = UnscheduledPolls::of(case.facts());
    let unconfirmed: Vec<Arrival<'_>> =
        unconfirmed_authorities(case.facts(), &unscheduled).collect();
    for finding in findings.iter_mut().filter(|one| about(one)) {
        let recorded =
            subjects.record(finding).and_then(|record| Arrival::of_record(record, &unscheduled));
        let unconfirmed = unconfirmed.iter().copied();
        let fresh = recorded
            .into_iter()
            .chain(unconfirmed.filter(|arrival| finding.is_about(arrival.authority.id)))
            .find(|arrival| id_since(case, *arrival, since(case, *arrival)) == finding.id);
        if let Some(arrival) = fresh
            && let Some(draft) = unexpected(case, arrival)
        {
            let mut fresh = draft.finish(case);
            finding.severity = fresh.severity;
            // How far it is from every date was compared with the dates as they were then.
            let raised = finding.evidence.iter().find(|one| is_off_date(one)).cloned();
            if let Some(raised) = raised {
                for one in fresh.evidence.iter_mut().filter(|one| is_off_date(one)) {
                    one.clone_from(&raised);
                }
            }
            finding.evidence = fresh.evidence;
        }
        if let Some(record) = subjects.record(finding) {
            finding.evidence.extend(afterwards(case, record, at));
        }
    }
}

fn is_off_date(evidence: &Evidence) -> bool {
    matches!(evidence, Evidence::Authority(AuthorityEvidence::NotDue { .. }))
}

/// What became of an unexplained authority since.
fn afterwards(case: &Case<'_>, record: &AuthorityRecord, at: Timestamp) -> Vec<Evidence> {
    let mut evidence: Vec<Evidence> = Vec::new();
    if let Some(removed) = record.removed {
        let ttl = case.ttl(record.id().svid_type);
        let until = removed.until.saturating_add(ttl.longest).saturating_add(case.policy.sigma());
        let published_for = removed.until.since(record.published.until).unwrap_or_default();
        let removed = removed.until;
        evidence.push(AuthorityEvidence::RemovedSince { removed, published_for }.into());
        if at < until {
            evidence.push(AuthorityEvidence::MayHaveSigned { until }.into());
        }
    } else if record.successor.is_some() {
        evidence.push(AuthorityEvidence::LineageContinued.into());
    }
    evidence
}

fn unexpected(case: &Case<'_>, arrival: Arrival<'_>) -> Option<Draft> {
    let severity = severity(case, arrival)?;
    let id = arrival.authority.id;
    let policy = case.policy.judgement;
    let mut draft = Draft::new(FindingKind::UnexpectedAuthority, severity, since(case, arrival))
        .about(id)
        .because_all(explain::reasons(case, arrival.authority, arrival.seen, arrival.standing));
    if let Standing::Unscheduled { among, .. } = arrival.standing {
        if 1 < *among {
            let others = among.saturating_sub(1).into();
            draft = draft.because(AuthorityEvidence::Ambiguous { others });
        }
        draft = draft.because(AuthorityEvidence::Causes { pattern: pattern(arrival) });
    }
    if policy == JudgementPolicy::Pinned && arrival.standing.is_explained() {
        draft = draft.because(AuthorityEvidence::PolicyPinned);
    }
    if arrival.record.is_none() {
        draft = draft.because(AuthorityEvidence::NotInConfirmedState);
    }
    Some(draft.because(identity(arrival.authority)))
}

/// The whole fingerprint, since it is decided on here.
fn identity(authority: &Authority) -> AuthorityEvidence {
    let kid = authority.kid.as_ref().map(|kid| kid.truncated(KEY_ID));
    AuthorityEvidence::Identity { id: authority.id, kid, key_type: authority.key_type.clone() }
}

/// How urgent it is under the domain's policy; `None` where it is none.
fn severity(case: &Case<'_>, arrival: Arrival<'_>) -> Option<Severity> {
    let policy = case.policy.judgement;
    if *arrival.standing == Standing::Denied {
        return Some(Severity::Critical);
    }
    if policy == JudgementPolicy::Observe {
        return None;
    }
    match arrival.standing {
        Standing::Denied | Standing::Contradicted { .. } => Some(Severity::Critical),
        Standing::Unscheduled { first, .. } if first.is_undecided() => Some(Severity::Warning),
        Standing::Unscheduled { among, .. } => {
            let certain = *among == 1 || !arrival.is_paired;
            let page = policy != JudgementPolicy::Lenient && certain;
            Some(if page { Severity::Critical } else { Severity::Warning })
        }
        Standing::OnTime { .. } | Standing::Late { .. } | Standing::Learned => {
            let pinned = policy == JudgementPolicy::Pinned;
            (pinned && !is_approved(case, arrival.authority)).then_some(Severity::Critical)
        }
        Standing::Baseline => first_contact(case, arrival),
        Standing::Approved | Standing::Announced | Standing::Returned => None,
    }
}

/// Under `pinned`, what the first bundle adds to the bootstrap file is unexpected.
fn first_contact(case: &Case<'_>, arrival: Arrival<'_>) -> Option<Severity> {
    let facts = case.facts();
    let bootstrapped = facts.endpoint.first_authenticated_by == Some(TrustOrigin::Bootstrap);
    let pinned = case.policy.judgement == JudgementPolicy::Pinned;
    let added = !facts.endpoint.bootstrapped_with.contains(&arrival.authority.id);
    let x509 = arrival.authority.id.svid_type == SvidType::X509;
    let explained = facts.decisions.baseline || is_approved(case, arrival.authority);
    (pinned && bootstrapped && x509 && added && !explained).then_some(Severity::Critical)
}

/// Whether an operator approved of it, whatever else explains it.
fn is_approved(case: &Case<'_>, authority: &Authority) -> bool {
    case.facts().decisions.approval(authority).is_some()
}

fn pattern(arrival: Arrival<'_>) -> PublicationPattern {
    let svid_type = arrival.authority.id.svid_type;
    let branch = match arrival.standing {
        Standing::Unscheduled { branch, .. } => *branch,
        _ => 0,
    };
    if branch == 0 && svid_type == SvidType::X509 {
        return PublicationPattern::RootChange;
    }
    if arrival.is_paired || signs_at_once(arrival) {
        return PublicationPattern::RestartOrScaleOut;
    }
    match svid_type {
        SvidType::X509 | SvidType::Jwt => PublicationPattern::ForcedRotation,
        SvidType::Wit => PublicationPattern::Unknown,
    }
}

/// Whether the endpoint proved itself with this authority as soon as it was published.
fn signs_at_once(arrival: Arrival<'_>) -> bool {
    const SOON: Duration = Duration::from_mins(1);
    let Some(leaf) = arrival.record.and_then(|record| record.signed) else { return false };
    let signed = leaf.validity.not_before.saturating_add(spire::NOT_BEFORE_CUSHION);
    signed <= arrival.seen.until.saturating_add(SOON)
}

/// A known key ID carries another key, or one key ID stands twice in a document.
fn rebound(case: &Case<'_>) -> Vec<Draft> {
    let mut by_kid: BTreeMap<(SvidType, &UntrustedText), Vec<&AuthorityRecord>> = BTreeMap::new();
    for record in &case.facts().authorities.records {
        let kid = record.authority.kid.as_ref().filter(|kid| !kid.is_empty());
        if let Some(kid) = kid.filter(|_| record.id().svid_type != SvidType::X509) {
            by_kid.entry((record.id().svid_type, kid)).or_default().push(record);
        }
    }
    let mut drafts = Vec::new();
    for mut carriers in by_kid.into_values().filter(|carriers| 1 < carriers.len()) {
        // Of two, the newer one is the one that took the name; of two that came together, one.
        carriers.sort_by_key(|record| (record.published.until, record.id()));
        let pairs = carriers.iter().zip(carriers.iter().skip(1));
        drafts.extend(pairs.filter_map(|(elder, record)| taken_over(case, elder, record)));
    }
    drafts
}

/// A key ID that `elder` carried, and `record` carries now.
fn taken_over(case: &Case<'_>, elder: &AuthorityRecord, record: &AuthorityRecord) -> Option<Draft> {
    if is_approved(case, &record.authority) {
        return None;
    }
    let kid = record.authority.kid.as_ref().map(|kid| kid.truncated(KEY_ID)).unwrap_or_default();
    let since = record.published.until;
    let together = elder.published.until == since;
    let draft = Draft::new(FindingKind::KeyRebound, Severity::Critical, since)
        .about(record.id())
        .because(if together {
            AuthorityEvidence::KeyIdTwice { kid }
        } else {
            AuthorityEvidence::KeyIdMoved { kid, since, before: elder.id().fingerprint }
        })
        .because(AuthorityEvidence::KeyIdRisk)
        .because(identity(&record.authority));
    Some(draft)
}

/// A removed authority is published again.
fn resurrected(case: &Case<'_>, record: &AuthorityRecord) -> Option<Draft> {
    let removed = record.returned_after?;
    let since = record.published.until;
    let is_open = case.opened(FindingKind::AuthorityResurrected, record.id()).is_some();
    if is_open || is_approved(case, &record.authority) {
        return None;
    }
    let early = case.facts().rotation.handovers.iter().any(|handover| {
        handover.old == record.id().fingerprint
            && handover.removed == removed
            && super::in_flight(case, handover).most > 0.0
    });
    // A restored state brings its old keys back: that is told once, as a rollback.
    let restored =
        case.facts().bundle.regressions.iter().any(|back| back.since <= since && since <= back.at);
    if restored && !early {
        return None;
    }
    let mut draft = Draft::new(FindingKind::AuthorityResurrected, Severity::Critical, since)
        .about(record.id())
        .because(AuthorityEvidence::PublishedAgain { removed: removed.until, since });
    if early {
        draft = draft.because(AuthorityEvidence::HadBeenRemovedEarly);
    }
    Some(draft.because(identity(&record.authority)))
}
