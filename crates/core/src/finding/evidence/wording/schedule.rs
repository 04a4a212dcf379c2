//! Sentences about rotation.

use std::fmt;

use super::{count, noun};
use crate::bundle::Fingerprint;
use crate::finding::evidence::{LeadSource, ScheduleEvidence};
use crate::time::{Window, span};

impl fmt::Display for ScheduleEvidence {
    #[expect(clippy::too_many_lines, reason = "one sentence for each variant")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IntervalExceeded { last, expected_within } => write!(
                f,
                "The last authority was published at {last}, and the next was expected within {} (observed intervals).",
                span(*expected_within)
            ),
            Self::LearnedInterval { count: number, median, longest } => write!(
                f,
                "The schedule was learned from {}: the median is {}, the longest {}.",
                count(*number, "interval"),
                span(*median),
                span(*longest)
            ),
            Self::LineageOverdue { lineage, due, deadline } => write!(
                f,
                "The next authority of lineage {lineage} was due {}, on time until {deadline}; a good poll after that shows no new authority.",
                window(*due)
            ),
            Self::NewestAuthority { id, published } => write!(
                f,
                "The lineage's newest authority is {} {}, published by {published}.",
                noun(id.svid_type),
                id.fingerprint.short()
            ),
            Self::NewestUnknown => {
                f.write_str("The lineage had started before monitoring did.")
            }
            Self::OthersOnTime { count: 0 } => {
                f.write_str("No other lineage of this use is on time.")
            }
            Self::OthersOnTime { count: 1 } => {
                f.write_str("One other lineage of this use is on time.")
            }
            Self::OthersOnTime { count } => {
                write!(f, "{count} other lineages of this use are on time.")
            }
            Self::NewestExpires { at } => {
                write!(f, "The lineage's newest authority expires at {at}.")
            }
            Self::LifetimeChanged { from, to } => write!(
                f,
                "The authority that was published when its lineage was due has a lifetime of {}; the one before had {}.",
                span(*to),
                span(*from)
            ),
            Self::LifetimeChangeCauses => f.write_str(
                "Possible causes are a changed `ca_ttl`, or another server that signs under this name.",
            ),
            Self::LearnedFromPublications => f.write_str(
                "The issuer's schedule is learned from the intervals between publications.",
            ),
            Self::LearnedInFirstInterval { interval } => write!(
                f,
                "The lineages are learned in the first interval, which is {} (declared).",
                span(*interval)
            ),
            Self::SelfSignedIssuer => {
                f.write_str("The issuer is a SPIRE server that signs its own authorities.")
            }
            Self::LearnedInFirstPeriod { mode, configured } => write!(
                f,
                "The issuer is SPIRE in mode {mode} ({}): its JWT lineages are learned in the first period. Set `issuer.spire.ca_ttl` and `mode` where they are known.",
                if *configured { "declared" } else { "assumed from the first bundle" }
            ),
            Self::AcceptedUnlearned { count: number, authorities } => {
                let names: Vec<String> = authorities.iter().map(Fingerprint::short).collect();
                let more = number.saturating_sub(u64::try_from(names.len()).unwrap_or(u64::MAX));
                write!(
                    f,
                    "{} accepted while the schedule was not known: {}{}.",
                    match number {
                        1 => "One authority was".to_owned(),
                        number => format!("{number} authorities were"),
                    },
                    names.join(", "),
                    if more == 0 { String::new() } else { format!(" and {more} more") }
                )
            }
            Self::PollingInterrupted { lasting } => {
                write!(f, "Polling was interrupted for {}.", span(*lasting))
            }
            Self::UnseenChanges => f.write_str(
                "An authority that was both added and removed within that time was not seen.",
            ),
            Self::LeadTooShort { lead, source, consumer, delay } => write!(
                f,
                "It is published {} before it signs ({}); the slowest consumer, {consumer}, may need up to {} until it has it.",
                span(*lead),
                match source {
                    LeadSource::Declared => "declared",
                    LeadSource::Modelled => "by SPIRE's rule for its lifetime",
                },
                span(*delay)
            ),
            Self::ExpectedToSign { from } => {
                write!(f, "It is expected to sign from {from} on.")
            }
        }
    }
}

fn window(due: Window) -> String {
    if due.until.since(due.from).is_some_and(|width| width.as_secs() < 60) {
        format!("at {}", due.from)
    } else {
        format!("between {} and {}", due.from, due.until)
    }
}
