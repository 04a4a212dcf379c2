//! What the servers of one origin present, and under which authorities.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::server::{Server, ServerSvid};
use super::{KeyAlgorithm, Minted, Random};
use crate::issuer::{IssuedKey, KeyNumber, KeyStore, ReplicaNumber};
use anchorwatch_core::bundle::{Fingerprint, KeyId};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{Presented, PresentedCertificate};

/// The endpoint of one origin: its servers, and the keys that may sign for them. All times are the
/// issuer's.
#[derive(Clone, Debug)]
pub(super) struct SimulatedEndpoint {
    /// X.509 keys that may sign, those of an upstream authority's too.
    signers: BTreeMap<KeyNumber, Signer>,
    servers: BTreeMap<ReplicaNumber, Server>,
    /// How long the servers' own SVIDs live.
    ttl: Duration,
    algorithm: KeyAlgorithm,
}

/// A key that signs SVIDs, as certificates name it.
#[derive(Clone, Debug)]
struct Signer {
    key: IssuedKey,
    /// Its key identifier and the digest of its certificate, once it is real.
    named: Option<(KeyId, Fingerprint)>,
}

/// What a server presents, and which of the bundle's authorities it ends in.
#[derive(Clone, Debug)]
pub(super) struct Presentation {
    pub(super) svid: ServerSvid,
    /// The authority, whether it is still published or not.
    pub(super) anchor: Fingerprint,
}

impl SimulatedEndpoint {
    pub(super) fn new(ttl: Duration, algorithm: KeyAlgorithm) -> Self {
        Self { signers: BTreeMap::new(), servers: BTreeMap::new(), ttl, algorithm }
    }

    /// A server has an X.509 authority.
    pub(super) fn signer_is_made(&mut self, key: IssuedKey) {
        self.signers.insert(key.number, Signer { key, named: None });
    }

    /// An authority is real.
    pub(super) fn signer_is_real(&mut self, number: KeyNumber, minted: &Minted) {
        if let Some(signer) = self.signers.get_mut(&number) {
            let fingerprint = minted.authority.id.fingerprint;
            signer.named = minted.key_id().map(|key_id| (key_id, fingerprint));
        }
    }

    /// A server has an intermediate. Nobody sees more of it than what it is called.
    pub(super) fn intermediate_is_made(&mut self, key: IssuedKey, random: &mut Random) {
        let key_id = KeyId::new(&random.bytes::<20>());
        let digest = Fingerprint::from_bytes(random.bytes::<32>());
        self.signers.insert(key.number, Signer { key, named: Some((key_id, digest)) });
    }

    /// A server starts, with keys or without. Whether it did so before.
    pub(super) fn starts(&mut self, at: Timestamp, replica: ReplicaNumber, keys: KeyStore) -> bool {
        let known = self.servers.contains_key(&replica);
        let server = self.servers.entry(replica).or_insert_with(|| Server::new(self.ttl));
        if keys == KeyStore::Lost {
            server.loses_keys();
        }
        server.starts(at);
        known
    }

    /// A key signs from now on.
    pub(super) fn activates(&mut self, at: Timestamp, number: KeyNumber) {
        let Some(signer) = self.signers.get(&number) else { return };
        if let Some(server) = signer.key.replica.and_then(|by| self.servers.get_mut(&by)) {
            server.activates(at, signer.key);
        }
        // What has ended signed no SVID that anyone still presents.
        let presented = at.saturating_sub(self.ttl);
        self.signers.retain(|_, signer| presented <= signer.key.validity.not_after);
    }

    /// A key is distrusted.
    pub(super) fn taints(&mut self, at: Timestamp, number: KeyNumber) {
        for server in self.servers.values_mut() {
            server.taints(at, number);
        }
    }

    /// What a server presents at `at`; `None` where it has nothing to present.
    pub(super) fn presents(
        &mut self,
        replica: ReplicaNumber,
        at: Timestamp,
    ) -> Option<Presentation> {
        let svid = self.servers.get_mut(&replica)?.svid(at)?;
        let (_, anchor) = self.top_of(svid.signer)?.named.as_ref()?;
        Some(Presentation { svid, anchor: *anchor })
    }

    /// The authority that a signer ends in: itself, or the root above it.
    fn top_of(&self, number: KeyNumber) -> Option<&Signer> {
        let signer = self.signers.get(&number)?;
        signer.key.parent.map_or(Some(signer), |root| self.signers.get(&root))
    }

    /// The certificates of a presentation: the server's own, which is of the SPIFFE ID `id`, and
    /// the intermediate above it.
    pub(super) fn certificates(&self, svid: ServerSvid, id: &str) -> Option<Presented> {
        let signer = self.signers.get(&svid.signer)?;
        let (signed_by, digest) = signer.named.as_ref()?;
        let chain = match signer.key.parent.and_then(|root| self.signers.get(&root)) {
            None => Vec::new(),
            Some(root) => vec![PresentedCertificate {
                fingerprint: Some(*digest),
                authority_key_id: root.named.as_ref().map(|(key_id, _)| key_id.clone()),
                validity: signer.key.validity,
                key_type: Some(self.algorithm.key_type()),
                subject: None,
                issuer: None,
                uri_sans: Vec::new(),
            }],
        };
        let serial = [signed_by.as_bytes(), &svid.number.to_be_bytes()].concat();
        let leaf = PresentedCertificate {
            fingerprint: Some(Fingerprint::of(&serial)),
            authority_key_id: Some(signed_by.clone()),
            validity: svid.validity,
            key_type: Some(self.algorithm.key_type()),
            subject: None,
            issuer: None,
            uri_sans: vec![id.into()],
        };
        Some(Presented { leaf, chain, anchor: None, path: Arc::default() })
    }
}
