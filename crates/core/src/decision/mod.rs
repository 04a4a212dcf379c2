//! What operators decide: announce before, approve, deny or acknowledge after.
//!
//! Invariant: a decision names who and why, and is in the journal before it has an effect. What a
//! decision explains is said here; what it ends is for [`judge`](crate::judge).

mod announcement;
mod carried;
mod denials;
mod outage;
mod shared;
mod standing;

pub use announcement::{Announced, Announcement};
pub use carried::denials_to_carry;
pub use denials::{Approval, Denial, Denials};
pub use outage::{AnnouncedOutage, Outage};
pub use shared::SharedAuthority;
pub use standing::Decisions;

use serde::{Deserialize, Serialize};

use crate::bundle::{Fingerprint, PublicKeyId};
use crate::finding::FindingId;
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;

/// What an operator decided.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Decision {
    /// What.
    #[serde(flatten)]
    pub action: DecisionAction,
    /// Who, by their own word.
    #[serde(default, skip_serializing_if = "UntrustedText::is_empty")]
    pub by: UntrustedText,
    /// Why.
    #[serde(default, skip_serializing_if = "UntrustedText::is_empty")]
    pub reason: UntrustedText,
    /// The user ID of the process that asked, by the kernel's word; `None` where it stands in the
    /// configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Where it came from.
    #[serde(default)]
    pub source: DecisionSource,
}

/// Where a decision came from.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionSource {
    /// A command, or the interface that commands use.
    #[default]
    Operator,
    /// The configuration: when the line goes, the decision is withdrawn.
    Configuration,
}

/// What was decided. The form in the journal is a contract: fields are added, never renamed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub enum DecisionAction {
    /// Authorities are to come.
    Announce {
        /// Which, and when.
        #[serde(flatten)]
        announcement: Announcement,
    },
    /// The endpoint is to be away.
    AnnounceOutage {
        /// When.
        #[serde(flatten)]
        outage: Outage,
    },
    /// An authority is explained.
    Approve {
        /// Which.
        fingerprint: Fingerprint,
    },
    /// An authority is rogue: its public key, everywhere and for ever.
    Deny {
        /// Which.
        fingerprint: Fingerprint,
        /// Its public key, where it was seen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        public_key: Option<PublicKeyId>,
        /// Whether it holds although the key stands explained in another trust domain.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        everywhere: bool,
        /// When it was denied, where that was before it was journaled here: in another trust
        /// domain, or before its public key was known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        denied_at: Option<Timestamp>,
    },
    /// A finding was looked at.
    Ack {
        /// Which.
        finding: FindingId,
    },
    /// The first bundle is what the next ones are compared with, whatever authenticated it.
    Baseline,
    /// A lineage ended on purpose: its missed date is not waited for.
    RetireLineage {
        /// Which.
        lineage: u32,
    },
    /// A line went out of the configuration: its approval holds for nothing new.
    WithdrawApproval {
        /// Of which authority.
        fingerprint: Fingerprint,
    },
    /// A line went out of the configuration: its announcement explains nothing any more.
    WithdrawAnnouncement {
        /// Which.
        #[serde(flatten)]
        announcement: Announcement,
    },
    /// A line went out of the configuration: its outage holds nothing back any more.
    WithdrawOutage {
        /// Which.
        #[serde(flatten)]
        outage: Outage,
    },
}

impl DecisionAction {
    /// The words for all of them.
    pub const NAMES: [&str; 10] = [
        "announce",
        "announce-outage",
        "approve",
        "deny",
        "ack",
        "baseline",
        "retire-lineage",
        "withdraw-approval",
        "withdraw-announcement",
        "withdraw-outage",
    ];

    /// The word for it: a command's name, where it is one.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Announce { .. } => "announce",
            Self::AnnounceOutage { .. } => "announce-outage",
            Self::Approve { .. } => "approve",
            Self::Deny { .. } => "deny",
            Self::Ack { .. } => "ack",
            Self::Baseline => "baseline",
            Self::RetireLineage { .. } => "retire-lineage",
            Self::WithdrawApproval { .. } => "withdraw-approval",
            Self::WithdrawAnnouncement { .. } => "withdraw-announcement",
            Self::WithdrawOutage { .. } => "withdraw-outage",
        }
    }

    /// What takes this back, where anything does.
    pub fn withdrawal(&self) -> Option<Self> {
        match self {
            Self::Approve { fingerprint } => {
                Some(Self::WithdrawApproval { fingerprint: *fingerprint })
            }
            Self::Announce { announcement } => {
                Some(Self::WithdrawAnnouncement { announcement: announcement.clone() })
            }
            Self::AnnounceOutage { outage } => Some(Self::WithdrawOutage { outage: *outage }),
            Self::Deny { .. }
            | Self::Ack { .. }
            | Self::Baseline
            | Self::RetireLineage { .. }
            | Self::WithdrawApproval { .. }
            | Self::WithdrawAnnouncement { .. }
            | Self::WithdrawOutage { .. } => None,
        }
    }

    /// What this takes back, where it takes anything back.
    pub fn withdrawn(&self) -> Option<Self> {
        match self {
            Self::WithdrawApproval { fingerprint } => {
                Some(Self::Approve { fingerprint: *fingerprint })
            }
            Self::WithdrawAnnouncement { announcement } => {
                Some(Self::Announce { announcement: announcement.clone() })
            }
            Self::WithdrawOutage { outage } => Some(Self::AnnounceOutage { outage: *outage }),
            Self::Announce { .. }
            | Self::AnnounceOutage { .. }
            | Self::Approve { .. }
            | Self::Deny { .. }
            | Self::Ack { .. }
            | Self::Baseline
            | Self::RetireLineage { .. } => None,
        }
    }
}
