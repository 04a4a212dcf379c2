//! What a finding rests on, as data.
//!
//! A program reads the fields; a person reads the sentence that [`Display`](std::fmt::Display)
//! makes of them, in `wording` alone. The journal holds the data, so that a later wording changes
//! nothing that is stored, and no judgement depends on a sentence.
//!
//! Invariant: the size of each piece of evidence is bounded. Foreign text in it is an
//! [`UntrustedText`](crate::untrusted::UntrustedText), and lists hold a few samples beside a count.

mod authority;
mod contradiction;
mod difference;
mod document;
mod endpoint;
mod flood;
mod outage;
mod removal;
mod schedule;
mod self_watch;
mod sequence;
mod sharing;
mod token;
mod wording;

pub use authority::{AuthorityEvidence, PublicationPattern};
pub use contradiction::{Contradiction, FormDifference, KeyIdCharacters, KeyIdForm};
pub use difference::EndpointDifference;
pub use document::DocumentEvidence;
pub use endpoint::{Denied, EndpointEvidence};
pub use flood::{FloodEvidence, UseCount};
pub use outage::{LockoutBasis, OutageEvidence};
pub use removal::{Law, RemovalEvidence, TtlSource};
pub use schedule::{LeadSource, ScheduleEvidence};
pub use self_watch::SelfWatchEvidence;
pub use sequence::SequenceEvidence;
pub use sharing::{SharingEvidence, TrustDomains};
pub use token::TokenEvidence;

use serde::{Deserialize, Serialize};

macro_rules! themes {
    ($($(#[$doc:meta])* $theme:ident($of:ident),)*) => {
        /// One fact that a finding rests on. In JSON it is an object whose member `type` names the
        /// fact, unique over all themes, beside the fields of that fact.
        #[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Evidence {
            $($(#[$doc])* $theme($of),)*
        }

        $(impl From<$of> for Evidence {
            fn from(of: $of) -> Self {
                Self::$theme(of)
            }
        })*
    };
}

themes! {
    /// About one authority.
    Authority(AuthorityEvidence),
    /// About a removal.
    Removal(RemovalEvidence),
    /// About rotation.
    Schedule(ScheduleEvidence),
    /// About failing polls.
    Outage(OutageEvidence),
    /// About the endpoint.
    Endpoint(EndpointEvidence),
    /// About sequence numbers.
    Sequence(SequenceEvidence),
    /// About shared keys.
    Sharing(SharingEvidence),
    /// About the document.
    Document(DocumentEvidence),
    /// About tokens.
    Token(TokenEvidence),
    /// About what is counted and not listed.
    Flood(FloodEvidence),
    /// About anchorwatch itself.
    SelfWatch(SelfWatchEvidence),
}

/// Evidence as the API and reports state it: the data, and the sentence for people.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StatedEvidence {
    /// The data.
    #[serde(flatten)]
    pub data: Evidence,
    /// The sentence, in English. Its wording may change from one version to the next.
    pub text: String,
}

impl From<&Evidence> for StatedEvidence {
    fn from(evidence: &Evidence) -> Self {
        Self { data: evidence.clone(), text: evidence.to_string() }
    }
}

#[cfg(test)]
mod tests;
