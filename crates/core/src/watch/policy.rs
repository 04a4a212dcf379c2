//! Every threshold that a step or a judgement takes, each with the reason for its default.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Budget, IssuerModel, JudgementPolicy};
use crate::bundle::consumer::Consumer;
use crate::finding::Severities;

/// How often an endpoint is polled.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PollInterval {
    /// A quarter of the refresh hint, as SPIRE does, within [15 s, 5 min], with jitter.
    #[default]
    Auto,
    /// As the operator says, from 1 s up.
    Every(Duration),
}

/// Whether a first bundle that no bootstrap file authenticated may be the baseline.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BaselinePolicy {
    /// Only an operator's decision makes it one.
    #[default]
    Explicit,
    /// The configuration says that it is one.
    TrustOnFirstUse,
}

/// What a trust domain is watched and judged by. Journaled when it changes, so that the facts say
/// by which rules they were made.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct Policy {
    /// How often it is polled.
    pub poll_interval: PollInterval,
    /// The longest that one poll may take.
    pub timeout: Duration,
    /// The longest JWT-SVID lifetime; `None` where nobody said.
    pub max_jwt_svid_ttl: Option<Duration>,
    /// The longest X509-SVID lifetime; `None` where nobody said.
    pub max_x509_svid_ttl: Option<Duration>,
    /// How far clocks may differ.
    pub clock_skew: Duration,
    /// What validators add to a token's `exp`.
    pub validator_leeway: Duration,
    /// How long replicas of one endpoint may lag behind each other.
    pub replica_lag: Duration,
    /// Whether the first bundle may be the baseline without a bootstrap file.
    pub baseline: BaselinePolicy,
    /// Who uses the bundle: the slowest of them is D.
    pub consumers: Vec<Consumer>,
    /// How the issuer rotates.
    pub issuer: IssuerModel,
    /// What an unexplained authority is.
    pub judgement: JudgementPolicy,
    /// Severities that differ from the findings' own.
    #[serde(skip_serializing_if = "Severities::is_empty")]
    pub severity: Severities,
    /// What the domain may record in a day.
    pub daily_budget: Budget,
}

impl Policy {
    /// Long enough for a far endpoint with a slow disk, short beside any interval.
    pub const TIMEOUT: Duration = Duration::from_secs(10);
    /// Nodes that keep time by NTP differ by less; a minute covers a lost peer.
    pub const CLOCK_SKEW: Duration = Duration::from_mins(1);
    /// go-jose's default leeway, which SPIRE and go-spiffe use (JWT-SVID, appendix A).
    pub const VALIDATOR_LEEWAY: Duration = Duration::from_mins(1);
    /// SPIRE's replicas read one row through a cache of a second; a CDN may take longer.
    pub const REPLICA_LAG: Duration = Duration::from_secs(30);
    /// T for JWT-SVIDs where nobody said: SPIRE's Helm chart has 1 h, SPIRE itself 5 min.
    pub const ASSUMED_JWT_TTL: Duration = Duration::from_hours(1);
    /// T for X509-SVIDs where nobody said: SPIRE's Helm chart has 4 h, SPIRE itself 1 h.
    pub const ASSUMED_X509_TTL: Duration = Duration::from_hours(4);

    /// σ: how long after its `exp` a token may still be accepted.
    pub fn sigma(&self) -> Duration {
        self.clock_skew.saturating_add(self.validator_leeway)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            poll_interval: PollInterval::Auto,
            timeout: Self::TIMEOUT,
            max_jwt_svid_ttl: None,
            max_x509_svid_ttl: None,
            clock_skew: Self::CLOCK_SKEW,
            validator_leeway: Self::VALIDATOR_LEEWAY,
            replica_lag: Self::REPLICA_LAG,
            baseline: BaselinePolicy::Explicit,
            consumers: Consumer::DEFAULT.to_vec(),
            issuer: IssuerModel::default(),
            judgement: JudgementPolicy::default(),
            severity: Severities::default(),
            daily_budget: Budget::DEFAULT,
        }
    }
}
