//! Sentences about removals.

use std::fmt;

use super::{between, noun, signed};
use crate::bundle::SvidType;
use crate::finding::evidence::{Law, RemovalEvidence, TtlSource};
use crate::time::span;

impl fmt::Display for RemovalEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SvidsRejected { svid_type, certain, least_percent, most_percent, until } => {
                let share = share(*least_percent, *most_percent);
                let (signed, noun) = (signed(*svid_type), noun(*svid_type));
                if *certain {
                    write!(f, "{share} of the unexpired {signed} signed by this {noun} are now rejected, until {until}.")
                } else {
                    write!(f, "{share} of the unexpired {signed} signed by this {noun} may be rejected now, until {until}: what is known does not decide it.")
                }
            }
            Self::Removed { removed } => write!(f, "It was removed {}.", between(*removed)),
            Self::SuccessorPublished { successor, least, most } => write!(
                f,
                "Its successor {} had been published for {} to {} at the removal.",
                successor.short(),
                span(*least),
                span(*most)
            ),
            Self::NoSuccessor => f.write_str(
                "It was the only authority of its use, and no successor was published.",
            ),
            Self::SuccessorUnknown => f.write_str("Which authority is its successor is not known."),
            Self::LongestLifetime { svid_type, lifetime, source, leeway } => write!(
                f,
                "Longest {} lifetime is {} ({}); validators accept {} up to {} past expiry.",
                match svid_type {
                    SvidType::X509 => "X509-SVID",
                    SvidType::Jwt | SvidType::Wit => "token",
                },
                span(*lifetime),
                origin(*svid_type, *source),
                signed(*svid_type),
                span(*leeway)
            ),
            Self::TaintBefore => f.write_str(
                "The sequence number changed without a visible change shortly before: tainting a key in SPIRE, which comes before its revocation, has this effect.",
            ),
            Self::RemovedBeforeExpiry { svid_type, after_successor, valid_for } => write!(
                f,
                "It was removed {} after its successor was published; {} it signed before then stay valid for up to {}.",
                span(*after_successor),
                signed(*svid_type),
                span(*valid_for)
            ),
            Self::LastRemoved { svid_type } => write!(
                f,
                "The last {} was removed: all {} that it signed are rejected.",
                noun(*svid_type),
                signed(*svid_type)
            ),
            Self::SignedUntil { retired, valid_for } => write!(
                f,
                "By its issuer's schedule it signed until {retired}, and what it signed stays valid for up to {}.",
                span(*valid_for)
            ),
            Self::EndpointStillChained { svid_type, last, expires, valid_for } => write!(
                f,
                "The endpoint's own certificate, valid until {expires}, still rested on it at {last}, the last poll with it; {} that rest on it stay valid for up to {}.",
                signed(*svid_type),
                span(*valid_for)
            ),
            Self::LawBroken { law } => f.write_str(broken(*law)),
            Self::LawMissed { law, short_by, consumer, delay } => write!(
                f,
                "{} The slowest consumer, {consumer}, may need up to {} until it has a new key.",
                missed(*law, &span(*short_by)),
                span(*delay)
            ),
        }
    }
}

/// Where the longest lifetime comes from.
fn origin(svid_type: SvidType, source: TtlSource) -> String {
    let key = match svid_type {
        SvidType::X509 => "max_x509_svid_ttl",
        SvidType::Jwt | SvidType::Wit => "max_jwt_svid_ttl",
    };
    match source {
        TtlSource::Declared => format!("declared: `{key}`"),
        TtlSource::Sighted => "observed: a sighted token has it".to_owned(),
        TtlSource::Assumed => format!("assumed: `{key}` is not set"),
    }
}

/// A share between two bounds, as the beginning of a sentence.
fn share(least: u8, most: u8) -> String {
    if least == most { format!("{least} %") } else { format!("{least} % to {most} %") }
}

fn broken(law: Law) -> &'static str {
    match law {
        Law::PublishFirst => {
            "The new key signed before every declared consumer can have had it (publish first)."
        }
        Law::Retain => "The old key was removed before what it had signed had expired (retain).",
        Law::Either => {
            "One of the two laws of rotation was broken: the new key signed too early, or the old one was removed too early. Which one cannot be determined from outside."
        }
        Law::Tokens => {
            "Unexpired tokens lost their key, or the new key signed before it was published at all."
        }
    }
}

/// By how much a law was missed.
fn missed(law: Law, by: &str) -> String {
    match law {
        Law::PublishFirst => format!("The new key signed at least {by} too early."),
        Law::Retain => format!("The old key was removed at least {by} too early."),
        Law::Either | Law::Tokens => {
            format!(
                "Both keys were published together for {by} less than the laws of rotation need."
            )
        }
    }
}
