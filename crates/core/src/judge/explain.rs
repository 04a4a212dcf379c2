//! Why a new authority is explained, or is not: the evidence.

use super::Case;
use crate::bundle::{Authority, SvidType};
use crate::finding::evidence::AuthorityEvidence;
use crate::time::{Bracket, Timestamp};
use crate::watch::{Facts, FirstDateFit, LineageKind, Standing};

/// The evidence on a new authority, the weightiest first.
pub(super) fn reasons(
    case: &Case<'_>,
    authority: &Authority,
    seen: Bracket,
    standing: &Standing,
) -> Vec<AuthorityEvidence> {
    let decisions = &case.facts().decisions;
    let mut evidence = Vec::new();
    match standing {
        Standing::Denied => {
            let decision = decisions.denial(authority).map(|denial| denial.words.clone());
            evidence.push(AuthorityEvidence::KeyDenied { decision: decision.unwrap_or_default() });
        }
        Standing::Approved => {
            let decision = decisions.approval(authority).map(|one| one.words.clone());
            let decision = decision.unwrap_or_default();
            evidence.push(AuthorityEvidence::AuthorityApproved { decision });
        }
        Standing::Contradicted { by } => {
            evidence.extend(by.iter().cloned().map(AuthorityEvidence::Contradicts));
        }
        Standing::Unscheduled { first, .. } => match first {
            FirstDateFit::None => evidence.push(off_date(case, authority, seen)),
            FirstDateFit::Window { date } => {
                evidence.push(AuthorityEvidence::FirstDateOpen { date: *date, seen: seen.until });
            }
            FirstDateFit::Drift => {
                evidence.push(off_date(case, authority, seen));
                evidence.push(AuthorityEvidence::MayHaveDrifted);
            }
            FirstDateFit::Contested { with } => {
                evidence.push(AuthorityEvidence::FirstDateContested { with: with.clone() });
            }
        },
        Standing::OnTime { lineage } => {
            evidence.push(AuthorityEvidence::OnTime { lineage: *lineage });
        }
        Standing::Late { lineage } => evidence.push(AuthorityEvidence::Late { lineage: *lineage }),
        Standing::Announced => evidence.push(AuthorityEvidence::Announced),
        Standing::Learned => evidence.push(AuthorityEvidence::ScheduleUnknown),
        Standing::Baseline => evidence.push(AuthorityEvidence::NotInBootstrapFile),
        Standing::Returned => evidence.push(AuthorityEvidence::KnownBefore),
    }
    evidence.push(AuthorityEvidence::Published { published: seen });
    match standing {
        Standing::Denied => {}
        // What departs from its siblings authenticates as they do, until somebody decides.
        Standing::Contradicted { .. } => evidence.extend(proof(case, authority)),
        Standing::Baseline
        | Standing::Approved
        | Standing::OnTime { .. }
        | Standing::Late { .. }
        | Standing::Announced
        | Standing::Learned
        | Standing::Returned
        | Standing::Unscheduled { .. } => evidence.extend(signer(case, authority, seen)),
    }
    evidence
}

/// Whether the endpoint proves its identity with this authority. One that nobody decided on
/// authenticates, as it does at every consumer.
fn proof(case: &Case<'_>, authority: &Authority) -> Option<AuthorityEvidence> {
    let leaf = case.facts().record(authority.id)?.signed?;
    Some(AuthorityEvidence::SignsForEndpoint { since: leaf.validity.not_before })
}

/// How far from every date it came.
fn off_date(case: &Case<'_>, authority: &Authority, seen: Bracket) -> AuthorityEvidence {
    let svid_type = authority.id.svid_type;
    let facts = case.facts();
    let interval = facts.interval(case.policy);
    let due: Vec<Timestamp> = facts
        .rotation
        .lineages
        .iter()
        .filter(|line| line.svid_type == svid_type && line.is_active())
        .filter(|line| line.newest != Some(authority.id))
        .filter_map(|line| {
            let (date, _) = facts.rotation.due(line, case.policy, interval)?;
            (line.kind == LineageKind::Established && !line.is_undated()).then_some(date.from)
        })
        .collect();
    let next = due.iter().copied().filter(|date| seen.until <= *date).min();
    let last = due.iter().copied().max();
    AuthorityEvidence::NotDue { svid_type, seen: seen.until, due: next.or(last) }
}

/// What the endpoint's own certificate and the sequence say beside it.
fn signer(case: &Case<'_>, authority: &Authority, seen: Bracket) -> Vec<AuthorityEvidence> {
    let facts = case.facts();
    let mut evidence = Vec::new();
    let siblings = facts
        .authorities
        .records
        .iter()
        .filter(|other| other.id() != authority.id && other.published.until == seen.until);
    let other_use = siblings.filter(|other| other.id().svid_type != authority.id.svid_type).count();
    let count = u64::try_from(other_use).unwrap_or(u64::MAX);
    evidence.push(AuthorityEvidence::Companions { count });
    if authority.id.svid_type == SvidType::X509 {
        let unproved = AuthorityEvidence::DoesNotSignForEndpoint;
        evidence.push(proof(case, authority).unwrap_or(unproved));
    } else {
        let new_root = facts.published().any(|other| {
            other.id().svid_type == SvidType::X509
                && other.published.until == seen.until
                && other.signed.is_some()
        });
        if !new_root {
            evidence.push(AuthorityEvidence::NoNewRoot);
        }
    }
    evidence.extend(sequence_change(facts, seen));
    // What departed from its siblings is contradicted: where there are none, nothing can be said.
    let compared = facts.published().any(|other| {
        other.is_explained()
            && other.id() != authority.id
            && other.id().svid_type == authority.id.svid_type
    });
    if compared {
        evidence.push(AuthorityEvidence::UsualForm);
    }
    evidence
}

/// The sequence number before and after the change of this poll, while it is remembered.
fn sequence_change(facts: &Facts, seen: Bracket) -> Option<AuthorityEvidence> {
    let confirmed = facts.bundle.confirmed.iter().map(|state| (state.since.until, &state.sequence));
    let past = facts.bundle.history.iter().map(|state| (state.since.until, &state.sequence));
    let states: Vec<_> = past.chain(confirmed).collect();
    let place = states.iter().position(|(since, _)| *since == seen.until)?;
    let given = |place: usize| states.get(place)?.1.given();
    let (from, to) = (given(place.checked_sub(1)?)?, given(place)?);
    Some(AuthorityEvidence::SequenceChanged { from, to })
}
