//! Sentences about what is counted and not listed.

use std::fmt;

use crate::finding::evidence::FloodEvidence;
use crate::finding::grouped;

impl fmt::Display for FloodEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListed { kind, count, by_use, since } => {
                let uses: Vec<String> = by_use
                    .iter()
                    .map(|one| format!("{} {}", grouped(one.count), one.svid_type.label()))
                    .collect();
                let uses =
                    if uses.is_empty() { String::new() } else { format!(" ({})", uses.join(", ")) };
                let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
                let (findings, are) =
                    if *count == 1 { ("finding", "is") } else { ("findings", "are") };
                write!(
                    f,
                    "{} further {kind} {findings}{uses}{since} {are} not listed one by one.",
                    grouped(*count)
                )
            }
            Self::KeysNotRecorded { x509, jwt, wit } => write!(
                f,
                "{} keys of the bundle are not recorded one by one, since the daily budget is spent: {} X.509 authorities, {} JWT keys, {} WIT keys.",
                grouped(x509.saturating_add(*jwt).saturating_add(*wit)),
                grouped(*x509),
                grouped(*jwt),
                grouped(*wit)
            ),
            Self::ListingRule { most } => write!(
                f,
                "Each kind lists up to {most} findings of one use and cause, those about published keys first: a further one is raised once there is room, if it is still true."
            ),
        }
    }
}
