//! The network's part of a poll: from an endpoint to what it served, or why it did not.
//!
//! Invariant: nothing outlives an attempt. Each has its own TLS configuration, its own client and
//! its own connection, so that no session, redirect or trusted key of an earlier poll can take
//! part in it. What is shared are bounds, the platform's roots and the memory of paths that
//! verified, which is a function of what they were verified with, and the memory of what elements
//! of a document said, which is a function of their text.

mod constraints;
mod denied;
mod document;
mod documents;
mod exchange;
mod handshake;
mod limits;
mod memo;
mod path;
mod platform;
mod presented;
mod refusal;
mod svid;
mod tls;
mod web;

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use tokio::time::Instant;
use url::Url;

use crate::resolver::{
    Addresses, LookupError, Lookups, NamedBy, OldAddresses, Pace, Question, Stale,
};
use anchorwatch_core::bundle::{AuthorityPool, Digest, Memory};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile, Probe};
use anchorwatch_core::time::Clock;
use anchorwatch_core::untrusted::UntrustedText;
use anchorwatch_core::view::StaleAddresses;
use anchorwatch_core::watch::{
    Answer, Failure, FailureReason, Observation, Source, Trust, TrustOrigin,
};

use documents::{Documents, ReadDocument};
use exchange::{Exchange, Trail};
use platform::PlatformRoots;
use refusal::PollRefusal;
use tls::{Proof, TlsContext};

pub use crate::resolver::{Resolve, Resolving, SystemResolver};
pub use limits::FetchLimits;
pub use web::{WebRoots, WebRootsError};

/// What is polled, and how.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where the bundle is served, and how that place proves who it is.
    pub endpoint: BundleEndpoint,
    /// Which of its addresses are asked.
    pub probe: Probe,
    /// The roots of its own CA file; `None` for the platform's. Only `https_web` looks at them.
    pub roots: Option<Arc<WebRoots>>,
    /// The `http` proxy to go through. None is ever taken from the environment.
    pub proxy: Option<Url>,
    /// What bounds the poll.
    pub limits: FetchLimits,
    /// What the last document said: it saves reading again what did not change.
    pub memory: Arc<Memory>,
    /// Whether its last large documents came slowly.
    pub pace: Arc<Pace>,
}

impl Target {
    /// An endpoint polled with every default.
    pub fn new(endpoint: BundleEndpoint) -> Self {
        Self {
            endpoint,
            probe: Probe::default(),
            roots: None,
            proxy: None,
            limits: FetchLimits::default(),
            memory: Arc::default(),
            pace: Arc::default(),
        }
    }

    /// Whether both ask the same place in the same way, and have it prove who it is by the same
    /// roots: then the answer of one is an answer of the other.
    pub fn asks_the_same(&self, other: &Self) -> bool {
        let same_roots = match (&self.roots, &other.roots) {
            (None, None) => true,
            (Some(one), Some(other)) => one.are_those_of(other),
            (None, Some(_)) | (Some(_), None) => false,
        };
        same_roots
            && self.endpoint == other.endpoint
            && self.probe == other.probe
            && self.proxy == other.proxy
    }
}

/// What a poll brought.
#[derive(Debug)]
pub struct Fetched {
    /// What each address that was asked answered: at least one.
    pub answers: Vec<Answer>,
    /// The documents of the good answers, each once, as they may be stored: redacted.
    pub bodies: Vec<(Digest, Bytes)>,
    /// How long it took.
    pub took: Duration,
    /// Set where addresses of an earlier look-up were used, since the new one was slow or failed.
    pub stale: Option<StaleAddresses>,
}

/// What polls endpoints. One serves a whole watch.
pub struct Fetcher {
    lookups: Lookups,
    tls: Arc<TlsContext>,
    platform: Arc<PlatformRoots>,
    documents: Documents,
    pool: Arc<AuthorityPool>,
}

