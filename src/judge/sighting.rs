//! What relying parties saw of tokens.

use super::Case;
use super::draft::Draft;
use super::verdict::Ttl;
use super::words::{foreign, span};
use crate::bundle::SvidType;
use crate::finding::{FindingKind, Severity};
use crate::time::Timestamp;

/// `unlisted_signer`, `token_lifetime`
pub(super) fn events(case: &Case<'_>, at: Timestamp, drafts: &mut Vec<Draft>) {
    let facts = case.facts();
    let ttl = Ttl::of(SvidType::Jwt, case.policy, &[]);
    let grace = ttl.longest.saturating_add(case.policy.sigma());
    for sighting in &facts.sightings {
        let kid = Some(&*sighting.kid);
        let listed = facts.authorities.iter().any(|record| {
            let cut: Option<String> =
                record.authority.kid.as_deref().map(|kid| kid.chars().take(64).collect());
            cut.as_deref() == kid
                // A key that is gone may have signed what still lives: T + σ after its removal.
                && record.removed.is_none_or(|removed| {
                    sighting.last_iat <= removed.until.saturating_add(case.policy.sigma())
                })
        });
        // A consumer may see a token before the watch sees its key.
        let patient = at.since(sighting.heard).is_some_and(|waited| grace <= waited);
        if !listed && patient {
            drafts.push(
                Draft::new(FindingKind::UnlistedSigner, Severity::Critical, sighting.heard)
                    .of(SvidType::Jwt)
                    .subject(&sighting.kid)
                    .because(format!(
                        "a token under the key ID {} was sighted, and no bundle of {} listed it within {}",
                        foreign(&sighting.kid),
                        case.endpoint.trust_domain,
                        span(grace)
                    ))
                    .because(format!("it was issued at {}", sighting.last_iat)),
            );
        }
        if case.policy.max_jwt_svid_ttl.is_some_and(|declared| declared < sighting.longest) {
            drafts.push(
                Draft::new(FindingKind::TokenLifetime, Severity::Warning, sighting.heard)
                    .of(SvidType::Jwt)
                    .subject(&sighting.kid)
                    .because(format!(
                        "a token lives {}, and max_jwt_svid_ttl is {}: verdicts take the longer one",
                        span(sighting.longest),
                        span(ttl.longest)
                    )),
            );
        }
    }
}
