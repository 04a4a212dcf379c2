//! Sentences about the document.

use std::fmt;

use super::between;

use crate::bundle::Fingerprint;
use crate::finding::evidence::DocumentEvidence;
use crate::finding::grouped;
use crate::time::span;

impl fmt::Display for DocumentEvidence {
    #[expect(clippy::too_many_lines, reason = "one sentence for each variant")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BudgetExceeded { events, bytes, allowed_events, allowed_bytes } => write!(
                f,
                "The trust domain spent its daily budget: {} events and {} bytes of polls were recorded on this day (UTC); the budget is {} events and {} bytes.",
                grouped(*events),
                grouped(*bytes),
                grouped(*allowed_events),
                grouped(*allowed_bytes)
            ),
            Self::BudgetEffect => f.write_str(
                "Until midnight (UTC) documents are not stored, and new keys beyond a reserve are counted and not recorded one by one, X.509 authorities and contradictions first; judgement continues.",
            ),
            Self::Irregular(irregularity) => write!(f, "The document is irregular: {irregularity}."),
            Self::PrivateKeyRisk => f.write_str(
                "Anyone who read the bundle can sign with it: revoke the authority, and treat what it signed as forged.",
            ),
            Self::ConsumerRejects { consumer, why } => {
                write!(f, "{consumer} would refuse this document: {why}.")
            }
            Self::ConsumerRejectsEffect => f.write_str(
                "It keeps the bundle that it has, and sees neither new keys nor revocations.",
            ),
            Self::NoRefreshHint => f.write_str(
                "The document has no refresh hint: SPIRE then polls at a fortieth of the shortest X.509 authority's lifetime, which may be weeks.",
            ),
            Self::UnusableRefreshHint { value } => {
                write!(f, "The refresh hint is not a whole number: {value}.")
            }
            Self::ZeroRefreshHint => f.write_str("The refresh hint is 0."),
            Self::LongRefreshHint { hint, longest } => write!(
                f,
                "The refresh hint is {}, longer than {}: consumers see a revocation that much later.",
                span(*hint),
                span(*longest)
            ),
            Self::RaisedRefreshHint { from, to } => write!(
                f,
                "The refresh hint was raised from {} to {}: consumers that follow it see a revocation that much later.",
                span(*from),
                span(*to)
            ),
            Self::ExpiredPublished { count: number, expired_for, authorities } => {
                let names: Vec<String> = authorities.iter().map(Fingerprint::short).collect();
                let more = number.saturating_sub(u64::try_from(names.len()).unwrap_or(u64::MAX));
                write!(
                    f,
                    "{} over {} ago and {} still published: {}{}.",
                    match number {
                        1 => "1 authority expired".to_owned(),
                        number => format!("{number} authorities expired"),
                    },
                    span(*expired_for),
                    if *number == 1 { "is" } else { "are" },
                    names.join(", "),
                    if more == 0 { String::new() } else { format!(" and {more} more") }
                )
            }
            Self::PruningCauses => f.write_str(
                "Possible causes are a server that restarts more often than every six hours, or one whose last key of a use it would be: SPIRE then does not prune.",
            ),
            Self::WeakKey { key_type } => write!(
                f,
                "Its key type is {key_type}, which consumers reject or should reject."
            ),
            Self::IssuedInFuture { authority, ahead, allowed } => write!(
                f,
                "By its certificate, authority {} was issued {} after the poll that showed it, and clocks may differ by {}: the issuer's clock is ahead, or the monitor's is behind.",
                authority.short(),
                span(*ahead),
                span(*allowed)
            ),
            Self::ClockEffect => {
                f.write_str("Verdicts and expected dates are wrong by as much.")
            }
            Self::Expires { at, left, lifetime } => write!(
                f,
                "The newest explained X.509 authority expires at {at}, in {}; its lifetime is {}.",
                span(*left),
                span(*lifetime)
            ),
            Self::Expired { at } => {
                write!(f, "The newest explained X.509 authority has expired at {at}.")
            }
            Self::ExpiryEffect => f.write_str(
                "Without a newer one no X509-SVID of the trust domain is valid after that.",
            ),
            Self::NewerUnexplained { authority, published, expires } => write!(
                f,
                "A newer X.509 authority, {}, was published {} and expires at {expires}, but nothing explains it: approve it if it is the next authority, deny it if it is not.",
                authority.short(),
                between(*published)
            ),
        }
    }
}
