//! Recorded polls judged again: lines in, findings and verdicts out. A [`JournalReplay`] does the
//! same with the journal of a store, which tells of changes and not of polls.
//!
//! No TLS is verified here: a line with a document is an authenticated poll, and only a line with
//! a failure says that an endpoint could not prove who it is. Time is what the lines say.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new variant is none of those that are named here"
)]

mod chronicle;
mod journaled;
mod observation;
mod report;
mod reported;
mod watched;

pub use chronicle::RecordedDecisions;
pub use journaled::JournalReplay;
pub use observation::{RecordedLine, RecordedLineError, RecordedRebootstrap, Refusals, Seen};
pub use report::{Change, ReplayReport, Summary, Totals};

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use crate::bundle::ParseLimits;
use crate::decision::{Decision, DecisionAction};
use crate::judge::PublicKeyIndex;
use crate::spiffe::{BundleEndpoint, TrustDomain};
use crate::time::Timestamp;
use crate::watch::Policy;
use watched::Watched;

/// How often findings are assessed between two lines.
const TICK: Duration = Duration::from_mins(1);
/// The longest time between two lines.
const LONGEST_GAP: Duration = Duration::from_hours(10 * 366 * 24);

/// By what rules a trust domain is judged, and where its bundle is served as far as that matters.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The rules.
    pub policy: Arc<Policy>,
    /// The endpoint.
    pub endpoint: BundleEndpoint,
    /// Decisions that stand in the configuration.
    pub decisions: Vec<Decision>,
}

#[expect(missing_debug_implementations, reason = "it holds a function")]
/// Recorded polls of any number of trust domains, judged in the order of time.
pub struct Replay<F> {
    rules: F,
    refusals: Refusals,
    limits: ParseLimits,
    domains: BTreeMap<TrustDomain, Watched>,
    keys: PublicKeyIndex,
    /// A denial binds a public key everywhere, also where nothing was seen yet.
    denials: Vec<Decision>,
    at: Option<Timestamp>,
    lines: u64,
}

impl<F: Fn(&TrustDomain) -> Option<Rules>> Replay<F> {
    /// A replay under these rules; `refusals` says which consumers would refuse a document, and
    /// `limits` are those within which documents are read.
    pub fn new(rules: F, refusals: Refusals, limits: ParseLimits) -> Self {
        let (domains, keys) = (BTreeMap::new(), PublicKeyIndex::default());
        Self { rules, refusals, limits, domains, keys, denials: Vec::new(), at: None, lines: 0 }
    }

    /// The longest line that is read, in bytes.
    pub fn longest_line(&self) -> usize {
        RecordedLine::longest(&self.limits)
    }

    /// Judges a line of text, which must not be earlier than the one before.
    pub fn judge_line(&mut self, text: &str) -> Result<Vec<ReplayReport>, RecordedLineError> {
        self.lines = self.lines.saturating_add(1);
        let line = RecordedLine::parse(text, self.refusals, &self.limits)?;
        if self.at.is_some_and(|at| line.at < at) {
            return Err(RecordedLineError::OutOfOrder);
        }
        // Each minute between two lines is looked at.
        if self.at.is_some_and(|at| LONGEST_GAP < line.at.since(at).unwrap_or_default()) {
            return Err(RecordedLineError::TooLate);
        }
        let mut reports = self.pass(line.at);
        self.at = Some(line.at);
        let RecordedLine { at, trust_domain, seen } = line;
        let watched = match self.domains.entry(trust_domain.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let rules = (self.rules)(&trust_domain).ok_or(RecordedLineError::NoRules)?;
                let watched = new.insert(Watched::new(rules, at));
                for denial in &self.denials {
                    watched.decide(at, denial);
                }
                watched
            }
        };
        let mut everywhere = false;
        match seen {
            Seen::Decision(decision) => {
                let decision = bound(*decision, watched);
                everywhere = matches!(decision.action, DecisionAction::Deny { .. });
                watched.decide(at, &decision);
                if everywhere {
                    for (_, other) in self.domains.iter_mut().filter(|(n, _)| **n != trust_domain) {
                        other.decide(at, &decision);
                    }
                    self.denials.push(decision);
                }
            }
            Seen::Rebootstrap(rebootstrap) => watched.rebootstrap(at, *rebootstrap),
            seen => watched.poll(at, seen, &mut self.keys)?,
        }
        if let Some(watched) = self.domains.get_mut(&trust_domain) {
            watched.compare(&mut self.keys, &trust_domain, at);
            watched.report(&trust_domain, at, &mut reports);
        }
        if everywhere {
            for (name, watched) in &mut self.domains {
                watched.report(name, at, &mut reports);
            }
        }
        Ok(reports)
    }

    /// Time passes until the next line.
    fn pass(&mut self, until: Timestamp) -> Vec<ReplayReport> {
        let mut reports = Vec::new();
        let Some(mut at) = self.at else { return reports };
        loop {
            at = at.saturating_add(TICK);
            if until <= at {
                return reports;
            }
            for (name, watched) in &mut self.domains {
                watched.compare(&mut self.keys, name, at);
                watched.review(at);
                watched.report(name, at, &mut reports);
            }
        }
    }

    /// What is to be said at the end.
    pub fn finish(self) -> Summary {
        let domains = self.domains.into_iter().map(|(name, watched)| (name, watched.totals()));
        Summary { at: self.at, lines: self.lines, domains: domains.collect() }
    }
}

/// A denial binds the public key, where it was seen.
fn bound(mut decision: Decision, watched: &Watched) -> Decision {
    if let DecisionAction::Deny { fingerprint, public_key, .. } = &mut decision.action
        && public_key.is_none()
    {
        let known = watched.facts().authorities.records.iter().map(|record| &record.authority);
        let known =
            known.chain(watched.facts().authorities.unconfirmed.iter().map(|one| &one.authority));
        *public_key = known
            .filter(|authority| authority.id.fingerprint == *fingerprint)
            .find_map(|authority| authority.public_key);
    }
    decision
}
