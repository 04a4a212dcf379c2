//! What every poll renews. No event speaks of it, so an unchanged poll writes nothing; the store
//! takes it down once a minute, and a crash costs at most that minute.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConsumerRefusal, LatestAnswer, Leaf, UnrecordedKeys};
use crate::bundle::{AuthorityId, Digest, Fingerprint, KeyType, StatedNumber};
use crate::finding::Ended;
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;

/// What the last polls saw.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct PollState {
    /// The last poll, whatever came of it.
    pub last_poll: Option<Timestamp>,
    /// The last poll that gave an authenticated bundle.
    pub last_success: Option<Timestamp>,
    /// Failed polls in a row.
    pub failures: u32,
    /// Those in a row, up to the last poll, in which the endpoint did not prove who it is.
    pub unauthenticated: u32,
    /// The interval until the next poll, without jitter.
    pub interval: Duration,
    /// The address that last answered well.
    pub address: Option<IpAddr>,
    /// The length of the last good document in bytes.
    pub length: u64,
    /// The last endpoint SVID that each authority signed, newest sighting last, at most 64:
    /// replicas alternate, one authority each.
    pub leaves: Vec<SeenLeaf>,
    /// Until when the certificate is valid that the endpoint presented last.
    pub tls_not_after: Option<Timestamp>,
    /// The answer that steps back and is not confirmed yet.
    pub pending: Option<Pending>,
    /// How the answers alternate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flips: Option<Flips>,
    /// Since when addresses of the endpoint's name answer differently.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differs_since: Option<Timestamp>,
    /// The authority of the endpoint's chain that its bundle does not list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlisted: Option<Unlisted>,
    /// A certificate of the endpoint that is older than one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_leaf: Option<OlderLeaf>,
    /// When each denied signer was seen last, of those that the facts have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub denied_signers: Vec<DeniedSighting>,
    /// Which consumers would refuse the document that was read last, where the facts do not say so
    /// yet: a document is asked once, when it comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusals: Option<Vec<ConsumerRefusal>>,
    /// What the endpoint looked like.
    pub shape: Shape,
    /// Changes that were seen and not recorded, since the daily budget was spent.
    pub unrecorded: u64,
    /// Keys that the daily budget keeps from being recorded.
    #[serde(skip_serializing_if = "SkippedKeys::is_empty")]
    pub passing: SkippedKeys,
    /// The findings that were shown last, as open or as ended: who comes after a restart says of
    /// each that is not true any more that it ended, since a rule holds the last word that it heard.
    pub reported: Vec<Ended>,
}

impl PollState {
    /// How the latest answer stands to the confirmed state.
    pub fn latest_answer(&self) -> LatestAnswer {
        match self.pending {
            Some(_) => LatestAnswer::StepsBack,
            None => LatestAnswer::Confirmed,
        }
    }
}

/// A denied signer, seen again.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DeniedSighting {
    /// The denied authority, as it was denied.
    pub authority: Fingerprint,
    /// The last poll that showed it.
    pub last: Timestamp,
}

/// Keys that the daily budget keeps from being recorded, so that each is counted once.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct SkippedKeys {
    /// The first bytes of the fingerprints of those in the last bundle, sorted.
    pub listed: Vec<u64>,
    /// Those that came since the last change that was recorded.
    pub came: UnrecordedKeys,
}

impl SkippedKeys {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is kept of a key.
    pub fn mark(id: AuthorityId) -> u64 {
        let first = id.fingerprint.as_bytes().first_chunk().copied();
        u64::from_be_bytes(first.unwrap_or_default())
    }

    /// Whether this key was in the last bundle, and was not recorded.
    pub fn lists(&self, id: AuthorityId) -> bool {
        self.listed.binary_search(&Self::mark(id)).is_ok()
    }
}

/// Answers that step back and forth again.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Flips {
    /// How often.
    pub count: u32,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
}

/// An authority that the endpoint's chain ends in, and its bundle does not list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Unlisted {
    /// Its key identifier or fingerprint, short.
    pub authority: Box<str>,
    /// Since when.
    pub since: Timestamp,
}

/// A certificate of the endpoint that is older than one before by more than half its life.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct OlderLeaf {
    /// The authority that signed both.
    pub authority: Fingerprint,
    /// When the one was made that came later.
    pub older: Timestamp,
    /// When the one was made that came before.
    pub newer: Timestamp,
    /// The poll that showed it.
    pub seen_at: Timestamp,
}

/// What the endpoint looked like at its last good poll.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct Shape {
    /// What the key of its certificate is made of.
    pub key_type: Option<KeyType>,
    /// Under `https_web`, who issued its certificate.
    pub web_issuer: Option<UntrustedText>,
    /// Where a redirect led to.
    pub redirected_to: Option<UntrustedText>,
}

/// The last endpoint SVID of one authority.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SeenLeaf {
    /// The X.509 authority that signed it.
    pub authority: Fingerprint,
    /// The SVID; `seen_at` is its last sighting.
    pub leaf: Leaf,
}

/// An answer that steps back, waiting for a second poll that agrees.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Pending {
    /// The digest of its key set.
    pub content: Digest,
    /// Its sequence number.
    pub sequence: StatedNumber,
    /// The poll that first showed it, with none between that showed the state.
    pub since: Timestamp,
    /// The last good poll before that: the step back lies after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Timestamp>,
}
