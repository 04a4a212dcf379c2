//! What is on record of one authority.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Standing;
use crate::bundle::{Authority, AuthorityId, Validity};
use crate::time::{Bracket, Timestamp, Window};

/// The facts known of one authority. Judgements are derived from them.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct AuthorityRecord {
    /// The key itself.
    pub authority: Arc<Authority>,
    /// When it was first published. It moves when the authority returns after a removal.
    pub published: Bracket,
    /// When it was removed; `None` while it is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Bracket>,
    /// The removal before its return, where it came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned_after: Option<Bracket>,
    /// The first endpoint SVID that it was seen to have signed, and the least `notBefore` of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Leaf>,
    /// Whether it is explained, and by what; `None` until its poll is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// How long it lives, at least and at most: by its own word, or by the rhythm at its publication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<(Duration, Duration)>,
    /// The line that it belongs to, where it belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<u32>,
    /// The authority that followed it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<AuthorityId>,
    /// The authority that it followed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predecessor: Option<Predecessor>,
    /// Whether another publication could have met the date that it met: which of them its lineage went
    /// on with cannot be determined.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_contested: bool,
    /// Whether it was at some time the only published authority of its use: whatever was signed then,
    /// it signed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_alone: bool,
}

/// An authority that another followed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Predecessor {
    /// Which.
    pub authority: AuthorityId,
    /// When it was published; from the epoch on where it was there before the watch began.
    pub published: Window,
    /// How long it lives, at least and at most.
    pub lifetime: Option<(Duration, Duration)>,
}

impl AuthorityRecord {
    /// What is on record of an authority that was published now.
    pub fn new(authority: Arc<Authority>, published: Bracket) -> Self {
        Self {
            authority,
            published,
            removed: None,
            returned_after: None,
            signed: None,
            standing: None,
            lifetime: None,
            lineage: None,
            successor: None,
            predecessor: None,
            is_contested: false,
            was_alone: false,
        }
    }

    /// What is on record without what was made of it: what a table of authorities holds.
    #[must_use]
    pub fn unjudged(&self) -> Self {
        let Self { authority, published, removed, returned_after, signed, .. } = self.clone();
        Self { removed, returned_after, signed, ..Self::new(authority, published) }
    }

    /// Whether nobody need look at it.
    pub fn is_explained(&self) -> bool {
        self.standing.as_ref().is_some_and(Standing::is_explained)
    }

    /// What the authority is known by.
    pub fn id(&self) -> AuthorityId {
        self.authority.id
    }

    /// When it was last seen: `last_good_poll` while it is published, else the lower end of its
    /// removal.
    pub fn last_seen(&self, last_good_poll: Option<Timestamp>) -> Option<Timestamp> {
        match self.removed {
            Some(removed) => removed.after,
            None => last_good_poll.max(Some(self.published.until)),
        }
    }

    /// The state at `now` by what was seen alone: for authorities of no watched trust domain. Whoever has
    /// the trust domain asks [`Case::phase`](crate::judge::Case::phase).
    pub fn seen_phase(&self, now: Timestamp) -> Phase {
        let expired = |validity: &Validity| validity.not_after < now;
        if self.removed.is_some() {
            Phase::Removed
        } else if self.authority.certificate.as_ref().is_some_and(|c| expired(&c.validity)) {
            Phase::Expired
        } else if self.signed.is_some() {
            Phase::Active
        } else {
            Phase::Published
        }
    }
}

closed_set! {
    /// The state of an authority, the same on the page, in metrics and on the command line.
    pub enum Phase {
        /// In the bundle, and it does not sign yet, or nothing says that it does.
        Published => "published",
        /// In the bundle, and it signs: the endpoint's SVID shows it, or its issuer's schedule says so.
        Active => "active",
        /// In the bundle, and it has signed for the last time by its issuer's schedule.
        Retired => "retired",
        /// In the bundle, and past its `notAfter`: normal for a day or so under SPIRE.
        Expired => "expired",
        /// No longer in the bundle.
        Removed => "removed",
    }
}

/// What an endpoint SVID says of the authority that signed it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Leaf {
    /// The poll that showed it first.
    pub seen_at: Timestamp,
    /// From when until when it is valid. SPIRE puts `notBefore` 10 s before the signing.
    #[serde(flatten)]
    pub validity: Validity,
}