impl Fetcher {
    /// A fetcher that looks names up by the system's resolver, and checks validity by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_resolver(clock, Arc::new(SystemResolver::default()))
    }

    /// A fetcher that looks names up by `resolver`.
    pub fn with_resolver(clock: Arc<dyn Clock>, resolver: Arc<dyn Resolve>) -> Self {
        let lookups = Lookups::new(resolver, Arc::clone(&clock), Lookups::PLACES);
        Self::with_lookups(clock, lookups)
    }

    /// A fetcher whose look-ups are bounded by these.
    pub fn with_lookups(clock: Arc<dyn Clock>, lookups: Lookups) -> Self {
        Self {
            lookups,
            tls: Arc::new(TlsContext::new(clock)),
            platform: Arc::default(),
            documents: Documents::default(),
            pool: Arc::default(),
        }
    }

    /// Where the authorities of all bundles are held.
    pub fn pool(&self) -> &AuthorityPool {
        &self.pool
    }

    /// Its look-ups, for others who look names up beside it.
    pub fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    /// Polls an endpoint once. `trust` authenticates it under `https_spiffe`; without any, nothing
    /// is asked of the network.
    ///
    /// It ends within the target's `timeout`, whatever the endpoint does, and may be dropped at
    /// any time.
    pub async fn poll(&self, target: &Target, trust: Option<&Trust>) -> Fetched {
        target.memory.join(&self.pool);
        let began = Instant::now();
        let deadline = began + target.limits.timeout;
        let (asked, stale) = match self.proof(target, trust, deadline).await {
            Ok(proof) => self.ask(target, trust, proof, deadline).await,
            Err(refusal) => (vec![(Err(failure(&refusal)), None)], None),
        };
        let mut fetched = Fetched {
            answers: Vec::with_capacity(asked.len()),
            bodies: Vec::new(),
            took: Duration::ZERO,
            stale: stale.as_ref().map(reported),
        };
        for (answer, body) in asked {
            fetched.answers.push(answer);
            if let Some(body) = body
                && !fetched.bodies.iter().any(|(digest, _)| *digest == body.0)
            {
                fetched.bodies.push(body);
            }
        }
        fetched.took = began.elapsed();
        fetched
    }

    /// Fetches a document once, as it was served: not parsed, and with whatever secret it holds. It
    /// is for those who look at it and keep nothing.
    ///
    /// It ends within the target's `timeout`, and asks one address.
    pub async fn document(&self, target: &Target, trust: Option<&Trust>) -> Result<Bytes, Failure> {
        let deadline = Instant::now() + target.limits.timeout;
        let fetched = async {
            let proof = self.proof(target, trust, deadline).await?;
            let exchange = self.exchange(target, proof, deadline);
            let found = self.look_up(target, deadline).await?;
            let port = connected(target).1;
            exchange.follow(&mut Trail::new(&target.endpoint.url, found.addresses, port)).await
        };
        fetched.await.map(|document| document.body).map_err(|refusal| failure(&refusal))
    }

    async fn proof(
        &self,
        target: &Target,
        trust: Option<&Trust>,
        deadline: Instant,
    ) -> Result<Proof, PollRefusal> {
        let EndpointProfile::HttpsSpiffe { endpoint_spiffe_id: id } = &target.endpoint.profile
        else {
            let roots = match &target.roots {
                Some(roots) => Arc::clone(roots),
                None => self.platform.get(deadline).await?,
            };
            return Ok(Proof::Web(roots));
        };
        // Federation, 5.2.2.4: by the bundle of the endpoint ID's own trust domain, and no other.
        let trust = trust.filter(|trust| trust.trust_domain == *id.trust_domain());
        if let Some(trust) = trust.filter(|trust| trust.is_denied()) {
            return Err(denied::of_everything(trust));
        }
        let trust = trust.filter(|trust| !trust.authorities.is_empty());
        let Some(trust) = trust else {
            let detail =
                format!("no X.509 authority of {} is known to authenticate it", id.trust_domain());
            return Err(PollRefusal::new(FailureReason::NoTrust, detail));
        };
        Ok(Proof::Svid { id: id.clone(), trust: trust.clone() })
    }

    fn exchange<'a>(&'a self, target: &'a Target, proof: Proof, deadline: Instant) -> Exchange<'a> {
        let (lookups, tls, documents) = (&self.lookups, &self.tls, &self.documents);
        Exchange { lookups, tls, documents, target, proof, deadline }
    }

    async fn look_up(&self, target: &Target, deadline: Instant) -> Result<Addresses, PollRefusal> {
        let host = connected(target).0;
        let question = Question {
            host,
            named_by: NamedBy::Configuration,
            // Whoever answers there proves who it is, by its SVID or by a certificate for the name.
            old_addresses: OldAddresses::Use,
            most: target.limits.addresses,
            deadline,
        };
        self.lookups.find(question).await.map_err(|error| not_found(host, &error))
    }

    async fn ask(
        &self,
        target: &Target,
        trust: Option<&Trust>,
        proof: Proof,
        deadline: Instant,
    ) -> (Vec<Asked>, Option<Stale>) {
        let exchange = self.exchange(target, proof, deadline);
        let found = match self.look_up(target, deadline).await {
            Ok(found) => found,
            Err(refusal) => return (vec![(Err(failure(&refusal)), None)], None),
        };
        let one = |addresses: Vec<IpAddr>| {
            let (exchange, stale) = (&exchange, &found.stale);
            async move {
                let mut trail = Trail::new(&target.endpoint.url, addresses, connected(target).1);
                let document = exchange.follow(&mut trail).await;
                let read = match document {
                    Ok(document) => self.documents.read(document, target, deadline).await,
                    Err(refusal) => Err(refusal),
                };
                let stale = trail.stale().or(stale.as_ref()).cloned();
                (answer(read, &trail, stale.as_ref(), target, trust), stale)
            }
        };
        let asked = if target.probe == Probe::OneAddress || target.proxy.is_some() {
            vec![one(found.addresses.clone()).await]
        } else {
            join_all(found.addresses.iter().map(|address| one(vec![*address]))).await
        };
        let stale = asked.iter().find_map(|(_, stale)| stale.clone());
        (asked.into_iter().map(|(asked, _)| asked).collect(), stale)
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetcher")
    }
}

