//! One poll, from the order of a domain's owner to its answer. Nothing here holds the state: a
//! decision, a reload and a stop go on while an endpoint takes its time.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::poll_context::PollContext;
use crate::fetch::{Fetched, Target};
use anchorwatch_core::watch::{Answer, FailureReason, Trust};

/// A poll that takes more than this part of its deadline is slow. Healthy ones take milliseconds to
/// a few round trips.
const SLOW_PART: u32 = 4;

/// What is to be asked, and what authenticates the endpoint, as the owner knew it at that moment.
#[derive(Debug)]
pub(super) struct PollOrder {
    pub(super) target: Arc<Target>,
    pub(super) trust: Option<Trust>,
    /// Which endpoint and roots it was made for: the domain counts them up.
    pub(super) generation: u64,
    /// Cancelled once its answer could not count any more.
    pub(super) outdated: CancellationToken,
}

/// What came of a poll, for the scheduler.
#[derive(Clone, Debug, Default)]
pub(super) struct Polled {
    /// How long to wait before the next; `None` where there is none.
    pub(super) next: Option<Duration>,
    /// Whether the answer does not count: it was asked for under another configuration or trust
    /// than there is now.
    pub(super) void: bool,
    /// Whether it held its place for long, whatever came of it: such an endpoint waits in the slow
    /// lane.
    pub(super) slow: bool,
}

impl Polled {
    /// A poll that is made anew at once.
    pub(super) fn void() -> Self {
        Self { next: Some(Duration::ZERO), void: true, ..Self::default() }
    }
}

impl PollOrder {
    /// Asks the endpoint. `None` once the answer could not count any more.
    pub(super) async fn fetch(&self, shared: &PollContext) -> Option<Fetched> {
        tokio::select! {
            biased;
            () = self.outdated.cancelled() => None,
            fetched = shared.fetcher.poll(&self.target, self.trust.as_ref()) => Some(fetched),
        }
    }

    /// Whether a poll that took so long is slow. One that fails late, by a name server for example,
    /// is as slow as one that ran into its deadline.
    pub(super) fn is_slow(&self, took: Duration) -> bool {
        self.target.limits.timeout / SLOW_PART < took
    }

    /// Whether what authenticated these answers would authenticate them by `trust` too. A failure
    /// of authentication counts only under the trust that it was found with.
    pub(super) fn holds_under(&self, trust: Option<&Trust>, answers: &[Answer]) -> bool {
        let ids = |trust: Option<&Trust>| -> Vec<_> {
            trust.into_iter().flat_map(|one| one.authorities.iter()).map(|one| one.id).collect()
        };
        if ids(self.trust.as_ref()) == ids(trust) {
            return true;
        }
        let is_trusted = |answer: &Answer| match answer {
            Ok(observation) => {
                let presented = observation.source.presented.as_ref();
                presented.and_then(|presented| presented.anchor).is_some_and(|anchor| {
                    let mut anchors = trust.iter().flat_map(|trust| trust.authorities.iter());
                    anchors.any(|authority| authority.id.fingerprint == anchor)
                })
            }
            Err(failure) => {
                !failure.reason.is_authentication()
                    && !matches!(
                        failure.reason,
                        FailureReason::NoTrust | FailureReason::TrustDenied
                    )
            }
        };
        answers.iter().all(is_trusted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::bundle::{
        Authority, AuthorityId, Bundle, Digest, Fingerprint, KeyType, StatedNumber, SvidType,
        Validity,
    };
    use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile};
    use anchorwatch_core::time::Timestamp;
    use anchorwatch_core::watch::{
        Failure, Observation, Presented, PresentedCertificate, Source, TrustOrigin,
    };

    fn trust(names: &[&str]) -> Trust {
        let authority = |name: &&str| {
            let fingerprint = Fingerprint::of(name.as_bytes());
            let id = AuthorityId { svid_type: SvidType::X509, fingerprint };
            let key_type = KeyType::EcP256;
            Arc::new(Authority { id, public_key: None, key_type, kid: None, certificate: None })
        };
        let trust_domain = "a.example".parse().unwrap();
        Trust::new(trust_domain, TrustOrigin::Latest, names.iter().map(authority).collect())
    }

    fn order(trust: Option<Trust>) -> PollOrder {
        let target = Target::new(BundleEndpoint {
            trust_domain: "a.example".parse().unwrap(),
            url: "https://127.0.0.1/".parse().unwrap(),
            profile: EndpointProfile::HttpsWeb,
        });
        let outdated = CancellationToken::new();
        PollOrder { target: Arc::new(target), trust, generation: 0, outdated }
    }

    /// A good answer that this authority authenticated.
    #[expect(clippy::unnecessary_wraps, reason = "it is an answer, as a failure is")]
    fn answer(anchor: &str) -> Answer {
        let moment = Timestamp::from_unix(0);
        let leaf = PresentedCertificate {
            fingerprint: None,
            authority_key_id: None,
            validity: Validity { not_before: moment, not_after: moment },
            key_type: None,
            subject: None,
            issuer: None,
            uri_sans: Vec::new(),
        };
        let anchor = Some(Fingerprint::of(anchor.as_bytes()));
        let presented = Some(Presented { leaf, chain: Vec::new(), anchor, path: Arc::default() });
        Ok(Observation {
            bundle: Bundle::new(Vec::new(), StatedNumber::Absent, StatedNumber::Absent),
            irregularities: Vec::new(),
            body: Digest::of(b""),
            length: 0,
            refusals: None,
            source: Source { presented, ..Source::default() },
        })
    }

    fn failure(reason: FailureReason) -> Answer {
        Err(Failure::new(reason, "x"))
    }

    #[test]
    fn an_answer_counts_where_what_authenticated_it_would_do_so_now() {
        let order = order(Some(trust(&["x", "y"])));
        let now = trust(&["x", "z"]);
        assert!(order.holds_under(Some(&trust(&["x", "y"])), &[answer("y")]), "nothing changed");
        assert!(order.holds_under(Some(&now), &[answer("x")]));
        assert!(!order.holds_under(Some(&now), &[answer("y")]), "it is denied, or gone");
        assert!(!order.holds_under(Some(&now), &[answer("x"), answer("y")]));
        assert!(!order.holds_under(None, &[answer("x")]));
    }

    #[test]
    fn a_failure_of_trust_counts_under_that_trust_alone() {
        let order = order(Some(trust(&["x"])));
        let now = trust(&["x", "z"]);
        assert!(order.holds_under(Some(&trust(&["x"])), &[failure(FailureReason::UntrustedChain)]));
        assert!(!order.holds_under(Some(&now), &[failure(FailureReason::UntrustedChain)]));
        assert!(!order.holds_under(Some(&now), &[failure(FailureReason::NoTrust)]));
        assert!(order.holds_under(Some(&now), &[failure(FailureReason::Timeout)]));
    }
}
