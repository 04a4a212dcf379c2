//! Sentences about one authority.

use std::fmt;

use super::{KEY_ID, between, noun};
use crate::bundle::{AuthorityId, Fingerprint, SvidType};
use crate::finding::evidence::{AuthorityEvidence, PublicationPattern};
use crate::time::{Timestamp, span};

impl fmt::Display for AuthorityEvidence {
    #[expect(clippy::too_many_lines, reason = "one sentence for each variant")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyDenied { decision } => {
                write!(f, "The public key of this authority was denied {decision}.")
            }
            Self::AuthorityApproved { decision } => {
                write!(f, "This authority was approved {decision}.")
            }
            Self::Contradicts(contradiction) => contradiction.fmt(f),
            Self::NotDue { svid_type, seen, due } => {
                f.write_str(&not_due(*svid_type, *seen, *due))
            }
            Self::FirstDateOpen { date, seen } => write!(
                f,
                "It was published {} after an X.509 authority was due ({date}): whether it is the JWT key of the same server, which drifted, or an added key cannot be determined yet, because the first bundle does not show when JWT keys are due. This finding ends if the next key of its lineage is published one period later.",
                span(seen.since(*date).unwrap_or_default())
            ),
            Self::MayHaveDrifted => f.write_str(
                "Keys live under 12 h here, so JWT keys may have drifted to any time: whether it is a scheduled key cannot be determined in the first period after the baseline.",
            ),
            Self::FirstDateContested { with } => write!(
                f,
                "More JWT keys were published in the first period after the baseline than servers were due to publish: one of this key and {} was not due, and which one cannot be determined. Compare them with the issuer.",
                with.iter().map(Fingerprint::short).collect::<Vec<_>>().join(", ")
            ),
            Self::OnTime { lineage } => {
                write!(f, "It was published when lineage {lineage} was due.")
            }
            Self::Late { lineage } => {
                write!(f, "It was published as the next authority of lineage {lineage}, after the time when that was due.")
            }
            Self::Announced => f.write_str("An announcement explains this authority."),
            Self::ScheduleUnknown => {
                f.write_str("It was published before the issuer's schedule was learned.")
            }
            Self::NotInBootstrapFile => {
                f.write_str("The first bundle contained this authority; the bootstrap file did not.")
            }
            Self::KnownBefore => f.write_str("This authority was published and removed before."),
            Self::Published { published } => {
                write!(f, "It was published {}.", between(*published))
            }
            Self::Companions { count: 0 } => {
                f.write_str("No authority of another use was published in the same poll.")
            }
            Self::Companions { count: 1 } => {
                f.write_str("One authority of another use was published in the same poll.")
            }
            Self::Companions { count } => {
                write!(f, "{count} authorities of other uses were published in the same poll.")
            }
            Self::SignsForEndpoint { since } => write!(
                f,
                "The endpoint presents a certificate that this authority signed, since {since}: an authority that is not denied authenticates the endpoint, here as at every consumer."
            ),
            Self::DoesNotSignForEndpoint => {
                f.write_str("The endpoint presents no certificate that this authority signed.")
            }
            Self::NoNewRoot => f.write_str(
                "The endpoint presents no certificate of an X.509 authority that was published in the same poll.",
            ),
            Self::SequenceChanged { from, to } => {
                write!(f, "The sequence number changed by {:+}, from {from} to {to}.", i128::from(*to) - i128::from(*from))
            }
            Self::UsualForm => f.write_str(
                "Its key type and form are those of this trust domain's other authorities of its use.",
            ),
            Self::Ambiguous { others } => write!(
                f,
                "It was published in one poll with {} of its use, some of which were due: which of them were due cannot be determined.",
                match others {
                    1 => "another authority".to_owned(),
                    others => format!("{others} other authorities"),
                }
            ),
            Self::Causes { pattern } => f.write_str(causes(*pattern)),
            Self::PolicyPinned => f.write_str(
                "Under policy `pinned` only an approval or an announcement explains an authority.",
            ),
            Self::NotInConfirmedState => f.write_str(
                "It was seen in an answer that is not the confirmed state, and is not in that state.",
            ),
            Self::Identity { id, kid, key_type } => {
                let AuthorityId { svid_type, fingerprint } = id;
                let kid = kid.as_ref().map(|kid| format!(", key ID {}", kid.quoted(KEY_ID)));
                write!(
                    f,
                    "This authority is {} {fingerprint}{}, key type {key_type}.",
                    svid_type.label(),
                    kid.unwrap_or_default()
                )
            }
            Self::RemovedSince { removed, published_for } => write!(
                f,
                "It was removed by {removed}, after it had been published for {}.",
                span(*published_for)
            ),
            Self::MayHaveSigned { until } => {
                write!(f, "What it signed may be accepted until {until}.")
            }
            Self::LineageContinued => f.write_str(
                "A lineage continued from it: it is rotated as an issuer's key is.",
            ),
            Self::KeyIdTwice { kid } => {
                write!(f, "The key ID {} names two keys of one document.", kid.quoted(KEY_ID))
            }
            Self::KeyIdMoved { kid, since, before } => write!(
                f,
                "The key ID {} names another key since {since}: it named {} before.",
                kid.quoted(KEY_ID),
                before.short()
            ),
            Self::KeyIdRisk => f.write_str(
                "Consumers that compare only key IDs do not notice the change; most of them use the last key of a document.",
            ),
            Self::PublishedAgain { removed, since } => write!(
                f,
                "It was removed by {removed} and is published again since {since}, {} later.",
                span(since.since(*removed).unwrap_or_default())
            ),
            Self::HadBeenRemovedEarly => f.write_str(
                "It had been removed before what it signed had expired, as a compromised key would be.",
            ),
        }
    }
}

/// How far the publication is from the nearest expected one.
fn not_due(svid_type: SvidType, seen: Timestamp, due: Option<Timestamp>) -> String {
    let noun = noun(svid_type);
    let Some(due) = due else {
        return format!("No {noun} was due: no lineage is known that it could belong to.");
    };
    match due.since(seen) {
        Some(ahead) => format!(
            "No {noun} was due: published {} before the next expected rotation ({due}).",
            span(ahead)
        ),
        None => format!(
            "No {noun} was due: published {} after the last expected rotation ({due}).",
            span(seen.since(due).unwrap_or_default())
        ),
    }
}

fn causes(pattern: PublicationPattern) -> &'static str {
    match pattern {
        PublicationPattern::RestartOrScaleOut => {
            "Possible causes are a server that restarted without its keys, a new server, or an attacker who added a matching pair of keys."
        }
        PublicationPattern::ForcedRotation => {
            "Possible causes are a forced rotation (`spire-server localauthority`, prepare), or a key added by an attacker."
        }
        PublicationPattern::RootChange => {
            "Possible causes are a change of the upstream root, or a root added by an attacker."
        }
        PublicationPattern::Unknown => "No known cause fits this publication.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_is_compared_with_the_date_that_is_nearest() {
        let at = Timestamp::from_unix;
        let said = |due| not_due(SvidType::Jwt, at(100), due);
        assert!(said(Some(at(138))).contains("38 s before the next expected rotation"));
        assert!(said(Some(at(95))).contains("5 s after the last expected rotation"));
        assert!(said(None).contains("no lineage"));
        let one = AuthorityEvidence::Ambiguous { others: 1 };
        assert!(one.to_string().contains("another authority of its use"), "{one}");
    }
}
