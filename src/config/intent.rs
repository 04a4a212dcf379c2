//! Decisions that a reviewed configuration contains: approvals, announcements and outages.

use std::time::Duration;

use anchorwatch_core::bundle::{Fingerprint, KeyType, SvidType};
use anchorwatch_core::decision::{self, Decision, DecisionAction, DecisionSource};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::untrusted::UntrustedText;

/// One authority that is explained.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApprovalEntry {
    /// The authority's fingerprint.
    pub fingerprint: Fingerprint,
    /// Why, at most 1,024 bytes.
    pub reason: UntrustedText,
    /// The person who decided; `None` where the configuration names nobody.
    pub by: Option<UntrustedText>,
}

/// Authorities that will be published: a [`decision::Announcement`], with its reason.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AnnouncementEntry {
    /// What they sign.
    pub svid_type: SvidType,
    /// The number of authorities, from 1 up.
    pub count: u8,
    /// The earliest moment at which they are published.
    pub not_before: Timestamp,
    /// The latest moment at which they are published.
    pub not_after: Timestamp,
    /// What their keys are made of, where that differs from those before.
    pub key_type: Option<KeyType>,
    /// The longest lifetime, where that differs from those before.
    pub max_lifetime: Option<Duration>,
    /// Why, at most 1,024 bytes.
    pub reason: UntrustedText,
    /// The person who decided; `None` where the configuration names nobody.
    pub by: Option<UntrustedText>,
}

/// An outage that is announced: a [`decision::Outage`], with its reason.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OutageEntry {
    /// When it begins.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
    /// Why, at most 1,024 bytes.
    pub reason: UntrustedText,
    /// The person who decided; `None` where the configuration names nobody.
    pub by: Option<UntrustedText>,
}

impl OutageEntry {
    /// The decision that this line is.
    pub fn decision(&self) -> Decision {
        let Self { not_before, not_after, .. } = *self;
        let outage = decision::Outage { not_before, not_after };
        let action = DecisionAction::AnnounceOutage { outage };
        decision(action, self.by.as_ref(), &self.reason)
    }
}

impl ApprovalEntry {
    /// The decision that this line is.
    pub fn decision(&self) -> Decision {
        let action = DecisionAction::Approve { fingerprint: self.fingerprint };
        decision(action, self.by.as_ref(), &self.reason)
    }
}

impl AnnouncementEntry {
    /// The decision that this line is.
    pub fn decision(&self) -> Decision {
        let announcement = decision::Announcement {
            svid_type: self.svid_type,
            count: self.count,
            not_before: self.not_before,
            not_after: self.not_after,
            key_type: self.key_type.clone(),
            max_lifetime: self.max_lifetime,
        };
        decision(DecisionAction::Announce { announcement }, self.by.as_ref(), &self.reason)
    }
}

fn decision(
    action: DecisionAction,
    by: Option<&UntrustedText>,
    reason: &UntrustedText,
) -> Decision {
    let (by, reason) = (by.cloned().unwrap_or_default(), reason.clone());
    Decision { action, by, reason, uid: None, source: DecisionSource::Configuration }
}
