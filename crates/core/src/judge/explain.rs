//! Why a new authority is explained, or is not: the evidence, in sentences.

use super::Case;
use super::words::span;
use crate::bundle::{Authority, SvidType};
use crate::time::{Bracket, Timestamp};
use crate::watch::{Facts, LineageKind, Standing};

/// The evidence on a new authority, the weightiest first.
pub(super) fn reasons(
    case: &Case<'_>,
    authority: &Authority,
    seen: Bracket,
    standing: &Standing,
) -> Vec<String> {
    let mut sentences = Vec::new();
    match standing {
        Standing::Denied => {
            let words = case.facts().decisions.denial(authority).map(|denial| &denial.words);
            let words = words.map(ToString::to_string).unwrap_or_default();
            sentences.push(format!("its public key was denied {words}"));
        }
        Standing::Approved => {
            let words = case.facts().decisions.approval(authority).map(|one| &one.words);
            let words = words.map(ToString::to_string).unwrap_or_default();
            sentences.push(format!("approved {words}"));
        }
        Standing::Contradicted { by } => {
            sentences.extend(by.iter().map(ToString::to_string));
        }
        Standing::Unscheduled { .. } => sentences.push(off_date(case, authority, seen)),
        Standing::OnTime { lineage } => {
            sentences.push(format!("it came on the date of lineage {lineage}"));
        }
        Standing::Late { lineage } => {
            sentences.push(format!("it came late, as the next of lineage {lineage}"));
        }
        Standing::Announced => sentences.push("it was announced".into()),
        Standing::Learned => sentences.push("the issuer's rhythm was not known yet".into()),
        Standing::Baseline => {
            sentences.push("the first bundle had it, and the bootstrap file did not".into());
        }
        Standing::Returned => sentences.push("it was known before".into()),
    }
    sentences.push(bracket(seen));
    match standing {
        Standing::Denied => {}
        // What departs from its siblings authenticates as they do, until somebody decides.
        Standing::Contradicted { .. } => sentences.extend(proof(case, authority)),
        Standing::Baseline
        | Standing::Approved
        | Standing::OnTime { .. }
        | Standing::Late { .. }
        | Standing::Announced
        | Standing::Learned
        | Standing::Returned
        | Standing::Unscheduled { .. } => sentences.extend(signer(case, authority, seen)),
    }
    sentences
}

/// Whether the endpoint proves its identity with this authority. One that nobody decided on
/// authenticates, as it does at every consumer.
fn proof(case: &Case<'_>, authority: &Authority) -> Option<String> {
    let leaf = case.facts().record(authority.id)?.signed?;
    Some(format!(
        "the endpoint proves its identity with it since {}: an authority that nobody denied authenticates the endpoint, here as at every consumer",
        leaf.validity.not_before
    ))
}

fn bracket(seen: Bracket) -> String {
    match seen.after {
        Some(after) => format!("it was published after {after}, and by {}", seen.until),
        None => format!("it was published by {}", seen.until),
    }
}

/// How far from every date it came.
fn off_date(case: &Case<'_>, authority: &Authority, seen: Bracket) -> String {
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
    let name = match svid_type {
        SvidType::X509 => "X.509",
        SvidType::Jwt => "JWT",
        SvidType::Wit => "WIT",
    };
    let ahead = due.iter().filter_map(|date| date.since(seen.until)).min();
    let behind = due.iter().filter_map(|date| seen.until.since(*date)).min();
    match (ahead, behind) {
        (Some(ahead), _) => {
            format!("it appeared {} before any {name} lineage was due", span(ahead))
        }
        (None, Some(behind)) => {
            format!("it appeared {} after the last {name} lineage was due", span(behind))
        }
        (None, None) => format!("no {name} lineage is known that it could belong to"),
    }
}

/// What the endpoint's own certificate and the sequence say beside it.
fn signer(case: &Case<'_>, authority: &Authority, seen: Bracket) -> Vec<String> {
    let facts = case.facts();
    let mut sentences = Vec::new();
    let siblings = facts
        .authorities
        .records
        .iter()
        .filter(|other| other.id() != authority.id && other.published.until == seen.until);
    let other_use = siblings.filter(|other| other.id().svid_type != authority.id.svid_type).count();
    sentences.push(match other_use {
        0 => "no authority of another use came with it".to_owned(),
        1 => "an authority of another use came in the same poll".to_owned(),
        count => format!("{count} authorities of other uses came in the same poll"),
    });
    if authority.id.svid_type == SvidType::X509 {
        let unproved = || "the endpoint does not prove its identity with it".to_owned();
        sentences.push(proof(case, authority).unwrap_or_else(unproved));
    } else {
        let new_root = facts.published().any(|other| {
            other.id().svid_type == SvidType::X509
                && other.published.until == seen.until
                && other.signed.is_some()
        });
        if !new_root {
            sentences.push("the endpoint does not sign with a new root".to_owned());
        }
    }
    if let Some(moved) = moved(facts, seen) {
        sentences.push(format!("the sequence number moved by {moved}"));
    }
    // What departed from its siblings is contradicted: where there are none, nothing can be said.
    let compared = facts.published().any(|other| {
        other.is_explained()
            && other.id() != authority.id
            && other.id().svid_type == authority.id.svid_type
    });
    if compared {
        sentences.push("key type and form as before".to_owned());
    }
    sentences
}

/// By how much the sequence number moved in the change of this poll, while it is remembered.
fn moved(facts: &Facts, seen: Bracket) -> Option<i128> {
    let confirmed = facts.bundle.confirmed.iter().map(|state| (state.since.until, &state.sequence));
    let past = facts.bundle.history.iter().map(|state| (state.since.until, &state.sequence));
    let states: Vec<_> = past.chain(confirmed).collect();
    let place = states.iter().position(|(since, _)| *since == seen.until)?;
    let given = |place: usize| states.get(place)?.1.given().map(i128::from);
    Some(given(place)? - given(place.checked_sub(1)?)?)
}
