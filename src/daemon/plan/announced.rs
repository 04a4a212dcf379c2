//! What is said beforehand: authorities that are to come, and an endpoint that is to be away.

use std::time::Duration;

use super::{Plan, one, refused};
use crate::web::BackendError;
use anchorwatch_core::decision::{Announcement, Decision, Outage};
use anchorwatch_core::view::DomainView;

/// The most authorities of one announcement, as in a configuration.
const MOST_ANNOUNCED: u8 = 64;

pub(super) fn announce(
    domain: &DomainView,
    announcement: &Announcement,
    decision: &Decision,
) -> Result<Plan, BackendError> {
    let Announcement { svid_type, count, not_before, not_after, .. } = announcement;
    if !(1..=MOST_ANNOUNCED).contains(count) {
        return Err(refused(format!("the count is {count}: 1 to {MOST_ANNOUNCED} are allowed")));
    }
    match not_after.since(*not_before) {
        None | Some(Duration::ZERO) => {
            return Err(refused("the window ends before it begins: not_after is not later"));
        }
        Some(window) if Announcement::LONGEST < window => {
            return Err(refused(
                "the window is longer than 366 days: announce a date that is known",
            ));
        }
        Some(_) => (),
    }
    let name = &domain.endpoint.trust_domain;
    let effect = format!(
        "explained: {count} {} published by {name} between {not_before} and {not_after} that fit no date of a lineage",
        svid_type.label(),
    );
    let mut plan = one(domain, decision, effect);
    let key_type = announcement.key_type.as_ref();
    plan.effect.extend(key_type.map(|kind| format!("  with {kind} keys")));
    let lifetime = announcement.max_lifetime.map(humantime::format_duration);
    plan.effect.extend(lifetime.map(|lifetime| format!("  with a lifetime of at most {lifetime}")));
    Ok(plan)
}

pub(super) fn away(
    domain: &DomainView,
    outage: &Outage,
    decision: &Decision,
) -> Result<Plan, BackendError> {
    let Outage { not_before, not_after } = outage;
    match not_after.since(*not_before) {
        None | Some(Duration::ZERO) => {
            return Err(refused("the outage ends before it begins: not_after is not later"));
        }
        Some(lasting) if Outage::LONGEST < lasting => {
            return Err(refused("the outage is longer than 30 days: announce a part of it"));
        }
        Some(_) => (),
    }
    let name = &domain.endpoint.trust_domain;
    let effect = format!(
        "held back: source_stale and trust_domain_blind of {name} between {not_before} and {not_after}, and three intervals longer; not lockout_imminent"
    );
    Ok(one(domain, decision, effect))
}
