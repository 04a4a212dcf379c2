//! What a step did: the journal's payload.

#![expect(clippy::wildcard_enum_match_arm, reason = "a new variant is none of those here")]

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    ConsumerRefusal, FailureReason, Leaf, Policy, Presented, Sighting, Standing, TrustOrigin,
};
use crate::bundle::{Authority, AuthorityId, Digest, Fingerprint, Irregularity, Stated, Validity};
use crate::decision::Decision;
use crate::finding::{Ending, Finding, FindingId, FindingKind};
use crate::spiffe::BundleEndpoint;
use crate::time::{Bracket, Timestamp};
use crate::untrusted::UntrustedText;

/// What happened to one trust domain. Each is a fact, enough in itself to bring the facts forward
/// in a replay; none is a judgement. The form in the journal is a contract: fields are added,
/// never renamed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The watch over a relationship began, or goes on after its endpoint was changed in the
    /// configuration. Trust is kept.
    EndpointConfigured {
        /// The endpoint from now on.
        endpoint: BundleEndpoint,
        /// The endpoint until now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<BundleEndpoint>,
    },
    /// The first bundle ever: the baseline.
    FirstContact {
        /// What authenticated it; `None` under `https_web`.
        authenticated_by: Option<TrustOrigin>,
        /// The X.509 authorities of the bootstrap file, where one authenticated it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bootstrap: Vec<AuthorityId>,
    },
    /// The key set, the sequence or the hint is another than before. The authorities that came
    /// and went follow as events of their own, with the same time.
    BundleChanged {
        /// The digest of the key set.
        content: Digest,
        /// The digest of the document as stored.
        body: Digest,
        /// Its length in bytes.
        length: u64,
        /// The sequence number that it states.
        sequence: Stated,
        /// The refresh hint that it states, in seconds.
        refresh_hint: Stated,
        /// The last good poll before: the change lies after it.
        after: Option<Timestamp>,
        /// The address that served it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<IpAddr>,
        /// How many authorities came.
        introduced: u32,
        /// How many authorities went.
        removed: u32,
    },
    /// An authority is in the bundle that was not in the one before.
    AuthorityIntroduced {
        /// The key.
        authority: Arc<Authority>,
        /// When it was published.
        published: Bracket,
        /// When it had been removed, where it was known before and comes back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        returned_after: Option<Bracket>,
    },
    /// An authority is no longer in the bundle.
    AuthorityRemoved {
        /// Which.
        authority: AuthorityId,
        /// When.
        removed: Bracket,
    },
    /// An authority carries another key ID than before.
    AuthorityRelabelled {
        /// The key with the key ID that it carries from now on.
        authority: Arc<Authority>,
        /// The key ID that it carried before.
        previous: Option<UntrustedText>,
    },
    /// An authority never seen before stands in an answer that is not the state: one that is
    /// pending, or another address's.
    AuthorityGlimpsed {
        /// The key.
        authority: Arc<Authority>,
        /// When that answer first held it.
        seen: Bracket,
    },
    /// The endpoint presented an SVID that this authority signed: the first one seen, or one with
    /// an earlier `notBefore` than any before.
    AuthoritySigned {
        /// The X.509 authority.
        authority: AuthorityId,
        /// The SVID.
        leaf: Leaf,
    },
    /// An answer stepped back: under a lower sequence than the state, or without one and equal to
    /// an older state. Pending, until two polls `replica_lag` apart agree. Recorded once for each
    /// key set and sequence.
    SteppedBack {
        /// The digest of its key set.
        content: Digest,
        /// The digest of its document as stored.
        body: Digest,
        /// Its sequence number.
        sequence: Stated,
        /// The address that served it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<IpAddr>,
        /// How many authorities of the state it lacks.
        lacks: u32,
        /// How many authorities it has that the state lacks.
        adds: u32,
    },
    /// A step back was confirmed: a new epoch begins, and the change of the bundle follows.
    StepBackConfirmed {
        /// The digest of the key set that is the state from now on.
        content: Digest,
        /// Its sequence number.
        sequence: Stated,
        /// The poll that first showed it.
        since: Timestamp,
    },
    /// Another address of the endpoint answered with another key set or sequence than the state.
    /// Recorded once for each address, key set and sequence.
    AddressDiffers {
        /// The address.
        address: IpAddr,
        /// The digest of its key set.
        content: Digest,
        /// Its sequence number.
        sequence: Stated,
    },
    /// Polls fail, or fail for another reason than before.
    FailureBegan {
        /// Why.
        reason: FailureReason,
        /// What went wrong, in words.
        detail: UntrustedText,
        /// The address that was connected to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<IpAddr>,
        /// What the endpoint presented.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        presented: Option<Presented>,
        /// The denied authorities that the reason is about, as they were denied.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        denied: Vec<Fingerprint>,
    },
    /// An answer came under a certificate that rests on a denied key. Nothing of it was taken in.
    /// Recorded once for each key, until it was not seen for a while.
    DeniedSignerSeen {
        /// The denied authority, as it was denied.
        authority: AuthorityId,
        /// The address that answered so first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<IpAddr>,
        /// What it presented.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        presented: Option<Presented>,
    },
    /// No answer has rested on this denied key for a while in which good polls were made.
    DeniedSignerGone {
        /// The denied authority, as it was denied.
        authority: AuthorityId,
    },
    /// Polls succeed again.
    Recovered {
        /// How many polls had failed in a row; 0 says that none had, and that the state is what an
        /// operator's new file authenticated.
        failures: u32,
        /// When the first of them failed.
        since: Timestamp,
    },
    /// The monitor itself was away for more than three intervals.
    WatchGap {
        /// The last poll before.
        after: Timestamp,
        /// How long it was away.
        away: Duration,
    },
    /// The wall clock stands earlier than at the last poll.
    ClockSteppedBack {
        /// The last poll's time.
        from: Timestamp,
    },
    /// The document departs from the standard in other ways than before; empty: in none any more.
    IrregularitiesChanged {
        /// All that it has now, at most 64.
        irregularities: Vec<Irregularity>,
    },
    /// Other consumers than before would refuse the document; empty: none any more.
    ConsumersChanged {
        /// All that would refuse it now.
        refusals: Vec<ConsumerRefusal>,
    },
    /// An operator replaced what authenticates the endpoint, after a lockout.
    Rebootstrapped {
        /// Who, by their own word.
        by: UntrustedText,
        /// The user ID of the process that asked, by the kernel's word.
        uid: Option<u32>,
        /// Why.
        reason: UntrustedText,
        /// The X.509 authorities that authenticate from now on.
        authorities: Vec<Arc<Authority>>,
    },
    /// From now on the domain is watched and judged by these rules.
    PolicyChanged {
        /// The rules.
        policy: Box<Policy>,
    },
    /// A new authority was judged when it came.
    AuthorityJudged {
        /// Which.
        authority: AuthorityId,
        /// What explains it, or nothing does.
        #[serde(flatten)]
        standing: Standing,
    },
    /// A good poll came after a date that it shows no birth for.
    DatesPassed {
        /// The good poll.
        good: Timestamp,
    },
    /// The endpoint presented an intermediate of another lifetime than before.
    IntermediateSeen {
        /// From when until when it is valid.
        #[serde(flatten)]
        validity: Validity,
    },
    /// The endpoint is another than before in a way that may mean a takeover.
    EndpointShifted {
        /// What differs, in words. Foreign text in them is escaped.
        what: Vec<Box<str>>,
        /// Whether keys changed in the same poll.
        with_keys: bool,
    },
    /// Tokens under a key ID were sighted somewhere: bounds that moved, never a token.
    KidSighted {
        /// The bounds from now on.
        #[serde(flatten)]
        sighting: Sighting,
    },
    /// An operator decided.
    Decided {
        /// What, who and why.
        #[serde(flatten)]
        decision: Decision,
    },
    /// Something came up that someone must look at.
    FindingRaised {
        /// What.
        finding: Finding,
    },
    /// Something that someone had to look at was decided or explained.
    FindingEnded {
        /// Which.
        finding: FindingId,
        /// What it was about.
        kind: FindingKind,
        /// How.
        ending: Ending,
    },
    /// The domain exceeded its daily budget: until the day ends, in UTC, changes are counted and
    /// not recorded.
    BudgetExceeded {
        /// How many events it had recorded that day.
        events: u64,
        /// How many bytes they and their bodies took.
        bytes: u64,
    },
}

