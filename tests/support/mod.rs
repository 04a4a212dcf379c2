//! What tests of real endpoints share: a clock that a test sets, a trust domain, servers that misbehave.
//!
//! Everything is on loopback and on free ports. Certificates are judged by that clock,
//! so no test depends on the date.

#[allow(dead_code, reason = "another test uses the rest")]
pub(crate) mod clock;
pub(crate) mod hostile;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch::demo::endpoint::LoopbackEndpoint;
use anchorwatch::demo::mint::{
    DemoKeyAlgorithm, IssuedDocument, JwtAuthority, Svid, X509Ca, ca_params, svid_params,
};
use anchorwatch::fetch::{Fetched, Fetcher, Target};
use anchorwatch_core::bundle::{Authority, AuthorityId, Certificate, SvidType, Validity};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile, SpiffeId, TrustDomain};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{Failure, FailureReason, Observation, Trust, TrustOrigin};
use clock::ManualClock;
use rcgen::{CertificateParams, CustomExtension};

/// The moment at which every story begins.
pub(crate) const NOW: i64 = 1_795_000_000;
/// An hour, in seconds.
pub(crate) const HOUR: i64 = 3_600;
/// No poll of a test takes this long, unless it hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// From when until when, in seconds from [`NOW`].
pub(crate) fn validity(from: i64, until: i64) -> Validity {
    Validity {
        not_before: Timestamp::from_unix(NOW + from),
        not_after: Timestamp::from_unix(NOW + until),
    }
}

/// Ten seconds ago to an hour from now, as SPIRE would.
pub(crate) fn current() -> Validity {
    validity(-10, HOUR)
}

/// A trust domain with one authority, and what watches it.
pub(crate) struct World {
    /// The watch's clock.
    pub(crate) clock: Arc<ManualClock>,
    /// What polls.
    pub(crate) fetcher: Fetcher,
    /// `example.org`
    pub(crate) trust_domain: TrustDomain,
    /// `spiffe://example.org/spire/server`
    pub(crate) id: SpiffeId,
    /// The trust domain's authority.
    pub(crate) ca: X509Ca,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_unix(NOW)));
        let trust_domain: TrustDomain = "example.org".parse().unwrap();
        Self {
            fetcher: Fetcher::new(clock.clone()),
            clock,
            id: "spiffe://example.org/spire/server".parse().unwrap(),
            ca: ca(&trust_domain),
            trust_domain,
        }
    }

    /// The SVID that its endpoint should present.
    pub(crate) fn svid(&self) -> Svid {
        self.ca.svid(&self.id, current()).unwrap()
    }

    /// A certificate of its authority with something changed.
    pub(crate) fn odd_svid(&self, change: impl FnOnce(&mut CertificateParams)) -> Svid {
        let mut params = svid_params(&self.id, current()).unwrap();
        change(&mut params);
        self.ca.sign(&params, &DemoKeyAlgorithm::EcP256.generate().unwrap()).unwrap()
    }

    /// A bundle of its authority and one JWT key.
    pub(crate) fn document(&self) -> Vec<u8> {
        let jwt = JwtAuthority::mint(DemoKeyAlgorithm::EcP256).unwrap();
        let keys = vec![self.ca.jwk().clone(), jwt.jwk().clone()];
        IssuedDocument { keys, sequence: Some(1), refresh_hint: Some(300) }.to_bytes()
    }

    /// An endpoint that is in order.
    pub(crate) async fn endpoint(&self) -> LoopbackEndpoint {
        LoopbackEndpoint::start(&self.svid(), self.document()).await.unwrap()
    }

    /// What a watch that knows its bundle trusts.
    pub(crate) fn trust(&self) -> Trust {
        trust(&self.trust_domain, &[&self.ca])
    }

    /// The endpoint at `url`, under `https_spiffe`.
    pub(crate) fn target(&self, url: &str) -> Target {
        Target::new(BundleEndpoint {
            trust_domain: self.trust_domain.clone(),
            url: url.parse().unwrap(),
            profile: EndpointProfile::HttpsSpiffe { endpoint_spiffe_id: self.id.clone() },
        })
    }

    /// The endpoint at `url`, under `https_web`.
    pub(crate) fn web_target(&self, url: &str) -> Target {
        let target = self.target(url);
        let endpoint = BundleEndpoint { profile: EndpointProfile::HttpsWeb, ..target.endpoint };
        Target { endpoint, ..target }
    }

    /// Polls, and demands an end.
    pub(crate) async fn poll(&self, target: &Target, trust: Option<&Trust>) -> Fetched {
        let poll = self.fetcher.poll(target, trust);
        tokio::time::timeout(PATIENCE, poll).await.expect("a poll ends within its deadline")
    }

    /// Polls one address, with the trust of a watch that knows the bundle, and wants it to fail.
    #[track_caller]
    pub(crate) fn failure(&self, target: Target) -> impl Future<Output = Failure> {
        let caller = std::panic::Location::caller();
        async move {
            let mut fetched = self.poll(&target, Some(&self.trust())).await;
            assert_eq!(fetched.answers.len(), 1, "{caller}");
            assert!(fetched.bodies.is_empty(), "{caller}: nothing is kept of a failed poll");
            match fetched.answers.remove(0) {
                Err(failure) => {
                    assert!(!failure.detail.is_empty(), "{caller}");
                    failure
                }
                Ok(observation) => panic!("{caller}: {:?} was taken", observation.bundle),
            }
        }
    }

    /// Polls one address, and wants it to succeed.
    #[track_caller]
    pub(crate) fn success(&self, target: Target) -> impl Future<Output = Observation> {
        let caller = std::panic::Location::caller();
        async move {
            let mut fetched = self.poll(&target, Some(&self.trust())).await;
            assert_eq!(fetched.answers.len(), 1, "{caller}");
            let observation = fetched.answers.remove(0);
            observation.unwrap_or_else(|failure| panic!("{caller}: {failure:?}"))
        }
    }

    /// Serves the good document with this SVID, and wants the poll to fail.
    #[track_caller]
    pub(crate) fn refusal_of(&self, svid: Svid) -> impl Future<Output = Failure> {
        let caller = std::panic::Location::caller();
        async move {
            let endpoint = LoopbackEndpoint::start(&svid, self.document()).await.unwrap();
            let failure = self.failure(self.target(&endpoint.url())).await;
            assert_eq!(endpoint.requests(), 0, "{caller}: nothing is asked before it has proved");
            failure
        }
    }
}

