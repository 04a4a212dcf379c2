//! Before the outage: will a published key sign before every consumer holds it?

use std::time::Duration;

use super::draft::Draft;
use super::verdict::{Measure, Ttl};
use super::{Case, Verdict, verdict};
use crate::bundle::SvidType;
use crate::bundle::consumer::Consumer;
use crate::finding::evidence::{LeadSource, ScheduleEvidence};
use crate::finding::{FindingKind, Severity};
use crate::time::Timestamp;
use crate::watch::{AuthorityRecord, HandOver, Lead, Standing};

impl Case<'_> {
    /// How long a declared consumer may take to hold what is published.
    pub fn delay_of(&self, consumer: Consumer) -> Duration {
        let facts = self.facts();
        let hint = facts.bundle.confirmed.as_ref().map(|confirmed| &confirmed.refresh_hint);
        let absent = crate::bundle::StatedNumber::Absent;
        consumer.delay(hint.unwrap_or(&absent), self.shortest_lifetime())
    }

    /// D: the delay of the slowest declared consumer, and which that is.
    pub fn slowest_consumer(&self) -> (Consumer, Duration) {
        let delays = self.policy.consumers.iter().map(|one| (*one, self.delay_of(*one)));
        let slowest = delays.max_by_key(|(_, delay)| *delay);
        slowest.unwrap_or_else(|| (Consumer::Spire, self.delay_of(Consumer::Spire)))
    }

    fn shortest_lifetime(&self) -> Option<Duration> {
        let published = self.facts().published().filter(|record| record.is_explained());
        let lives = published.filter_map(|record| {
            let validity = record.authority.certificate.as_ref()?.validity;
            validity.not_after.since(validity.not_before)
        });
        lives.min()
    }

    /// T of a use.
    pub fn ttl(&self, svid_type: SvidType) -> Ttl {
        Ttl::of(svid_type, self.policy, self.facts().sightings.all())
    }

    /// The verdict on a finished hand-over; `None` where nothing followed.
    pub fn verdict(&self, handover: &HandOver) -> Option<Verdict> {
        self.verdict_for(handover, self.slowest_consumer().1)
    }

    /// The same, where D is known already.
    pub(super) fn verdict_for(&self, handover: &HandOver, delay: Duration) -> Option<Verdict> {
        let facts = self.facts();
        let measure = Measure {
            ttl: self.ttl(handover.svid_type),
            delay,
            sigma: self.policy.sigma(),
            skew: self.policy.clock_skew,
            sighted_old: facts.token_sighting(handover.old_kid.as_ref()),
            sighted_new: facts.token_sighting(handover.new_kid.as_ref()),
        };
        verdict(handover, &measure)
    }
}

/// Drafts `lead_too_short`.
pub(super) fn conditions(case: &Case<'_>, at: Timestamp, drafts: &mut Vec<Draft>) {
    for record in case.facts().published() {
        if let Some(draft) = too_short(case, record, at) {
            drafts.push(draft);
        }
    }
}

fn too_short(case: &Case<'_>, record: &AuthorityRecord, at: Timestamp) -> Option<Draft> {
    let facts = case.facts();
    let lead = facts.lead(record, case.policy)?;
    let activation = facts.activation(record, case.policy)?;
    if activation.until <= at || matches!(record.standing, Some(Standing::Baseline)) {
        return None;
    }
    let (slowest, delay) = case.slowest_consumer();
    if delay <= lead.likely() {
        return None;
    }
    // The standard's delay of a consumer has a retry in it: without it, even a consumer that
    // misses no poll comes too late.
    let sure = lead.most() < delay / 2;
    let severity = if sure { Severity::Critical } else { Severity::Warning };
    let source = match lead {
        Lead::Declared(_) => LeadSource::Declared,
        Lead::Modelled { .. } => LeadSource::Modelled,
    };
    let draft = Draft::new(FindingKind::LeadTooShort, severity, record.published.until)
        .about(record.id())
        .because(ScheduleEvidence::LeadTooShort {
            lead: lead.likely(),
            source,
            consumer: slowest,
            delay,
        })
        .because(ScheduleEvidence::ExpectedToSign { from: activation.from });
    Some(draft)
}
