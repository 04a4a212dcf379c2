//! What a replay says, a JSON object a line.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::bundle::{Fingerprint, SvidType};
use crate::finding::evidence::{Law, StatedEvidence, TtlSource};
use crate::finding::{Finding, FindingId, FindingKind, Severity};
use crate::judge::{Verdict, VerdictKind};
use crate::spiffe::TrustDomain;
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;
use crate::watch::HandOver;

/// What became of a finding.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is true from now on.
    Raised,
    /// It is true no more.
    Cleared,
    /// It is as urgent as it says from now on.
    Severity,
}

/// One line of a replay's output.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ReplayReport {
    /// A finding changed.
    Finding {
        /// When.
        at: Timestamp,
        /// Of which trust domain.
        trust_domain: TrustDomain,
        /// Its kind.
        finding: FindingKind,
        /// What it is known by.
        id: FindingId,
        /// The use that it is about.
        #[serde(rename = "use")]
        svid_type: Option<SvidType>,
        /// What exactly it is about.
        subject: UntrustedText,
        /// How urgent it is.
        severity: Severity,
        /// What became of it.
        change: Change,
        /// What it rests on.
        evidence: Vec<StatedEvidence>,
    },
    /// A hand-over finished.
    Verdict {
        /// When that was seen.
        at: Timestamp,
        /// Of which trust domain.
        trust_domain: TrustDomain,
        /// Its use.
        #[serde(rename = "use")]
        svid_type: SvidType,
        /// The authority that was removed.
        old: Fingerprint,
        /// The one that followed it.
        new: Option<Fingerprint>,
        /// `safe`, `violated` or `undecidable`.
        verdict: &'static str,
        /// Which law was broken.
        law: Option<Law>,
        /// Where T comes from.
        ttl: TtlSource,
        /// By how much the overlap exceeds what the laws need.
        slack_seconds: i64,
    },
}

impl ReplayReport {
    pub(super) fn finding(
        trust_domain: &TrustDomain,
        at: Timestamp,
        finding: &Finding,
        change: Change,
    ) -> Self {
        Self::Finding {
            at,
            trust_domain: trust_domain.clone(),
            finding: finding.kind,
            id: finding.id,
            svid_type: finding.svid_type,
            subject: finding.subject.clone(),
            severity: finding.severity,
            change,
            evidence: finding.evidence.iter().map(StatedEvidence::from).collect(),
        }
    }

    pub(super) fn verdict(
        trust_domain: &TrustDomain,
        at: Timestamp,
        handover: &HandOver,
        verdict: &Verdict,
    ) -> Self {
        Self::Verdict {
            at,
            trust_domain: trust_domain.clone(),
            svid_type: handover.svid_type,
            old: handover.old,
            new: handover.new,
            verdict: verdict.kind.label(),
            law: verdict.kind.law(),
            ttl: verdict.ttl.source,
            slack_seconds: verdict.slack_seconds,
        }
    }
}

/// What was said of one trust domain in all.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Totals {
    /// Polls, good and bad; `None` of a journal, which tells of changes alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub polls: Option<u64>,
    /// Findings that would have paged: those that became critical.
    pub pages: u64,
    /// Findings by kind.
    pub raised: BTreeMap<&'static str, u64>,
    /// Verdicts.
    pub verdicts: BTreeMap<&'static str, u64>,
    /// Findings that are open at the end.
    pub open: Vec<&'static str>,
}

impl Totals {
    pub(super) fn raised(&mut self, finding: &Finding) {
        *self.raised.entry(finding.kind.label()).or_default() += 1;
        if finding.severity == Severity::Critical {
            self.pages = self.pages.saturating_add(1);
        }
    }

    pub(super) fn judged(&mut self, verdict: VerdictKind) {
        *self.verdicts.entry(verdict.label()).or_default() += 1;
    }
}

/// The last line.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename = "summary")]
pub struct Summary {
    /// The time of the last line, or of the last poll that a store knows of.
    pub at: Option<Timestamp>,
    /// How many lines there were, or entries of a journal.
    pub lines: u64,
    /// What was said of each trust domain.
    #[serde(rename = "trust_domains")]
    pub domains: BTreeMap<TrustDomain, Totals>,
}
