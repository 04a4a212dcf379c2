//! Evidence about failing polls: for how long, and until when the endpoint can be authenticated.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::spiffe::TrustDomain;
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;

/// What is known of an endpoint whose polls fail.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OutageEvidence {
    /// How many polls failed in a row, and why the last one did.
    PollsFailed {
        /// The number of polls.
        polls: u32,
        /// The label of the reason, as in `anchorwatch_poll_failures_total`.
        reason: Box<str>,
        /// What was being done and what went wrong.
        detail: UntrustedText,
    },
    /// For how long no poll succeeded.
    NoGoodPoll {
        /// For how long.
        lasting: Duration,
        /// The interval of the polls.
        interval: Duration,
    },
    /// No poll succeeded for so long that changes may have been missed.
    ChangesMissed {
        /// For how long.
        lasting: Duration,
    },
    /// The endpoint cannot be authenticated with the stored trust anchors for much longer.
    LockoutAhead {
        /// Until when it can be authenticated.
        limit: Timestamp,
        /// How long that is from now.
        left: Duration,
        /// What the limit follows from.
        basis: LockoutBasis,
    },
    /// When the last stored trust anchor expires.
    LastAnchorExpires {
        /// When it expires.
        at: Timestamp,
    },
    /// When the stored trust anchors cannot authenticate the endpoint any more.
    LockoutIn {
        /// The moment.
        limit: Timestamp,
        /// How long that is from now.
        left: Duration,
    },
    /// Since when the stored trust anchors may not authenticate the endpoint any more.
    LockoutPassed {
        /// The moment.
        limit: Timestamp,
    },
    /// The lockout has passed, and no poll has authenticated the endpoint since.
    LockedOut {
        /// Until when the endpoint could be authenticated.
        limit: Timestamp,
        /// What the limit follows from.
        basis: LockoutBasis,
    },
    /// Since when every consumer is in the same state.
    ConsumersLockedOut {
        /// Since when.
        since: Timestamp,
        /// The last poll that gave a bundle here, where there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_good: Option<Timestamp>,
    },
    /// Which commands end a lockout: at the partner, here, and at each SPIRE server.
    RebootstrapCommands {
        /// The trust domain whose bundle is set anew.
        server: TrustDomain,
    },
    /// The stored trust anchors should authenticate the endpoint, and do not.
    CouldAuthenticate {
        /// Until when they should.
        until: Timestamp,
    },
    /// The stored trust anchors could authenticate the endpoint and cannot any more.
    CannotAuthenticate {
        /// Until when they could.
        until: Timestamp,
    },
}

/// What the limit of authentication follows from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LockoutBasis {
    /// The next authority is expected to sign then.
    NextActivation,
    /// The last stored trust anchor expires then.
    LastExpiry,
}
