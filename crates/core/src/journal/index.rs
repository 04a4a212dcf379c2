//! What the journal says of one authority, whatever the facts still hold of it.

use serde::{Deserialize, Serialize};

use crate::bundle::AuthorityId;
use crate::spiffe::TrustDomain;
use crate::time::Timestamp;
use crate::watch::{AuthorityRecord, Event, Facts};

/// An authority on record, and whose it is.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct AuthorityEntry {
    /// The trust domain that published it.
    pub trust_domain: TrustDomain,
    /// What is on record of it.
    #[serde(flatten)]
    pub record: AuthorityRecord,
}

/// What was seen of one authority after these events of its trust domain, where `record` is what was
/// known before them. Unlike the facts, it is never laid aside.
pub fn record_after<'a>(
    record: Option<AuthorityRecord>,
    id: AuthorityId,
    events: impl IntoIterator<Item = (Timestamp, &'a Event)>,
) -> Option<AuthorityRecord> {
    // Facts of this authority alone: one removal is never old enough to be dropped.
    let mut facts = Facts { authorities: record.into_iter().collect(), ..Facts::default() };
    for (at, event) in events {
        if event.authority() == Some(id) {
            facts.apply(at, event);
        }
    }
    // What it was judged to be follows from other authorities' events and from decisions too.
    facts.authorities.records.pop().map(|record| record.unjudged())
}
