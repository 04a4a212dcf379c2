//! What relying parties saw of tokens.

use super::Case;
use super::draft::Draft;
use super::verdict::Ttl;
use super::words::span;
use crate::bundle::SvidType;
use crate::finding::{FindingKind, Severity};
use crate::time::Timestamp;
use crate::watch::{AuthorityRecord, Sighting};

/// `unlisted_signer`, `token_lifetime`
pub(super) fn events(case: &Case<'_>, at: Timestamp, drafts: &mut Vec<Draft>) {
    let facts = case.facts();
    let ttl = Ttl::of(SvidType::Jwt, case.policy, &[]);
    let grace = ttl.longest.saturating_add(case.policy.sigma());
    for sighting in facts.sightings.all() {
        let named = |record: &&AuthorityRecord| {
            record.authority.kid.as_ref().map(|kid| Sighting::cut(kid.as_received()))
                == Some(sighting.kid.clone())
        };
        let carriers = facts.authorities.records.iter().filter(named);
        let stands = carriers.clone().any(|record| record.removed.is_none());
        let removed = carriers.filter_map(|record| record.removed).map(|removed| removed.until);
        let withdrawn = removed.max().max(sighting.withdrawn);
        // What a key signed before it went may live on.
        let before = withdrawn
            .is_some_and(|gone| sighting.last_iat <= gone.saturating_add(case.policy.sigma()));
        // A consumer may see a token before the watch sees its key.
        let patient = at.since(sighting.heard).is_some_and(|waited| grace <= waited);
        if !stands && !before && patient {
            let kid = sighting.kid.quoted(Sighting::KID);
            drafts.push(
                Draft::new(FindingKind::UnlistedSigner, Severity::Critical, sighting.heard)
                    .of(SvidType::Jwt)
                    .subject(sighting.kid.as_received())
                    .because(match withdrawn {
                        Some(gone) => format!(
                            "a token under the key ID {kid} was sighted, and the bundle of {} lists it no more since {gone}",
                            case.endpoint.trust_domain
                        ),
                        None => format!(
                            "a token under the key ID {kid} was sighted, and no bundle of {} listed it within {}",
                            case.endpoint.trust_domain,
                            span(grace)
                        ),
                    })
                    .because(format!("it was issued at {}", sighting.last_iat)),
            );
        }
        if case.policy.max_jwt_svid_ttl.is_some_and(|declared| declared < sighting.longest) {
            drafts.push(
                Draft::new(FindingKind::TokenLifetime, Severity::Warning, sighting.heard)
                    .of(SvidType::Jwt)
                    .subject(sighting.kid.as_received())
                    .because(format!(
                        "a token lives {}, and max_jwt_svid_ttl is {}: verdicts take the longer one",
                        span(sighting.longest),
                        span(ttl.longest)
                    )),
            );
        }
    }
}
