//! Sentences about failing polls.

use std::fmt;

use super::count;
use crate::finding::evidence::{LockoutBasis, OutageEvidence};
use crate::time::span;

impl fmt::Display for OutageEvidence {
    #[expect(clippy::too_many_lines, reason = "one sentence for each variant")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PollsFailed { polls, reason, detail } => write!(
                f,
                "{} failed in a row, the last with {reason}: {detail}.",
                count((*polls).into(), "poll")
            ),
            Self::NoGoodPoll { lasting, interval } => write!(
                f,
                "No poll has succeeded for {}; the interval is {}.",
                span(*lasting),
                span(*interval)
            ),
            Self::ChangesMissed { lasting } => write!(
                f,
                "No poll has succeeded for {}: keys that were added or removed since, and revocations, are not known.",
                span(*lasting)
            ),
            Self::LockoutAhead { limit, left, basis } => write!(
                f,
                "The stored trust anchors can authenticate this endpoint until {limit}, for {} more: {} After that only a new bootstrap file helps.",
                span(*left),
                match basis {
                    LockoutBasis::NextActivation => {
                        "the next authority, which is not stored here, is then expected to sign."
                    }
                    LockoutBasis::LastExpiry => "the last of them then expires.",
                }
            ),
            Self::LastAnchorExpires { at } => {
                write!(f, "The last stored trust anchor expires at {at}.")
            }
            Self::LockoutIn { limit, left } => write!(
                f,
                "The stored trust anchors can authenticate this endpoint until {limit}, for {} more.",
                span(*left)
            ),
            Self::LockoutPassed { limit } => write!(
                f,
                "The stored trust anchors could authenticate this endpoint until {limit}."
            ),
            Self::LockedOut { limit, basis } => write!(
                f,
                "The stored trust anchors could authenticate this endpoint until {limit}, and no poll has succeeded since: {}",
                match basis {
                    LockoutBasis::NextActivation => {
                        "from then on it was expected to sign with the next authority, which is not stored here."
                    }
                    LockoutBasis::LastExpiry => "the last of them expired then.",
                }
            ),
            Self::ConsumersLockedOut { since, last_good } => {
                write!(
                    f,
                    "Since {since} every consumer that fetched no newer bundle is in the same state"
                )?;
                match last_good {
                    Some(good) => write!(f, "; the last one fetched here is of {good}."),
                    None => f.write_str("."),
                }
            }
            Self::RebootstrapCommands { server } => write!(
                f,
                "The partner exports its bundle with `spire-server bundle show -format spiffe`. Get it out of band, compare its fingerprints, and run `anchorwatch rebootstrap {server} FILE --by YOUR-NAME --reason 'WHY'` here and `spire-server bundle set -id spiffe://{server} -format spiffe -path FILE` on each SPIRE server that is locked out."
            ),
            Self::CouldAuthenticate { until } => write!(
                f,
                "The stored trust anchors can authenticate this endpoint until {until}. Possible causes are a server that lost its keys, or someone in between."
            ),
            Self::CannotAuthenticate { until } => write!(
                f,
                "The stored trust anchors could authenticate this endpoint until {until}: only a new bootstrap file helps now (`anchorwatch rebootstrap`)."
            ),
        }
    }
}
