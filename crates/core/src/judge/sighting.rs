//! What relying parties saw of tokens.

use super::Case;
use super::draft::Draft;
use super::verdict::Ttl;
use crate::bundle::SvidType;
use crate::finding::evidence::TokenEvidence;
use crate::finding::{FindingKind, Severity};
use crate::time::Timestamp;
use crate::watch::{AuthorityRecord, Sighting};

/// Drafts `unlisted_signer`, `token_lifetime`.
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
            let trust_domain = case.endpoint.trust_domain.clone();
            let kid = sighting.kid.clone();
            drafts.push(
                Draft::new(FindingKind::UnlistedSigner, Severity::Critical, sighting.heard)
                    .of(SvidType::Jwt)
                    .subject(sighting.kid.as_received())
                    .because(match withdrawn {
                        Some(removed) => TokenEvidence::KeyIdRemoved { kid, trust_domain, removed },
                        None => {
                            TokenEvidence::KeyIdNeverListed { kid, trust_domain, waited: grace }
                        }
                    })
                    .because(TokenEvidence::TokenIssued { at: sighting.last_iat }),
            );
        }
        let declared = case.policy.max_jwt_svid_ttl;
        if let Some(declared) = declared.filter(|declared| *declared < sighting.longest) {
            drafts.push(
                Draft::new(FindingKind::TokenLifetime, Severity::Warning, sighting.heard)
                    .of(SvidType::Jwt)
                    .subject(sighting.kid.as_received())
                    .because(TokenEvidence::LifetimeExceeded {
                        sighted: sighting.longest,
                        declared,
                    }),
            );
        }
    }
}
