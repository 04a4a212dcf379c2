//! Evidence about the document and the state of its authorities.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bundle::consumer::Consumer;
use crate::bundle::{Fingerprint, Irregularity, KeyType};
use crate::time::{Bracket, Timestamp};
use crate::untrusted::UntrustedText;

/// What is known of a document, of its refresh hint and of authorities that are not in order.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DocumentEvidence {
    /// The trust domain exceeded its daily budget.
    BudgetExceeded {
        /// The number of events that were recorded.
        events: u64,
        /// The bytes that they and their documents take.
        bytes: u64,
        /// The budget of events.
        allowed_events: u64,
        /// The budget of bytes.
        allowed_bytes: u64,
    },
    /// What is recorded until the next day.
    BudgetEffect,
    /// The document departs from the standard.
    Irregular(Irregularity),
    /// What a published private key makes possible.
    PrivateKeyRisk,
    /// A consumer would reject the document.
    ConsumerRejects {
        /// The consumer.
        consumer: Consumer,
        /// The reason, at most 256 bytes.
        why: Box<str>,
    },
    /// What a consumer that rejects a document does.
    ConsumerRejectsEffect,
    /// The document has no refresh hint.
    NoRefreshHint,
    /// The refresh hint is not a whole number.
    UnusableRefreshHint {
        /// The value, cut to 64 bytes.
        value: UntrustedText,
    },
    /// The refresh hint is 0.
    ZeroRefreshHint,
    /// The refresh hint is longer than a day.
    LongRefreshHint {
        /// The hint.
        hint: Duration,
        /// The longest hint that is not reported.
        longest: Duration,
    },
    /// The refresh hint was raised by a large factor.
    RaisedRefreshHint {
        /// The hint before.
        from: Duration,
        /// The hint now.
        to: Duration,
    },
    /// Expired authorities are still published.
    ExpiredPublished {
        /// The number of authorities.
        count: u64,
        /// How long ago they expired, at least.
        expired_for: Duration,
        /// The first of them, at most 8.
        authorities: Vec<Fingerprint>,
    },
    /// What expired authorities in a bundle may come from.
    PruningCauses,
    /// An authority's key is weak.
    WeakKey {
        /// The type of its key.
        key_type: KeyType,
    },
    /// A certificate was issued after the poll that showed it.
    IssuedInFuture {
        /// The authority.
        authority: Fingerprint,
        /// By how much.
        ahead: Duration,
        /// The difference of clocks that is allowed.
        allowed: Duration,
    },
    /// What a difference of clocks does to the judgement.
    ClockEffect,
    /// The newest explained X.509 authority expires soon.
    Expires {
        /// When it expires.
        at: Timestamp,
        /// How long that is from now.
        left: Duration,
        /// Its whole lifetime.
        lifetime: Duration,
    },
    /// The newest explained X.509 authority has expired.
    Expired {
        /// When it expired.
        at: Timestamp,
    },
    /// What the expiry of the newest X.509 authority does.
    ExpiryEffect,
    /// An X.509 authority that nothing explains expires later than the newest explained one.
    NewerUnexplained {
        /// The authority.
        authority: Fingerprint,
        /// When it was published.
        published: Bracket,
        /// When it expires.
        expires: Timestamp,
    },
}
