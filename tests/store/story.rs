//! The story of one trust domain, told poll by poll into a store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch::store::{
    Batch, Durability, Loaded, Store, StoreOptions, StoreReader, Verified, VerifyFault,
};
use anchorwatch_core::bundle::{
    Authority, AuthorityId, Bundle, Digest, Fingerprint, KeyType, PublicKeyId, StatedNumber,
    SvidType,
};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{
    DomainState, Event, Failure, FailureReason, Observation, Policy, Poll, Source, step,
};

use crate::clock::ManualClock;

pub(crate) const START: i64 = 1_780_000_000;

pub(crate) fn options() -> StoreOptions {
    let clock = Arc::new(ManualClock::at(Timestamp::from_unix(START)));
    // Few, so that checkpoints and tails both occur.
    StoreOptions { checkpoint_every: 5, ..StoreOptions::new(clock) }
}

pub(crate) fn open(path: &Path) -> (Store, Loaded) {
    Store::open(path, options()).unwrap()
}

pub(crate) fn domain(name: &str) -> TrustDomain {
    name.parse().unwrap()
}

pub(crate) fn authority(name: &str) -> Arc<Authority> {
    relabelled(name, name)
}

/// The key that this name stands for, an X.509 one where it begins with `x`.
pub(crate) fn relabelled(name: &str, kid: &str) -> Arc<Authority> {
    let svid_type = if name.starts_with('x') { SvidType::X509 } else { SvidType::Jwt };
    let id = AuthorityId { svid_type, fingerprint: Fingerprint::of(name.as_bytes()) };
    Arc::new(Authority {
        id,
        public_key: Some(PublicKeyId::of(name.as_bytes())),
        key_type: KeyType::EcP256,
        kid: Some(kid.into()),
        certificate: None,
    })
}

/// What `store verify` says of this store: the first thing that is not as it was written, where
/// there is one.
pub(crate) fn verify(path: &Path, noted: Option<Digest>) -> Result<Verified, VerifyFault> {
    let verified = StoreReader::open(path).unwrap().verify(noted, &mut |_, _| ());
    verified.map_err(|mut faults| faults.listed.remove(0))
}

/// An authenticated answer, and its document.
pub(crate) fn observed(bundle: Bundle, source: Source) -> (Observation, (Digest, Arc<[u8]>)) {
    let document: Arc<[u8]> = format!("{bundle:?}").into_bytes().into();
    let body = Digest::of(&document);
    let length = u64::try_from(document.len()).unwrap();
    let (irregularities, refusals) = (Vec::new(), None);
    let observation = Observation { bundle, irregularities, body, length, refusals, source };
    (observation, (body, document))
}

/// One trust domain and what is known of it.
pub(crate) struct Story {
    pub(crate) store: Store,
    pub(crate) name: TrustDomain,
    pub(crate) state: DomainState,
    pub(crate) now: Timestamp,
    pub(crate) events: Vec<(Timestamp, Event)>,
}

impl Story {
    pub(crate) fn of(name: &str, store: &Store, loaded: &Loaded) -> Self {
        let name = domain(name);
        let state = loaded.domains.get(&name).cloned().unwrap_or_default();
        let now = Timestamp::from_unix(START);
        Self { store: store.clone(), name, state, now, events: Vec::new() }
    }

    pub(crate) async fn publishes(&mut self, sequence: u64, names: &[&str]) -> Durability {
        let keys = names.iter().map(|name| authority(name)).collect();
        let bundle = Bundle::new(keys, StatedNumber::Given(sequence), StatedNumber::Given(300));
        let (observation, body) = observed(bundle, Source::default());
        self.poll(Poll::of(Ok(observation)), vec![body]).await
    }

    pub(crate) async fn fails(&mut self, reason: FailureReason) -> Durability {
        self.poll(Poll::of(Err(Failure::new(reason, "in a test"))), Vec::new()).await
    }

    pub(crate) async fn poll(
        &mut self,
        poll: Poll,
        bodies: Vec<(Digest, Arc<[u8]>)>,
    ) -> Durability {
        let step = step(self.state.clone(), poll, self.now, &Policy::default(), 0.5);
        self.state = step.state;
        let batch = Batch {
            trust_domain: self.name.clone(),
            at: self.now,
            events: step.events.clone(),
            bodies,
            facts: Arc::clone(&self.state.facts),
            poll_state: self.state.poll_state.clone(),
        };
        self.events.extend(step.events.into_iter().map(|event| (self.now, event)));
        self.now = self.now.saturating_add(Duration::from_secs(75));
        self.store.append(batch).await
    }
}