/// The host and the port that a poll connects to. Behind a proxy the name is the proxy's to look
/// up, and the proxy is what is connected to.
fn connected(target: &Target) -> (&str, u16) {
    let (host, port) = match &target.proxy {
        Some(proxy) => {
            (proxy.host_str().unwrap_or_default(), proxy.port_or_known_default().unwrap_or(80))
        }
        None => (target.endpoint.url.host(), target.endpoint.url.port()),
    };
    (host.trim_start_matches('[').trim_end_matches(']'), port)
}

/// What one address answered, and the document where that was a good one.
type Asked = (Answer, Option<(Digest, Bytes)>);

fn answer(
    read: Result<ReadDocument, PollRefusal>,
    trail: &Trail,
    stale: Option<&Stale>,
    target: &Target,
    trust: Option<&Trust>,
) -> Asked {
    let address = trail.address().filter(|_| target.proxy.is_none());
    // Behind a proxy the addresses are the proxy's.
    let resolved = if target.proxy.is_none() { trail.addresses().to_vec() } else { Vec::new() };
    let presented = trail.presented();
    let ReadDocument { parsed, redirected_to, body, digest, length, refusals } = match read {
        Ok(read) => read,
        Err(mut refusal) => {
            if let Some(stale) = stale {
                // It may be why: the endpoint may have moved.
                refusal.detail = format!("{}; {stale}", refusal.detail);
            }
            let failure = Failure { address, presented, ..failure(&refusal) };
            return (Err(failure), None);
        }
    };
    let authenticated_by = match target.endpoint.profile {
        EndpointProfile::HttpsSpiffe { .. } => trust,
        EndpointProfile::HttpsWeb => None,
    };
    let bootstrap = authenticated_by.filter(|trust| trust.origin == TrustOrigin::Bootstrap);
    let observation = Observation {
        bundle: parsed.bundle,
        irregularities: parsed.irregularities,
        body: digest,
        length,
        refusals,
        source: Source {
            address,
            resolved,
            redirected_to,
            presented,
            authenticated_by: authenticated_by.map(|trust| trust.origin),
            bootstrap: bootstrap
                .map(|trust| trust.authorities.iter().map(|authority| authority.id).collect())
                .unwrap_or_default(),
        },
    };
    (Ok(observation), Some((digest, body)))
}

/// Why a name gave no address.
fn not_found(host: &str, error: &LookupError) -> PollRefusal {
    let reason = match error {
        LookupError::TimedOut { .. } => FailureReason::Timeout,
        LookupError::Failed(_) => FailureReason::Dns,
    };
    PollRefusal::new(reason, format!("looking up {host}: {error}"))
}

fn reported(stale: &Stale) -> StaleAddresses {
    let why = stale.failure.as_ref().map_or_else(
        || "the look-up is slow".into(),
        |failure| UntrustedText::new(&format!("the look-up fails: {failure}"), FetchLimits::DETAIL),
    );
    StaleAddresses { looked_up_at: stale.looked_up_at, why }
}

fn failure(refusal: &PollRefusal) -> Failure {
    let denied = refusal.denied.clone();
    let detail = UntrustedText::new(&refusal.detail, FetchLimits::DETAIL);
    Failure { denied, ..Failure::new(refusal.reason, detail) }
}

/// Drives several futures at once and gives their values in order.
async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pending: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    let mut values: Vec<Option<F::Output>> = pending.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut waiting = false;
        for (future, value) in pending.iter_mut().zip(&mut values) {
            if value.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(ready) => *value = Some(ready),
                    std::task::Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    values.into_iter().flatten().collect()
}
