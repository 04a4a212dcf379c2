//! One trust domain of the scene: an issuer, the keys that it published, and an endpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use super::endpoint::LoopbackEndpoint;
use super::error::SceneError;
use super::mint::{DemoKeyAlgorithm, IssuedDocument, JwtAuthority, Svid, X509Ca};
use super::script::{Character, REFRESH_HINT, SERVER, SVID_TTL};
use anchorwatch_core::bundle::{SvidType, Validity};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile, SpiffeId, TrustDomain};
use anchorwatch_core::time::Timestamp;
use anchorwatch_lab::issuer::{Issuer, KeyNumber, NOT_BEFORE_CUSHION};

/// A trust domain whose keys and certificates are real.
#[derive(Debug)]
pub(super) struct IssuingDomain {
    pub(super) character: Character,
    name: TrustDomain,
    spiffe_id: SpiffeId,
    issuer: Issuer,
    minted: BTreeMap<KeyNumber, Minted>,
    served: Option<u64>,
    svid_renews_at: Timestamp,
}

#[derive(Debug)]
enum Minted {
    X509(Box<X509Ca>),
    Jwt(Box<JwtAuthority>),
}

/// What an endpoint is to serve from now on, where it is something else than before.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) document: Option<IssuedDocument>,
    pub(super) svid: Option<Svid>,
}

impl Changes {
    pub(super) fn apply(self, endpoint: &LoopbackEndpoint) {
        // The document first: an SVID by an authority that is not served yet locks everyone out.
        if let Some(document) = self.document {
            endpoint.serve(document.to_bytes());
        }
        if let Some(svid) = self.svid {
            endpoint.present(&svid);
        }
    }
}

impl IssuingDomain {
    /// The domain in a scene that begins at `began`. Nothing is minted yet.
    pub(super) fn new(character: Character, began: Timestamp) -> Result<Self, SceneError> {
        let name = character.trust_domain();
        let spiffe_id = format!("spiffe://{name}/spire/server").parse();
        let mut domain = Self {
            character,
            name: name.parse().map_err(|_| SceneError::Name { name })?,
            spiffe_id: spiffe_id.map_err(|_| SceneError::Name { name })?,
            issuer: character.issuer(began),
            minted: BTreeMap::new(),
            served: None,
            svid_renews_at: Timestamp::default(),
        };
        // What happened before the scene is SPIRE's rotation in all three.
        domain.issuer.advance(began);
        Ok(domain)
    }

    pub(super) fn trust_domain(&self) -> &TrustDomain {
        &self.name
    }

    /// The relationship as a consumer configures it.
    pub(super) fn bundle_endpoint(
        &self,
        endpoint: &LoopbackEndpoint,
    ) -> Result<BundleEndpoint, SceneError> {
        let name = self.character.trust_domain();
        Ok(BundleEndpoint {
            trust_domain: self.name.clone(),
            url: endpoint.url().parse().map_err(|_| SceneError::Name { name })?,
            profile: EndpointProfile::HttpsSpiffe { endpoint_spiffe_id: self.spiffe_id.clone() },
        })
    }

    /// Brings the domain to `now`, and mints what was published.
    pub(super) fn advance(&mut self, now: Timestamp) -> Result<Changes, SceneError> {
        loop {
            let events = self.issuer.advance(now);
            if events.is_empty() {
                break;
            }
            for event in &events {
                self.character.react(&mut self.issuer, event);
            }
        }
        let mut changes = Changes::default();
        let sequence = self.issuer.bundle().sequence();
        if self.served != Some(sequence) {
            self.mint()?;
            changes.document = Some(self.document());
            self.served = Some(sequence);
        }
        if self.svid_renews_at <= now {
            changes.svid = self.sign_svid(now)?;
        }
        Ok(changes)
    }

    /// When there is something to do again.
    pub(super) fn wakes_at(&self) -> Timestamp {
        let issuer = self.issuer.wakes_at();
        issuer.map_or(self.svid_renews_at, |at| at.min(self.svid_renews_at))
    }

    /// The bundle as it is now.
    pub(super) fn document(&self) -> IssuedDocument {
        let row = self.issuer.bundle();
        let sequence = row.sequence();
        let mut keys: Vec<_> = row
            .keys()
            .filter_map(|key| match self.minted.get(&key.number)? {
                Minted::X509(ca) => Some(ca.jwk().clone()),
                Minted::Jwt(jwt) => Some(jwt.jwk().clone()),
            })
            .collect();
        // SPIRE's order is another in every answer; here it is in every version.
        let count = u64::try_from(keys.len()).unwrap_or(1);
        let first = sequence.checked_rem(count).and_then(|first| usize::try_from(first).ok());
        keys.rotate_left(first.unwrap_or(0));
        let sequence = Some(sequence).filter(|sequence| *sequence != 0);
        IssuedDocument { keys, sequence, refresh_hint: Some(REFRESH_HINT) }
    }

    /// Mints what is published and not minted, and forgets what is neither published nor in use.
    fn mint(&mut self) -> Result<(), SceneError> {
        let row = self.issuer.bundle();
        let signing = self.issuer.signing(SERVER, SvidType::X509).map(|key| key.number);
        self.minted.retain(|number, _| row.key(*number).is_some() || signing == Some(*number));
        for key in row.keys() {
            if self.minted.contains_key(&key.number) {
                continue;
            }
            let algorithm = DemoKeyAlgorithm::EcP256;
            let minted = match key.svid_type {
                SvidType::X509 => {
                    Minted::X509(Box::new(X509Ca::mint(&self.name, key.validity, algorithm)?))
                }
                SvidType::Jwt | SvidType::Wit => {
                    Minted::Jwt(Box::new(JwtAuthority::mint(algorithm)?))
                }
            };
            self.minted.insert(key.number, minted);
        }
        Ok(())
    }

    /// Signs the endpoint's SVID with the authority that is active now, as SPIRE does: backdated,
    /// capped by the authority's end, and renewed at half of its life.
    fn sign_svid(&mut self, now: Timestamp) -> Result<Option<Svid>, SceneError> {
        let Some(active) = self.issuer.signing(SERVER, SvidType::X509) else {
            return Ok(None);
        };
        let Some(Minted::X509(ca)) = self.minted.get(&active.number) else {
            return Ok(None);
        };
        let whole = |moment: Timestamp| Timestamp::from_unix(moment.as_unix());
        let validity = Validity {
            not_before: whole(now.saturating_sub(NOT_BEFORE_CUSHION)),
            not_after: whole(now.saturating_add(SVID_TTL)).min(active.validity.not_after),
        };
        let svid = ca.svid(&self.spiffe_id, validity)?;
        let life = validity.not_after.since(validity.not_before).unwrap_or_default();
        let half = validity.not_before.saturating_add(life / 2);
        // A life that the cap has cut to nothing is renewed no faster than SPIRE looks.
        self.svid_renews_at = half.max(now.saturating_add(Duration::from_millis(500)));
        Ok(Some(svid))
    }
}
