//! What the API says of rotation: dates to come, hand-overs that finished, and whether an authority
//! is explained.

use serde::{Deserialize, Serialize};

use anchorwatch_core::bundle::{Fingerprint, SvidType};
use anchorwatch_core::judge::{self, Case, Lockout, VerdictKind};
use anchorwatch_core::time::{Bracket, Timestamp, Window};
use anchorwatch_core::view::DomainView;
use anchorwatch_core::watch::{AuthorityRecord, HandOver, Lead, Lineage, Standing};

/// How many lineages and hand-overs are told of.
const MOST: usize = 64;

/// What is to be said of a trust domain's rotation.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RotationReport {
    /// How many replicas issue, as far as lineages on time tell.
    pub replicas: usize,
    /// The earliest moment at which the endpoint may prove itself by an authority that a consumer
    /// which stopped now does not hold.
    pub soft_lockout: Option<Timestamp>,
    /// The last moment at which an authority that is held can authenticate the endpoint.
    pub hard_lockout: Option<Timestamp>,
    /// Who uses the bundle.
    pub consumers: Vec<ConsumerReport>,
    /// The lineages, oldest first.
    pub lineages: Vec<LineageReport>,
    /// The hand-overs that finished, newest last.
    pub handovers: Vec<HandOverReport>,
}

/// A declared consumer.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ConsumerReport {
    /// As in `consumers`.
    pub consumer: String,
    /// How long it may take to hold what is published, in seconds.
    pub delay_seconds: u64,
}

/// The chain of one issuer replica.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct LineageReport {
    /// Its number, which `retire-lineage` takes.
    pub lineage: u32,
    /// What its authorities sign.
    #[serde(rename = "use")]
    pub svid_type: SvidType,
    /// Its newest authority; absent while only its existence is known.
    pub newest: Option<Fingerprint>,
    /// When the next is due.
    pub expected: Option<Window>,
    /// Until when that would be on time.
    pub deadline: Option<Timestamp>,
    /// Whether it missed a date that nothing replaced.
    pub overdue: bool,
}

/// An authority that was removed, and the one that followed it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct HandOverReport {
    /// What they sign.
    #[serde(rename = "use")]
    pub svid_type: SvidType,
    /// The one that was removed.
    pub old: Fingerprint,
    /// The one that followed.
    pub new: Option<Fingerprint>,
    /// When the old one was removed.
    pub removed: Bracket,
    /// `safe`, `violated` or `undecidable`; absent where nothing followed.
    pub verdict: Option<String>,
    /// The law that was broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law: Option<String>,
    /// By how much the hand-over exceeds what the laws need, at worst, in seconds.
    pub slack_seconds: Option<i64>,
    /// The longest lifetime that was reckoned with, in seconds.
    pub ttl_seconds: u64,
    /// Who says so: `declared`, `sighted` or `assumed`.
    pub ttl: String,
    /// Whose lead `safe` rests on: `declared` or `modelled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead: Option<String>,
    /// The least and the greatest share of live credentials that died with it.
    pub in_flight: [f64; 2],
    /// When the last of them has expired.
    pub at_risk_until: Timestamp,
}

impl RotationReport {
    /// What is to be said of this trust domain.
    pub fn new(domain: &DomainView) -> Self {
        let (facts, case) = (&domain.state.facts, domain.case());
        let Lockout { soft, hard } = case.lockout();
        let consumers = domain.policy.consumers.iter().map(|consumer| ConsumerReport {
            consumer: consumer.to_string(),
            delay_seconds: case.delay_of(*consumer).as_secs(),
        });
        let lineages =
            facts.rotation.lineages.iter().filter(|line| line.is_established()).take(MOST);
        Self {
            replicas: facts.rotation.replicas(),
            soft_lockout: soft,
            hard_lockout: hard,
            consumers: consumers.collect(),
            lineages: lineages.map(|line| LineageReport::new(domain, line)).collect(),
            handovers: facts
                .rotation
                .handovers
                .iter()
                .map(|handover| HandOverReport::new(&case, handover))
                .collect(),
        }
    }
}

impl LineageReport {
    fn new(domain: &DomainView, line: &Lineage) -> Self {
        let facts = &domain.state.facts;
        let due = facts.rotation.due(line, &domain.policy, facts.interval(&domain.policy));
        Self {
            lineage: line.number,
            svid_type: line.svid_type,
            newest: line.newest.map(|newest| newest.fingerprint),
            expected: due.map(|(date, _)| date),
            deadline: due.map(|(_, deadline)| deadline),
            overdue: line.is_overdue(),
        }
    }
}

impl HandOverReport {
    /// The slack as people are shown it: what cannot be decided has no margin.
    pub fn shown_slack(&self) -> Option<String> {
        let is_decided = self.verdict.as_deref() != Some(VerdictKind::Undecidable.label());
        self.slack_seconds.filter(|_| is_decided).map(|seconds| format!("{seconds} s"))
    }

    fn new(case: &Case<'_>, handover: &HandOver) -> Self {
        let verdict = case.verdict(handover);
        let risk = judge::in_flight(case, handover);
        let HandOver { svid_type, old, new, removed, .. } = *handover;
        Self {
            svid_type,
            old,
            new,
            removed,
            verdict: verdict.map(|verdict| verdict.kind.label().to_owned()),
            law: verdict.and_then(|verdict| Some(verdict.kind.law()?.label().to_owned())),
            slack_seconds: verdict.map(|verdict| verdict.slack_seconds),
            ttl_seconds: risk.ttl.longest.as_secs(),
            ttl: risk.ttl.source.label().to_owned(),
            lead: verdict.and_then(|verdict| verdict.lead).map(|lead| match lead {
                Lead::Declared(_) => "declared".to_owned(),
                Lead::Modelled { .. } => "modelled".to_owned(),
            }),
            in_flight: [risk.least, risk.most],
            at_risk_until: risk.until,
        }
    }
}

/// Whether an authority is explained, and what is to come of it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct JudgedReport {
    /// What explains it, or that nothing does, in a word.
    pub standing: String,
    /// Whether nobody need look at it.
    pub explained: bool,
    /// What it contradicts, in words. Foreign text in them is escaped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contradictions: Vec<String>,
    /// The lineage or branch that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<u32>,
    /// When it is expected to sign for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<Window>,
    /// When it is expected to sign for the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retirement: Option<Window>,
    /// When it is expected to leave the bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal: Option<Window>,
}

impl JudgedReport {
    /// What is to be said of this authority; `None` where the facts do not hold it any more.
    pub fn new(record: &AuthorityRecord, domain: Option<&DomainView>) -> Option<Self> {
        let standing = record.standing.as_ref()?;
        let contradictions = if let Standing::Contradicted { by } = standing {
            by.iter().map(ToString::to_string).collect()
        } else {
            Vec::new()
        };
        let expected = domain.map(|domain| domain.case().expected(record)).unwrap_or_default();
        Some(Self {
            standing: standing.label().to_owned(),
            explained: standing.is_explained(),
            contradictions,
            lineage: record.lineage.filter(|number| 0 < *number),
            activation: expected.activation,
            retirement: expected.retirement,
            removal: expected.removal,
        })
    }
}
