//! Evidence about a removal: which tokens are rejected, and which law of rotation was broken.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bundle::consumer::Consumer;
use crate::bundle::{Fingerprint, SvidType};
use crate::time::{Bracket, Timestamp};

/// What is known of the removal of an authority and of its successor.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RemovalEvidence {
    /// SVIDs that the removed authority signed are rejected before they expire.
    SvidsRejected {
        /// The use of the removed authority.
        #[serde(rename = "use")]
        svid_type: SvidType,
        /// Whether what is known proves that some are rejected.
        certain: bool,
        /// The least share of the unexpired SVIDs, in percent.
        least_percent: u8,
        /// The greatest share, in percent.
        most_percent: u8,
        /// When the last of them expires.
        until: Timestamp,
    },
    /// When the authority was removed.
    Removed {
        /// Between which polls.
        removed: Bracket,
    },
    /// For how long the successor had been published at the removal.
    SuccessorPublished {
        /// The successor.
        successor: Fingerprint,
        /// The shortest time that the polls allow.
        least: Duration,
        /// The longest time that the polls allow.
        most: Duration,
    },
    /// It was the only authority of its use, and no successor was published.
    NoSuccessor,
    /// Which authority is its successor is not known.
    SuccessorUnknown,
    /// How long an SVID may be valid, and where that value comes from.
    LongestLifetime {
        /// The use of the SVIDs.
        #[serde(rename = "use")]
        svid_type: SvidType,
        /// The longest lifetime.
        lifetime: Duration,
        /// Where the value comes from.
        source: TtlSource,
        /// How long past expiry validators accept an SVID.
        leeway: Duration,
    },
    /// The sequence number had changed without a visible change shortly before.
    TaintBefore,
    /// It was removed before what it had signed until its successor's publication expired.
    RemovedBeforeExpiry {
        /// The use of the removed authority.
        #[serde(rename = "use")]
        svid_type: SvidType,
        /// The longest time from the successor's publication to the removal.
        after_successor: Duration,
        /// How long an SVID that it signed can be accepted.
        valid_for: Duration,
    },
    /// The last authority of its use was removed.
    LastRemoved {
        /// The use of the removed authority.
        #[serde(rename = "use")]
        svid_type: SvidType,
    },
    /// By its issuer's schedule it signed until shortly before.
    SignedUntil {
        /// When it signed last, by the schedule.
        retired: Timestamp,
        /// How long an SVID that it signed can be accepted.
        valid_for: Duration,
    },
    /// The endpoint's own certificate rested on it in the last poll before its removal.
    EndpointStillChained {
        /// The use of the removed authority.
        #[serde(rename = "use")]
        svid_type: SvidType,
        /// That poll.
        last: Timestamp,
        /// When that certificate expires.
        expires: Timestamp,
        /// How long an SVID that it signed can be accepted.
        valid_for: Duration,
    },
    /// A law of rotation was broken.
    LawBroken {
        /// The law.
        law: Law,
    },
    /// By how much a law was missed, and what the law asks for.
    LawMissed {
        /// The law.
        law: Law,
        /// What is missing, at least.
        short_by: Duration,
        /// The slowest declared consumer.
        consumer: Consumer,
        /// How long that consumer may need until it has a new authority.
        delay: Duration,
    },
}

closed_set! {
    /// Where the longest lifetime of an SVID comes from.
    pub enum TtlSource {
        /// The configuration states it.
        Declared => "declared",
        /// A sighted token had a longer lifetime than was assumed or declared.
        Sighted => "sighted",
        /// It is SPIRE's default, since nothing states it.
        Assumed => "assumed",
    }
}

closed_set! {
    /// The law of rotation that was broken.
    pub enum Law {
        /// The new key signed before every consumer had it.
        PublishFirst => "publish_first",
        /// The old key was removed before everything that it had signed had expired.
        Retain => "retain",
        /// One of the two: which one cannot be determined from outside.
        Either => "either",
        /// Unexpired tokens lost their key, or the new key signed before it was published at all.
        Tokens => "tokens",
    }
}
