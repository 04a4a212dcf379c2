//! What operators send over the admin socket, as JSON. What a request may not say is refused here;
//! whether it makes sense is decided by who knows the state.

use serde::Deserialize;

use crate::decision::Decision;
use crate::spiffe::TrustDomain;

/// The body of `POST /admin/v1/decisions`.
#[derive(Debug, Deserialize)]
pub struct DecisionRequest {
    /// The trust domain that the decision is about, where it is about one.
    #[serde(default)]
    pub trust_domain: Option<TrustDomain>,
    /// Whether only the effect is wanted, and nothing is decided.
    #[serde(default)]
    pub preview: bool,
    /// The decision. The kernel names who asks, whatever stands here.
    #[serde(flatten)]
    pub decision: Decision,
}

/// The body of `POST /admin/v1/rebootstrap`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RebootstrapRequest {
    /// The trust domain whose endpoint is authenticated anew.
    pub trust_domain: TrustDomain,
    /// The bundle, in SPIFFE or PEM form.
    pub bundle: String,
    /// Name of the person who decides.
    pub by: String,
    /// Reason of the decision.
    pub reason: String,
}
