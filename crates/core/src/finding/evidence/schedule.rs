//! Evidence about rotation: schedules that were missed, learned or changed, and leads.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bundle::consumer::Consumer;
use crate::bundle::{AuthorityId, Fingerprint};
use crate::time::{Timestamp, Window};

/// What is known of the issuer's schedule.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ScheduleEvidence {
    /// No authority was published within the longest interval that was learned.
    IntervalExceeded {
        /// The last publication.
        last: Timestamp,
        /// The time within which the next was expected.
        expected_within: Duration,
    },
    /// What the expected interval was learned from.
    LearnedInterval {
        /// The number of intervals.
        count: u64,
        /// The median interval.
        median: Duration,
        /// The longest interval.
        longest: Duration,
    },
    /// A lineage's next authority was not published when it was due.
    LineageOverdue {
        /// The number of the lineage.
        lineage: u32,
        /// When the authority was due.
        due: Window,
        /// Until when it would have been on time.
        deadline: Timestamp,
    },
    /// The newest authority of a lineage.
    NewestAuthority {
        /// Its use and fingerprint.
        #[serde(flatten)]
        id: AuthorityId,
        /// The poll that showed it.
        published: Timestamp,
    },
    /// A lineage had started before monitoring did, so its newest authority is not known.
    NewestUnknown,
    /// How many other lineages of the use are on time.
    OthersOnTime {
        /// The number of lineages.
        count: u64,
    },
    /// When the newest authority of a lineage expires.
    NewestExpires {
        /// When it expires.
        at: Timestamp,
    },
    /// An authority that was due has another lifetime than the one before.
    LifetimeChanged {
        /// The lifetime of the authority before.
        from: Duration,
        /// The lifetime of the new authority.
        to: Duration,
    },
    /// What a changed lifetime may come from.
    LifetimeChangeCauses,
    /// The schedule is learned from the intervals between publications.
    LearnedFromPublications,
    /// The lineages are learned in the first interval of a declared schedule.
    LearnedInFirstInterval {
        /// The declared interval.
        interval: Duration,
    },
    /// The issuer is a SPIRE server that signs its own authorities.
    SelfSignedIssuer,
    /// The issuer is SPIRE in a mode in which JWT lineages are learned.
    LearnedInFirstPeriod {
        /// The mode, such as `upstream`.
        mode: Box<str>,
        /// Whether the configuration states the mode.
        configured: bool,
    },
    /// Authorities that were accepted while the schedule was not known.
    AcceptedUnlearned {
        /// The number of authorities.
        count: u64,
        /// The first of them, at most 64.
        authorities: Vec<Fingerprint>,
    },
    /// Polling was interrupted.
    PollingInterrupted {
        /// For how long.
        lasting: Duration,
    },
    /// What an interruption of polling hides.
    UnseenChanges,
    /// A published authority will sign before the slowest consumer has it.
    LeadTooShort {
        /// The time from its publication to its first signature.
        lead: Duration,
        /// Where the lead comes from.
        source: LeadSource,
        /// The slowest declared consumer.
        consumer: Consumer,
        /// How long that consumer may need until it has a new authority.
        delay: Duration,
    },
    /// When the authority is expected to sign first.
    ExpectedToSign {
        /// The earliest moment.
        from: Timestamp,
    },
}

/// Where an authority's lead comes from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeadSource {
    /// The configuration states it.
    Declared,
    /// SPIRE's rule gives it, from the authority's lifetime.
    Modelled,
}
