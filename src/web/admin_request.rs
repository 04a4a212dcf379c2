//! What operators send over the admin socket, as JSON. What a request may not say is refused here;
//! whether it makes sense is decided by who knows the state.

use serde::Deserialize;

use anchorwatch_core::decision::DecisionAction;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::untrusted::UntrustedText;

/// The body of `POST /admin/v1/decisions`: what one person decides for one reason. All of it holds,
/// or nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    /// The trust domain that the decisions are about, where they are about one.
    #[serde(default)]
    pub trust_domain: Option<TrustDomain>,
    /// Whether only the effect is wanted, and nothing is decided.
    #[serde(default)]
    pub preview: bool,
    /// Name of the person who decides. The kernel names the user ID beside it.
    pub by: UntrustedText,
    /// Reason of the decisions.
    pub reason: UntrustedText,
    /// The decisions, each with its own members.
    pub decisions: Vec<DecisionAction>,
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
    pub by: UntrustedText,
    /// Reason of the decision.
    pub reason: UntrustedText,
}