impl Event {
    /// The names of all kinds, as they stand in the journal.
    pub const NAMES: [&str; 30] = [
        "endpoint_configured",
        "first_contact",
        "bundle_changed",
        "authority_introduced",
        "authority_removed",
        "authority_relabelled",
        "authority_glimpsed",
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
        "kid_sighted",
        "decided",
        "finding_raised",
        "finding_ended",
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
            Self::AuthorityGlimpsed { .. } => "authority_glimpsed",
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
            Self::KidSighted { .. } => "kid_sighted",
            Self::Decided { .. } => "decided",
            Self::FindingRaised { .. } => "finding_raised",
            Self::FindingEnded { .. } => "finding_ended",
            Self::BudgetExceeded { .. } => "budget_exceeded",
        }
    }

    /// About how many bytes it takes in the store, with the body that it brings: what counts
    /// against the daily budget.
    pub fn weight(&self) -> u64 {
        /// An entry without a certificate, with its hash and its place in the index.
        const ENTRY: u64 = 512;
        let certificate = |authority: &Authority| {
            let der =
                authority.certificate.as_ref().map_or(0, |certificate| certificate.der().len());
            // Base64 makes four characters of three bytes.
            u64::try_from(der).unwrap_or(u64::MAX).saturating_mul(4) / 3
        };
        ENTRY.saturating_add(match self {
            Self::BundleChanged { length, .. } => *length,
            Self::AuthorityIntroduced { authority, .. }
            | Self::AuthorityRelabelled { authority, .. }
            | Self::AuthorityGlimpsed { authority, .. } => certificate(authority),
            _ => 0,
        })
    }

    /// The authority that it is about, where it is about one.
    pub fn authority(&self) -> Option<AuthorityId> {
        match self {
            Self::AuthorityIntroduced { authority, .. }
            | Self::AuthorityRelabelled { authority, .. }
            | Self::AuthorityGlimpsed { authority, .. } => Some(authority.id),
            Self::AuthorityRemoved { authority, .. }
            | Self::AuthoritySigned { authority, .. }
            | Self::DeniedSignerSeen { authority, .. }
            | Self::DeniedSignerGone { authority }
            | Self::AuthorityJudged { authority, .. } => Some(*authority),
            _ => None,
        }
    }

    /// The stored document that it names, where it names one.
    pub fn body(&self) -> Option<Digest> {
        match self {
            Self::BundleChanged { body, .. } | Self::SteppedBack { body, .. } => Some(*body),
            _ => None,
        }
    }
}
