//! Sentences about shared keys.

use std::fmt;

use crate::finding::evidence::{SharingEvidence, TrustDomains};

impl fmt::Display for SharingEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NamesOtherTrustDomain { name } => {
                write!(f, "Its certificate names another trust domain: {}.", name.shortened(128))
            }
            Self::SharedAuthority(id) => write!(f, "This authority is {id}."),
            Self::KeyPublishedBy { key, publishers, now } => write!(
                f,
                "Public key {} is {}published by {} trust domains: {publishers}.",
                key.short(),
                if *now { "now " } else { "" },
                publishers.count
            ),
            Self::SharedKeyRisk => f.write_str(
                "Anyone who has its private key can issue identities of each of them.",
            ),
            Self::SharingUndeclared => f.write_str(
                "Possible causes are a corporate root that these trust domains share (declare it in `shared_authorities`), or a key that was copied from one to another.",
            ),
            Self::SharingDeclared { by, reason } => match by {
                Some(by) => write!(
                    f,
                    "The sharing is declared in the configuration by {by}: {reason}."
                ),
                None => write!(f, "The sharing is declared in the configuration: {reason}."),
            },
            Self::NotCovered { publishers } => match publishers.count {
                1 => write!(f, "One trust domain is not covered by that declaration: {publishers}."),
                count => write!(
                    f,
                    "{count} trust domains are not covered by that declaration: {publishers}."
                ),
            },
            Self::KeyUnderTwoUses { key, trust_domain, first, second } => write!(
                f,
                "{trust_domain} publishes public key {} under two uses: {} and {}.",
                key.short(),
                first.label(),
                second.label()
            ),
            Self::TwoUsesRisk => f.write_str(
                "Anyone who can have the key sign for one use can forge the other.",
            ),
            Self::KeySetOfAnother { common, total, trust_domain } => write!(
                f,
                "{common} of the {total} keys served here are also published by {trust_domain}, which published them before: its key set is served under this name."
            ),
            Self::KeySetOfAnotherCauses => f.write_str(
                "Possible causes are two URLs that were swapped in a configuration, a load balancer's mistake, or an endpoint in between.",
            ),
            Self::SinceFirstBundle { trust_domain } => write!(
                f,
                "The first bundle that was seen here had them already, so the URL of {trust_domain} may be the wrong one."
            ),
        }
    }
}

impl fmt::Display for TrustDomains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, name) in self.names.iter().enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(f, "{separator}{name}")?;
        }
        let named = u64::try_from(self.names.len()).unwrap_or(u64::MAX);
        match self.count.saturating_sub(named) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
