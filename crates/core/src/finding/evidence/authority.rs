//! Evidence about one authority: what explains it, or why nothing does.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Contradiction;
use crate::bundle::{AuthorityId, Fingerprint, KeyType, SvidType};
use crate::time::{Bracket, Timestamp};
use crate::untrusted::UntrustedText;

/// What is known of a new authority, of a key ID that moved, or of an authority that returned.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AuthorityEvidence {
    /// An operator denied its public key.
    KeyDenied {
        /// Who denied it and why.
        decision: UntrustedText,
    },
    /// An operator approved it.
    AuthorityApproved {
        /// Who approved it and why.
        decision: UntrustedText,
    },
    /// It contradicts what is known of the trust domain.
    Contradicts(Contradiction),
    /// It was published when no authority of its use was due.
    NotDue {
        /// Its use.
        #[serde(rename = "use")]
        svid_type: SvidType,
        /// The poll that showed it.
        seen: Timestamp,
        /// The next expected publication, or the last one where none lies ahead; absent where no
        /// lineage of its use has a schedule.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<Timestamp>,
    },
    /// It was published in the first period after the baseline, so far after a date of an X.509 lineage
    /// that nobody can tell yet whether it is the JWT key of that server.
    FirstDateOpen {
        /// When the X.509 authority of that server was due.
        date: Timestamp,
        /// The poll that showed it.
        seen: Timestamp,
    },
    /// It was published in the first period after the baseline, and chains of keys that live so shortly
    /// may have drifted apart by any time.
    MayHaveDrifted,
    /// It is one of more JWT keys than there are dates in the first period that they can belong to.
    FirstDateContested {
        /// Some of the others.
        with: Vec<Fingerprint>,
    },
    /// It was published when its lineage was due.
    OnTime {
        /// The number of the lineage.
        lineage: u32,
    },
    /// It was published after its lineage was due, as the lineage's next authority.
    Late {
        /// The number of the lineage.
        lineage: u32,
    },
    /// An announcement explains it.
    Announced,
    /// It was published before the issuer's schedule was learned.
    ScheduleUnknown,
    /// The first bundle contained it and the bootstrap file did not.
    NotInBootstrapFile,
    /// It was published before, and removed.
    KnownBefore,
    /// When it was published.
    Published {
        /// Between which polls.
        published: Bracket,
    },
    /// How many authorities of other uses were published in the same poll.
    Companions {
        /// The number of authorities.
        count: u64,
    },
    /// The endpoint presents a certificate that this authority signed.
    SignsForEndpoint {
        /// From when on that certificate is valid.
        since: Timestamp,
    },
    /// The endpoint presents no certificate that this authority signed.
    DoesNotSignForEndpoint,
    /// No X.509 authority that was published in the same poll signs for the endpoint.
    NoNewRoot,
    /// The sequence number before and after the change that published it.
    SequenceChanged {
        /// The number before.
        from: u64,
        /// The number after.
        to: u64,
    },
    /// Its key type and form are those of the other authorities of its use.
    UsualForm,
    /// Others of its use were published in the same poll, and some of them were due.
    Ambiguous {
        /// The number of the others.
        others: u64,
    },
    /// What a publication like this one may come from.
    Causes {
        /// The possible causes that it fits.
        pattern: PublicationPattern,
    },
    /// The policy asks for a decision on every new authority.
    PolicyPinned,
    /// It was seen in an answer that is not the confirmed state.
    NotInConfirmedState,
    /// The whole name of an authority, since it is decided on by that.
    Identity {
        /// Its use and fingerprint.
        #[serde(flatten)]
        id: AuthorityId,
        /// Its key ID, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kid: Option<UntrustedText>,
        /// The type of its key.
        key_type: KeyType,
    },
    /// It was removed since.
    RemovedSince {
        /// The poll that showed the removal.
        removed: Timestamp,
        /// How long it had been published.
        published_for: Duration,
    },
    /// What it signed has not expired.
    MayHaveSigned {
        /// When the last SVID that it can have signed expires.
        until: Timestamp,
    },
    /// A lineage continued from it.
    LineageContinued,
    /// One key ID names two keys of one document.
    KeyIdTwice {
        /// The key ID.
        kid: UntrustedText,
    },
    /// A key ID names another key than before.
    KeyIdMoved {
        /// The key ID.
        kid: UntrustedText,
        /// The poll that showed the change.
        since: Timestamp,
        /// The key that it named before.
        before: Fingerprint,
    },
    /// What consumers make of a key ID that names another key.
    KeyIdRisk,
    /// It was removed and is published again.
    PublishedAgain {
        /// The poll that showed its removal.
        removed: Timestamp,
        /// The poll that showed it again.
        since: Timestamp,
    },
    /// Its removal came before what it had signed had expired.
    HadBeenRemovedEarly,
}

/// What a publication that was not due may come from. None is proof: from outside, a matching pair
/// that an attacker adds looks as a restart does (docs/judgement.md#possible-causes).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PublicationPattern {
    /// A server started without its keys, or another server joined.
    RestartOrScaleOut,
    /// `spire-server localauthority jwt prepare` or its X.509 form, or an added key.
    ForcedRotation,
    /// A root that an upstream authority brought in, or an added one.
    RootChange,
    /// No known cause.
    Unknown,
}
