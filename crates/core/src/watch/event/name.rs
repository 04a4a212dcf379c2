//! What events are called in the journal, in metrics and in the API.

use super::Event;

impl Event {
    /// The names of all kinds, as they stand in the journal.
    pub const NAMES: [&str; 32] = [
        "endpoint_configured",
        "first_contact",
        "bundle_changed",
        "authority_introduced",
        "authority_removed",
        "authority_relabelled",
        "unconfirmed_authority_seen",
        "authority_signed",
        "stepped_back",
        "step_back_confirmed",
        "address_differs",
        "failure_began",
        "denied_signer_seen",
        "denied_signer_gone",
        "recovered",
        "watch_gap",
        "clock_stepped_back",
        "irregularities_changed",
        "consumers_changed",
        "rebootstrapped",
        "policy_changed",
        "authority_judged",
        "dates_passed",
        "intermediate_seen",
        "endpoint_shifted",
        "networks_found",
        "kid_sighted",
        "decided",
        "finding_raised",
        "finding_ended",
        "findings_left_out",
        "budget_exceeded",
    ];

    /// The name of the kind, as it stands in the journal.
    pub fn name(&self) -> &'static str {
        match self {
            Self::EndpointConfigured { .. } => "endpoint_configured",
            Self::FirstContact { .. } => "first_contact",
            Self::BundleChanged { .. } => "bundle_changed",
            Self::AuthorityIntroduced { .. } => "authority_introduced",
            Self::AuthorityRemoved { .. } => "authority_removed",
            Self::AuthorityRelabelled { .. } => "authority_relabelled",
            Self::UnconfirmedAuthoritySeen { .. } => "unconfirmed_authority_seen",
            Self::AuthoritySigned { .. } => "authority_signed",
            Self::SteppedBack { .. } => "stepped_back",
            Self::StepBackConfirmed { .. } => "step_back_confirmed",
            Self::AddressDiffers { .. } => "address_differs",
            Self::FailureBegan { .. } => "failure_began",
            Self::DeniedSignerSeen { .. } => "denied_signer_seen",
            Self::DeniedSignerGone { .. } => "denied_signer_gone",
            Self::Recovered { .. } => "recovered",
            Self::WatchGap { .. } => "watch_gap",
            Self::ClockSteppedBack { .. } => "clock_stepped_back",
            Self::IrregularitiesChanged { .. } => "irregularities_changed",
            Self::ConsumersChanged { .. } => "consumers_changed",
            Self::Rebootstrapped { .. } => "rebootstrapped",
            Self::PolicyChanged { .. } => "policy_changed",
            Self::AuthorityJudged { .. } => "authority_judged",
            Self::DatesPassed { .. } => "dates_passed",
            Self::IntermediateSeen { .. } => "intermediate_seen",
            Self::EndpointShifted { .. } => "endpoint_shifted",
            Self::NetworksFound { .. } => "networks_found",
            Self::KidSighted { .. } => "kid_sighted",
            Self::Decided { .. } => "decided",
            Self::FindingRaised { .. } => "finding_raised",
            Self::FindingEnded { .. } => "finding_ended",
            Self::FindingsLeftOut { .. } => "findings_left_out",
            Self::BudgetExceeded { .. } => "budget_exceeded",
        }
    }
}
