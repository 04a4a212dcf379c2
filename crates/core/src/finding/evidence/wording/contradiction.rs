//! Sentences about contradictions.

use std::fmt;

use crate::finding::evidence::{Contradiction, FormDifference, KeyIdCharacters, KeyIdForm};
use crate::time::span;

/// How much of a subject is shown, in bytes.
const NAME: usize = 128;

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backdated { by } => write!(
                f,
                "By its `notBefore` the certificate was issued {} before the last good poll without it; SPIRE publishes an authority as soon as it is issued.",
                span(*by)
            ),
            Self::KeyType { own, siblings } => write!(
                f,
                "Its key type is {own}; this trust domain's other authorities of its use have {siblings}."
            ),
            Self::Profile { differences } => {
                let differences: Vec<String> =
                    differences.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "Its form differs from that of this trust domain's other authorities of its use: {}.",
                    differences.join("; ")
                )
            }
            Self::ForeignName { name } => {
                write!(f, "Its certificate names another trust domain: {name}.")
            }
            Self::Lifetime { own, siblings } => write!(
                f,
                "Certificate lifetime is {}; the longest of this trust domain's other authorities is {}.",
                span(*own),
                span(*siblings)
            ),
            Self::SequenceStood { sequence } => write!(
                f,
                "The key set changed and the sequence number did not: it is still {sequence}."
            ),
        }
    }
}

impl fmt::Display for FormDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let opposite = |f: &mut fmt::Formatter<'_>, name: &str, own: bool| {
            let word = |yes: bool| if yes { "yes" } else { "no" };
            write!(f, "{name} {}, usually {}", word(own), word(!own))
        };
        match self {
            Self::SelfSigned { own } => opposite(f, "self-signed", *own),
            Self::Subject { own, usual } => {
                write!(f, "subject {}, usually {}", own.shortened(NAME), usual.shortened(NAME))
            }
            Self::UriNames { own, usual } => write!(f, "URI names {own}, usually {usual}"),
            Self::Ca { own } => opposite(f, "CA", *own),
            Self::PathLength { own, usual } => write!(
                f,
                "path length {}, usually {}",
                super::or_none(own.as_ref()),
                super::or_none(usual.as_ref())
            ),
            Self::KeyUsage { own } => opposite(f, "key usage", *own),
            Self::KeyId { own, usual } => write!(f, "key ID of {own}, usually of {usual}"),
        }
    }
}

impl fmt::Display for KeyIdForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let characters = match self.characters {
            KeyIdCharacters::Alphanumeric => "letters and digits",
            KeyIdCharacters::UrlSafe => "letters, digits, - and _",
            KeyIdCharacters::Others => "other characters too",
        };
        write!(f, "{} characters ({characters})", self.length)
    }
}
