//! What was said of a trust domain, and what is new of what is to be said.

use std::collections::BTreeMap;

use super::report::{Change, ReplayReport, Totals};
use crate::finding::{Finding, FindingId, Severity};
use crate::judge::{self, Case, Verdict};
use crate::spiffe::TrustDomain;
use crate::time::Timestamp;
use crate::watch::HandOver;

/// What was said of a trust domain.
#[derive(Default)]
pub(super) struct Reported {
    open: BTreeMap<FindingId, Finding>,
    /// How many hand-overs were reported of.
    finished: u64,
    totals: Totals,
}

impl Reported {
    /// Nothing yet, where polls are counted.
    pub(super) fn of_polls() -> Self {
        let totals = Totals { polls: Some(0), ..Totals::default() };
        Self { totals, ..Self::default() }
    }

    pub(super) fn polled(&mut self) {
        self.totals.polls = self.totals.polls.map(|polls| polls.saturating_add(1));
    }

    /// Whether these are other findings, or other severities, than were reported.
    pub(super) fn differs_from(&self, findings: &[Finding]) -> bool {
        let known = |finding: &Finding| {
            self.open.get(&finding.id).is_some_and(|known| known.severity == finding.severity)
        };
        findings.len() != self.open.len() || !findings.iter().all(known)
    }

    /// Tells what is to be said now and was not before.
    pub(super) fn tell(
        &mut self,
        case: &Case<'_>,
        name: &TrustDomain,
        at: Timestamp,
        reports: &mut Vec<ReplayReport>,
    ) {
        let findings = judge::assess(case, at).findings;
        let now: BTreeMap<FindingId, Finding> =
            findings.into_iter().map(|finding| (finding.id, finding)).collect();
        let mut tell = |finding: &Finding, change: Change| {
            reports.push(ReplayReport::finding(name, at, finding, change));
        };
        for (id, finding) in &self.open {
            if !now.contains_key(id) {
                tell(finding, Change::Cleared);
            }
        }
        for (id, finding) in &now {
            match self.open.get(id).map(|known| known.severity) {
                None => {
                    self.totals.raised(finding);
                    tell(finding, Change::Raised);
                }
                Some(severity) if severity != finding.severity => {
                    if finding.severity == Severity::Critical {
                        self.totals.pages = self.totals.pages.saturating_add(1);
                    }
                    tell(finding, Change::Severity);
                }
                Some(_) => (),
            }
        }
        self.open = now;
        self.tell_verdicts(case, name, at, reports);
    }

    fn tell_verdicts(
        &mut self,
        case: &Case<'_>,
        name: &TrustDomain,
        at: Timestamp,
        reports: &mut Vec<ReplayReport>,
    ) {
        let rotation = &case.state.facts.rotation;
        let new = rotation.finished.saturating_sub(self.finished);
        self.finished = rotation.finished;
        let new = usize::try_from(new).unwrap_or(usize::MAX);
        let first = rotation.handovers.len().saturating_sub(new);
        let verdicts: Vec<(&HandOver, Verdict)> = rotation
            .handovers
            .iter()
            .skip(first)
            .filter(|handover| !handover.covered_by_other_finding)
            .filter_map(|handover| Some((handover, case.verdict(handover)?)))
            .collect();
        for (handover, verdict) in verdicts {
            self.totals.judged(verdict.kind);
            reports.push(ReplayReport::verdict(name, at, handover, &verdict));
        }
    }

    pub(super) fn totals(self) -> Totals {
        let open = self.open.into_values().map(|finding| finding.kind.label()).collect();
        Totals { open, ..self.totals }
    }
}
