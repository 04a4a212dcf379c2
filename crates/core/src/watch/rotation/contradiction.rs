//! How a new authority contradicts its siblings.

use std::time::Duration;

use super::form::{Form, Forms, FormsOfUse, lifetime};
use super::schedule_parameters::MAX_LIFETIME_RATIO;
use crate::bundle::Authority;
use crate::decision::Announced;
use crate::finding::evidence::Contradiction;
use crate::spiffe::TrustDomain;
use crate::time::{Bracket, Timestamp};
use crate::untrusted::UntrustedText;
use crate::watch::{IssuerModel, Policy, spire};

/// The longest foreign name that is kept as evidence, in bytes.
const NAME: usize = 128;

/// What a new authority is compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct ComparisonContext<'a> {
    pub(super) siblings: &'a Forms,
    pub(super) trust_domain: Option<&'a TrustDomain>,
    pub(super) policy: &'a Policy,
    /// Where the sequence number stood still while the key set changed.
    pub(super) unchanged_sequence: Option<u64>,
}

/// How this authority contradicts what is known; empty where it does not.
pub(super) fn contradictions(
    authority: &Authority,
    published: Bracket,
    around: &ComparisonContext<'_>,
) -> Vec<Contradiction> {
    let siblings = around.siblings.of_use(authority.id.svid_type);
    let found = [
        backdated(authority, published, around.policy),
        foreign_name(authority, around.trust_domain),
        lifetime_contradiction(authority, around.siblings),
        key_type(authority, siblings),
        profile(authority, siblings),
        around.unchanged_sequence.map(|sequence| Contradiction::SequenceStood { sequence }),
    ];
    found.into_iter().flatten().collect()
}

/// Whether an authority contradicts what is known, whatever the sequence says.
pub(in crate::watch) fn departs(
    authority: &Authority,
    published: Bracket,
    siblings: &Forms,
    trust_domain: Option<&TrustDomain>,
    policy: &Policy,
) -> bool {
    let around = ComparisonContext { siblings, trust_domain, policy, unchanged_sequence: None };
    !contradictions(authority, published, &around).is_empty()
}

/// Whether an announcement names that very departure.
pub(in crate::watch) fn is_announced(
    contradiction: &Contradiction,
    authority: &Authority,
    announced: &Announced,
) -> bool {
    let announcement = &announced.announcement;
    match contradiction {
        Contradiction::KeyType { .. } => {
            announcement.key_type.as_ref() == Some(&authority.key_type)
        }
        Contradiction::Lifetime { own, .. } => {
            announcement.max_lifetime.is_some_and(|longest| *own <= longest)
        }
        Contradiction::Backdated { .. } => {
            let certificate = authority.certificate.as_ref();
            certificate.is_some_and(|c| announcement.not_before <= c.validity.not_before)
        }
        Contradiction::Profile { .. }
        | Contradiction::ForeignName { .. }
        | Contradiction::SequenceStood { .. } => false,
    }
}

/// A self-signed certificate of a SPIRE server is published as soon as it is made.
fn backdated(authority: &Authority, published: Bracket, policy: &Policy) -> Option<Contradiction> {
    let IssuerModel::Spire { .. } = policy.issuer else { return None };
    let certificate = authority.certificate.as_ref()?;
    if !certificate.self_issued || certificate.uri_sans.is_empty() {
        return None;
    }
    let issued_at = certificate.validity.not_before.saturating_add(spire::NOT_BEFORE_CUSHION);
    let by = published.after?.since(issued_at)?;
    let allowed = policy.sigma().saturating_add(policy.replica_lag);
    (allowed < by).then_some(Contradiction::Backdated { by })
}

fn key_type(authority: &Authority, siblings: &FormsOfUse) -> Option<Contradiction> {
    let (usual, _) = siblings.usual.as_ref()?;
    let known = siblings.key_types.contains(&authority.key_type);
    (!known).then(|| Contradiction::KeyType {
        own: authority.key_type.clone(),
        siblings: usual.clone(),
    })
}

fn profile(authority: &Authority, siblings: &FormsOfUse) -> Option<Contradiction> {
    let differences = siblings.departure(&Form::of(authority))?;
    Some(Contradiction::Profile { differences })
}

fn foreign_name(authority: &Authority, own: Option<&TrustDomain>) -> Option<Contradiction> {
    let name = foreign_uri(authority, own?)?;
    Some(Contradiction::ForeignName { name: UntrustedText::new(name, NAME) })
}

/// The URI name of this authority that is of another trust domain. Scheme and trust domain have no
/// case (SPIFFE-ID, 2.1).
pub fn foreign_uri<'a>(authority: &'a Authority, own: &TrustDomain) -> Option<&'a str> {
    const SCHEME: &str = "spiffe://";
    let certificate = authority.certificate.as_ref()?;
    let foreign = |name: &&str| {
        let parts = name.split_at_checked(SCHEME.len());
        let rest = parts.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(SCHEME));
        let named = rest.and_then(|(_, rest)| rest.split('/').next());
        named.is_some_and(|named| !named.eq_ignore_ascii_case(own.as_str()))
    };
    certificate.uri_sans.iter().map(UntrustedText::as_received).find(foreign)
}

fn lifetime_contradiction(authority: &Authority, siblings: &Forms) -> Option<Contradiction> {
    let own = lifetime(authority)?;
    let longest = siblings.longest_life?;
    (longest.saturating_mul(MAX_LIFETIME_RATIO) < own)
        .then_some(Contradiction::Lifetime { own, siblings: longest })
}

/// When an authority was made by its issuer's clock, where that lies within what clocks and
/// replicas may differ from its poll bracket.
pub(super) fn issued_at(
    authority: &Authority,
    bracket: Bracket,
    policy: &Policy,
) -> Option<Timestamp> {
    let certificate = authority.certificate.as_ref()?;
    let issued_at = certificate.validity.not_before.saturating_add(spire::NOT_BEFORE_CUSHION);
    let early = policy.sigma().saturating_add(policy.replica_lag);
    let from = bracket.after.map(|after| after.saturating_sub(early));
    let until = bracket.until.saturating_add(policy.clock_skew);
    (from.is_none_or(|from| from <= issued_at) && issued_at <= until).then_some(issued_at)
}

/// When an authority was published by its own word, where its poll bracket bears that out.
pub(in crate::watch) fn published(record: &Authority, bracket: Bracket) -> crate::time::Window {
    use crate::time::Window;
    /// A whole second is cut off `notBefore`, and the append takes a moment.
    const CUT: Duration = Duration::from_secs(2);
    let seen = Window::new(bracket.after.unwrap_or(bracket.until), bracket.until);
    let Some(certificate) = record.certificate.as_ref() else { return seen };
    let issued_at: Timestamp =
        certificate.validity.not_before.saturating_add(spire::NOT_BEFORE_CUSHION);
    match bracket.after {
        // A baseline has no bracket, and its certificates' word is all there is.
        None => Window::point(issued_at.min(bracket.until)),
        Some(_) => match Window::point(issued_at).widened(CUT, CUT).common(seen) {
            Some(_) => Window::point(issued_at.min(bracket.until)),
            None => seen,
        },
    }
}