/// A self-signed authority of a trust domain, in SPIRE's shape.
pub(crate) fn ca(trust_domain: &TrustDomain) -> X509Ca {
    X509Ca::mint(trust_domain, current(), DemoKeyAlgorithm::EcP256).unwrap()
}

/// A self-signed authority with something changed.
pub(crate) fn odd_ca(change: impl FnOnce(&mut CertificateParams)) -> X509Ca {
    let mut params = ca_params("spiffe://example.org", current()).unwrap();
    change(&mut params);
    X509Ca::from_params(params, DemoKeyAlgorithm::EcP256.generate().unwrap()).unwrap()
}

/// The trust in a bundle of these authorities.
pub(crate) fn trust(trust_domain: &TrustDomain, authorities: &[&X509Ca]) -> Trust {
    let authorities = authorities.iter().map(|ca| {
        let certificate = Certificate::parse(ca.certificate()).unwrap();
        Arc::new(Authority {
            id: AuthorityId { svid_type: SvidType::X509, fingerprint: certificate.fingerprint() },
            public_key: Some(certificate.public_key),
            key_type: certificate.key_type.clone(),
            kid: None,
            certificate: Some(certificate),
        })
    });
    Trust::new(trust_domain.clone(), TrustOrigin::Latest, authorities.collect())
}

/// A subject alternative name extension of these names, as tag and bytes: for those that no
/// library writes.
pub(crate) fn raw_names(names: &[(u8, &[u8])]) -> CustomExtension {
    let tagged = |tag: u8, bytes: &[u8]| {
        let length = u8::try_from(bytes.len()).unwrap();
        assert!(length < 128, "short form only");
        [&[tag, length], bytes].concat()
    };
    let names: Vec<u8> = names.iter().flat_map(|(tag, bytes)| tagged(*tag, bytes)).collect();
    CustomExtension::from_oid_content(&[2, 5, 29, 17], tagged(0x30, &names))
}

/// The tag of a URI among names.
pub(crate) const URI: u8 = 0x86;
/// The tag of a DNS name among names.
pub(crate) const DNS: u8 = 0x82;

/// Checks the reason of a failure and shows the whole of it where it is another.
#[track_caller]
pub(crate) fn assert_reason(failure: &Failure, reason: FailureReason) {
    assert_eq!(failure.reason, reason, "{failure:?}");
}
