//! What a step did: the journal's payload.

#![expect(clippy::wildcard_enum_match_arm, reason = "a new variant is none of those here")]

mod name;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    ConsumerRefusal, FailureReason, Leaf, Policy, Presented, Sighting, Standing, TrustOrigin,
    UnrecordedKeys,
};
use crate::bundle::{
    Authority, AuthorityId, Digest, Fingerprint, Irregularity, StatedNumber, Validity,
};
use crate::decision::Decision;
use crate::finding::evidence::EndpointDifference;
use crate::finding::{Ending, Finding, FindingId, FindingKind, Room, Severity};
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
    /// The key set, the sequence or the hint is another than before. It brings the facts forward
    /// once, by all of the change: each new key is on record by then, by an
    /// [`Event::AuthorityIntroduced`] of the same time before it.
    BundleChanged {
        /// The digest of the key set.
        content: Digest,
        /// The digest of the document as stored.
        body: Digest,
        /// Its length in bytes.
        length: u64,
        /// The sequence number that it states.
        sequence: StatedNumber,
        /// The refresh hint that it states, in seconds.
        refresh_hint: StatedNumber,
        /// The last good poll before: the change lies after it.
        after: Option<Timestamp>,
        /// The address that served it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<IpAddr>,
        /// The poll that first showed the change: an earlier one, where it stepped back and waited
        /// for a second poll.
        first_shown: Timestamp,
        /// The authorities that came.
        introduced: Vec<AuthorityId>,
        /// The authorities that went.
        removed: Vec<AuthorityId>,
        /// The new keys that follow in no event of their own, since the daily budget is spent. Then
        /// the document is not stored either.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unrecorded: Option<UnrecordedKeys>,
    },
    /// An authority is in the bundle that was not in the one before. What it is follows from the
    /// [`Event::BundleChanged`] that names it.
    AuthorityIntroduced {
        /// The key.
        authority: Arc<Authority>,
        /// When it was published.
        published: Bracket,
        /// When it had been removed, where it was known before and comes back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        returned_after: Option<Bracket>,
    },
    /// An authority is no longer in the bundle. The [`Event::BundleChanged`] before it has said so
    /// already: this one is what the record of that authority alone is read from.
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
    UnconfirmedAuthoritySeen {
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
        /// Its length in bytes.
        #[serde(default)]
        length: u64,
        /// Whether its document is not stored, since the daily budget is spent.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unstored: bool,
        /// Its sequence number.
        sequence: StatedNumber,
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
        sequence: StatedNumber,
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
        sequence: StatedNumber,
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
    /// A good poll came after a date that it shows no publication for.
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
        /// What differs.
        what: Vec<EndpointDifference>,
        /// Whether keys changed in the same poll.
        with_keys: bool,
    },
    /// The name of the endpoint has addresses in networks that were not known to be its own.
    NetworksFound {
        /// The /24 and /48 networks, each by its first address, at most 64.
        networks: Vec<IpAddr>,
    },
    /// Tokens under a key ID were sighted somewhere: bounds that moved, never a token.
    KidSighted {
        /// The bounds from now on.
        #[serde(flatten)]
        sighting: Sighting,
        /// Who reported them: `file`, or `uid` and the user ID of the process that did.
        #[serde(default, skip_serializing_if = "str::is_empty")]
        reporter: Box<str>,
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
    /// More findings came up than their room holds: so many are counted and not raised.
    FindingsLeftOut {
        /// The room that is full.
        #[serde(flatten)]
        room: Room,
        /// The most urgent of them.
        severity: Severity,
        /// How many came up since they were last counted.
        count: u64,
        /// How many of all that were left out are true now.
        waiting: u64,
    },
    /// The domain exceeded its daily budget: until the day ends, in UTC, changes are recorded in
    /// reduced form.
    BudgetExceeded {
        /// How many events it had recorded that day.
        events: u64,
        /// How many bytes they and their bodies took.
        bytes: u64,
    },
}

impl Event {
    /// The authority that it is about, where it is about one.
    pub fn authority(&self) -> Option<AuthorityId> {
        match self {
            Self::AuthorityIntroduced { authority, .. }
            | Self::AuthorityRelabelled { authority, .. }
            | Self::UnconfirmedAuthoritySeen { authority, .. } => Some(authority.id),
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
            Self::BundleChanged { body, unrecorded: None, .. }
            | Self::SteppedBack { body, unstored: false, .. } => Some(*body),
            _ => None,
        }
    }
}
