//! What a rebootstrap comes to: which authorities of the operator's file authenticate from now on.

use std::sync::Arc;

use super::{Event, Facts};
use crate::bundle::{Authority, AuthorityId, SvidType};
use crate::decision::{Decision, DecisionAction, DecisionSource};
use crate::untrusted::UntrustedText;

/// What a rebootstrap comes to.
#[derive(Clone, Debug)]
pub struct Rebootstrap {
    /// What is journaled, in order: what authenticates from now on, then an approval each.
    pub events: Vec<Event>,
    /// How many X.509 authorities authenticate from now on.
    pub authorities: usize,
    /// The authorities of the file that are denied: they are neither approved nor trusted.
    pub denied: Vec<AuthorityId>,
}

/// Every X.509 authority of the file is denied.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("every X.509 authority of the file is denied: {}", list(.denied))]
pub struct OnlyDenied {
    /// The denied authorities.
    pub denied: Vec<AuthorityId>,
}

fn list(denied: &[AuthorityId]) -> String {
    /// How many are named.
    const MOST: usize = 8;
    let named: Vec<String> =
        denied.iter().take(MOST).map(|id| id.fingerprint.to_string()).collect();
    match denied.len().saturating_sub(MOST) {
        0 => named.join(", "),
        more => format!("{}, and {more} more", named.join(", ")),
    }
}

impl Rebootstrap {
    /// What it comes to that `by` replaces what authenticates by these authorities of a file.
    ///
    /// An authority that is denied stays so: a file that somebody wrote long ago overrides no
    /// denial. Where no other X.509 authority is listed, nothing happens.
    pub fn plan(
        facts: &Facts,
        listed: Vec<Arc<Authority>>,
        by: &UntrustedText,
        reason: &UntrustedText,
        uid: Option<u32>,
    ) -> Result<Self, OnlyDenied> {
        let mut denials = facts.decisions.denials();
        for authority in &listed {
            denials.recognize(authority);
        }
        let (denied, taken): (Vec<_>, Vec<_>) =
            listed.into_iter().partition(|authority| denials.of(authority).is_some());
        let denied: Vec<AuthorityId> = denied.iter().map(|authority| authority.id).collect();
        let approve = |authority: &Arc<Authority>| Event::Decided {
            decision: Decision {
                action: DecisionAction::Approve { fingerprint: authority.id.fingerprint },
                by: by.clone(),
                reason: format!("rebootstrap: {}", reason.as_received()).into(),
                uid,
                source: DecisionSource::Operator,
            },
        };
        let approvals: Vec<Event> = taken.iter().map(approve).collect();
        let x509 = |id: &AuthorityId| id.svid_type == SvidType::X509;
        let authorities: Vec<_> = taken.into_iter().filter(|one| x509(&one.id)).collect();
        if authorities.is_empty() && denied.iter().any(x509) {
            return Err(OnlyDenied { denied });
        }
        let count = authorities.len();
        let (by, reason) = (by.clone(), reason.clone());
        let mut events = vec![Event::Rebootstrapped { by, uid, reason, authorities }];
        events.extend(approvals);
        Ok(Self { events, authorities: count, denied })
    }
}
