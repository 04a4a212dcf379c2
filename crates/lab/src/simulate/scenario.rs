//! What is simulated: an issuer, what befalls it, and who looks on.

use std::time::Duration;

use super::{Incident, KeyAlgorithm};
use crate::issuer::IssuerSettings;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{Policy, PollInterval};

/// One trust domain, what befalls it, and who looks on.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub trust_domain: TrustDomain,
    /// What its servers rotate by. The world draws their [delays](IssuerSettings::delays) itself.
    pub issuer: IssuerSettings,
    /// How many servers run when the watch begins, nested ones included.
    pub replicas: u16,
    /// What its X.509 authorities are made of.
    pub x509_key: KeyAlgorithm,
    /// What its JWT authorities are made of.
    pub jwt_key: KeyAlgorithm,
    /// How long ago the servers started; `None` for so long that they prune as much as they publish.
    pub servers_age: Option<Duration>,
    /// By how much the JWT chain of a server is behind its X.509 chain at most. Each server has a share
    /// of it, by chance.
    pub longest_drift: Duration,
    /// How long the endpoint's own SVIDs live.
    pub x509_svid_ttl: Duration,
    /// How long the workloads' X509-SVIDs live: operators who wait, wait for them.
    pub workload_svid_ttl: Duration,
    /// How long JWT-SVIDs live.
    pub jwt_svid_ttl: Duration,
    /// `spiffe_refresh_hint`, in seconds; `None` leaves it out.
    pub refresh_hint: Option<u64>,
    /// By how many microseconds the issuer's clock is ahead of the true time.
    pub clock_offset: i64,
    /// The first poll, in true time. The servers ran long before it.
    pub begins: Timestamp,
    /// How long the watch lasts.
    pub lasts: Duration,
    /// Who looks on.
    pub observer: Observer,
    /// What befalls the domain, and how long after the beginning.
    pub incidents: Vec<(Duration, Incident)>,
}

impl Scenario {
    /// SPIRE's `default_x509_svid_ttl` and `default_jwt_svid_ttl`.
    const X509_SVID_TTL: Duration = Duration::from_hours(1);
    const JWT_SVID_TTL: Duration = Duration::from_mins(5);
    /// What SPIRE's endpoint states since 1.9.0.
    const REFRESH_HINT: u64 = 300;
    /// When worlds begin, unless told otherwise: 2027-01-15T08:00:00Z.
    const BEGINS: i64 = 1_800_000_000;

    /// A domain that rotates as SPIRE does, watched for 60 days, to which nothing happens.
    pub fn clean(trust_domain: TrustDomain, replicas: u16, issuer: IssuerSettings) -> Self {
        Self {
            trust_domain,
            issuer,
            replicas,
            x509_key: KeyAlgorithm::EcP256,
            jwt_key: KeyAlgorithm::EcP256,
            servers_age: None,
            longest_drift: Duration::ZERO,
            x509_svid_ttl: Self::X509_SVID_TTL,
            workload_svid_ttl: Self::X509_SVID_TTL,
            jwt_svid_ttl: Self::JWT_SVID_TTL,
            refresh_hint: Some(Self::REFRESH_HINT),
            clock_offset: 0,
            begins: Timestamp::from_unix(Self::BEGINS),
            lasts: Duration::from_hours(60 * 24),
            observer: Observer::default(),
            incidents: Vec::new(),
        }
    }

    /// The policy of a watch that polls as the observer does, and that was told the truth about the
    /// longest lifetimes.
    pub fn policy(&self) -> Policy {
        let Observer { interval, auto, replica_lag, .. } = self.observer;
        Policy {
            poll_interval: if auto { PollInterval::Auto } else { PollInterval::Every(interval) },
            max_jwt_svid_ttl: Some(self.jwt_svid_ttl),
            max_x509_svid_ttl: Some(self.workload_svid_ttl),
            replica_lag,
            ..Policy::default()
        }
    }
}

/// Who polls, and how.
#[derive(Clone, Debug)]
pub struct Observer {
    /// How often: under `auto`, a quarter of the refresh hint.
    pub interval: Duration,
    /// Whether polls are spread by ±10 % and come faster for a while after a change, as under
    /// `poll_interval: auto`.
    pub auto: bool,
    /// How many of a million polls fail by chance.
    pub failures_per_million: u32,
    /// Whether every address is asked, one a server, or the one of a balancer.
    pub probes_all_addresses: bool,
    /// How the endpoint proves who it is.
    pub authentication: Authentication,
    /// After how long an answer that steps back counts (`replica_lag`): what is trusted then.
    pub replica_lag: Duration,
    /// What is left out; `None` gives every poll.
    pub skip: Option<Skip>,
}

impl Default for Observer {
    /// As the daemon polls a SPIRE server.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(75),
            auto: true,
            failures_per_million: 10_000,
            probes_all_addresses: false,
            authentication: Authentication::Spiffe,
            replica_lag: Duration::from_secs(30),
            skip: None,
        }
    }
}

/// How an endpoint proves who it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Authentication {
    /// `https_spiffe`: by an SVID under an authority of the last bundle that counts.
    Spiffe,
    /// The SVID is looked at and not verified, as in a recording.
    Recorded,
    /// `https_web`: by a certificate that says nothing of the bundle.
    Web,
}

/// Which polls are left out, since they change nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Skip {
    /// The longest between two that are not.
    pub sparse: Duration,
    /// Whether a poll that fails alone, between two that show the same, is left out too. It is an
    /// event in the journal, so facts then differ in what was recorded.
    pub lone_failures: bool,
}
