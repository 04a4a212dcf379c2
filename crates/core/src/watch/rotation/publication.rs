//! What the publications of one poll are: the order of docs/judgement.md#new-authorities.

use std::sync::Arc;
use std::time::Duration;

use super::announced::{announces, consume};
use super::claim::Extension;
use super::contradiction::{ComparisonContext, contradictions, is_announced, issued_at, published};
use super::form::{Forms, lifetime};
use super::published::{Fit, Outcome, Publication};
use super::schedule_parameters::{Judged, ScheduleParameters};
use super::{Opened, RotationModel, Unpaired};
use crate::bundle::{Authority, SvidType};
use crate::decision::Decisions;
use crate::finding::evidence::Contradiction;
use crate::spiffe::TrustDomain;
use crate::time::{Bracket, Timestamp, Window};
use crate::watch::{Policy, Standing, spire};

/// The publications of one poll, and what they are judged by.
pub(in crate::watch) struct Publications<'a> {
    /// The new authorities, sorted by their id, each with its poll bracket.
    pub(in crate::watch) new: &'a [(Arc<Authority>, Bracket)],
    /// The poll that showed them.
    pub(in crate::watch) at: Timestamp,
    /// What the explained authorities look like that were published before.
    pub(in crate::watch) known: &'a Forms,
    pub(in crate::watch) trust_domain: Option<&'a TrustDomain>,
    pub(in crate::watch) policy: &'a Policy,
    /// The poll interval, without jitter.
    pub(in crate::watch) interval: Duration,
    /// Where the sequence number stood still while the key set changed.
    pub(in crate::watch) unchanged_sequence: Option<u64>,
}

/// A publication that dates are asked about.
struct Candidate<'a> {
    authority: &'a Arc<Authority>,
    publication: Publication,
    approved: bool,
    /// Whether it is the pair of an X.509 publication of its poll that fits no date.
    is_pair: bool,
}

impl RotationModel {
    /// Judges the publications of one poll after the first.
    pub(in crate::watch) fn judge(
        &mut self,
        publications: &Publications<'_>,
        decisions: &mut Decisions,
    ) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(publications.new.len());
        // No publication changes how long keys live.
        let schedule = self.schedule_at(publications);
        // X.509 first: what its publications are decides what JWT publications of the same poll can be.
        for svid_type in SvidType::ALL {
            let asked = self.split_off_unexplainable(
                svid_type,
                publications,
                decisions,
                &schedule,
                &mut outcomes,
            );
            if asked.is_empty() {
                continue;
            }
            match self.judged(svid_type, publications.policy) {
                Judged::ByDates | Judged::ByLearnedLineages => {
                    self.by_dates(
                        svid_type,
                        asked,
                        publications,
                        decisions,
                        &schedule,
                        &mut outcomes,
                    );
                }
                Judged::ByGaps => self.by_gaps(asked, publications, decisions, &mut outcomes),
                Judged::AsRoots => {
                    for one in asked {
                        let outcome = self.unclaimed(&one, publications, decisions, Fit::NONE);
                        outcomes.push(outcome);
                    }
                }
            }
        }
        outcomes
    }

    fn schedule_at(&self, publications: &Publications<'_>) -> ScheduleParameters {
        let away = publications.new.iter().any(|(_, bracket)| {
            let passed = bracket.after.and_then(|after| bracket.until.since(after));
            let shortest = self.possible_lifetimes.first().copied().unwrap_or(Duration::MAX);
            passed.is_some_and(|passed| shortest < passed)
        });
        let watched = self.schedule(publications.policy, publications.interval);
        ScheduleParameters { away, ..watched }
    }

    /// Judges those publications of a use that no date can explain, and returns the others in the order
    /// of their publication.
    fn split_off_unexplainable<'a>(
        &mut self,
        svid_type: SvidType,
        publications: &Publications<'a>,
        decisions: &Decisions,
        schedule: &ScheduleParameters,
        outcomes: &mut Vec<Outcome>,
    ) -> Vec<Candidate<'a>> {
        let around = ComparisonContext {
            siblings: publications.known,
            trust_domain: publications.trust_domain,
            policy: publications.policy,
            unchanged_sequence: publications.unchanged_sequence,
        };
        let of = publications.new.iter().filter(|(one, _)| one.id.svid_type == svid_type);
        let mut asked = Vec::new();
        for (authority, bracket) in of {
            let publication = Publication {
                authority: authority.id,
                published: published(authority, *bracket),
                issued_at: issued_at(authority, *bracket, publications.policy),
                lifetime: lifetime(authority),
            };
            let aside = |standing| Outcome::aside(authority.id, standing);
            let approved = decisions.approval(authority).is_some();
            if decisions.denial(authority).is_some() {
                outcomes.push(aside(Standing::Denied));
                continue;
            }
            let mut by = contradictions(authority, *bracket, &around);
            if !approved && !by.is_empty() {
                let seen = publication_window(*bracket);
                let covering = decisions
                    .announcements
                    .iter()
                    .filter(|one| one.covers(svid_type, seen.from, seen.until));
                let covering: Vec<_> = covering.collect();
                by.retain(|one| {
                    !covering.iter().any(|announced| is_announced(one, authority, announced))
                });
                if !by.is_empty() {
                    self.extend_deadline(&by, &publication, schedule);
                    outcomes.push(aside(Standing::Contradicted { by }));
                    continue;
                }
            }
            asked.push(Candidate { authority, publication, approved, is_pair: false });
        }
        asked.sort_by_key(|one| (one.publication.published.from, one.publication.authority));
        asked
    }

    /// An authority that only its lifetime contradicts holds the dates of the lineage that it
    /// would go on, for its own period: `ca_ttl` was raised more than fourfold, perhaps.
    fn extend_deadline(
        &mut self,
        by: &[Contradiction],
        publication: &Publication,
        schedule: &ScheduleParameters,
    ) {
        if !by.iter().all(|one| matches!(one, Contradiction::Lifetime { .. })) {
            return;
        }
        let Some((number, _)) = self.meets(publication, schedule) else { return };
        let Some(lifetime) = publication.lifetime else { return };
        let until = publication.published.until.saturating_add(spire::period(lifetime));
        if let Some(lineage) = self.lineages.iter_mut().find(|lineage| lineage.number == number) {
            lineage.deadline_extension = Some((publication.authority, until));
        }
    }

    fn by_dates(
        &mut self,
        svid_type: SvidType,
        asked: Vec<Candidate<'_>>,
        publications: &Publications<'_>,
        decisions: &mut Decisions,
        schedule: &ScheduleParameters,
        outcomes: &mut Vec<Outcome>,
    ) {
        let count = asked.len();
        // As many JWT publications as there are unscheduled X.509 publications in the poll are their pairs.
        let pairs = match (svid_type, self.opened) {
            (SvidType::Jwt, Some(opened)) if opened.at == publications.at => {
                opened.count.min(count)
            }
            _ => 0,
        };
        let mut may_claim = count.saturating_sub(pairs);
        let mut claimed = Vec::new();
        let mut left = Vec::new();
        // What meets no date meets none until a claim moves a lineage. Publications of one poll are alike in
        // thousands, and stand side by side.
        let mut unmet = None;
        for one in asked {
            let when = Some((one.publication.published, one.publication.issued_at));
            let asks = 0 < may_claim && unmet != when;
            let Some(claim) = asks.then(|| self.claim_any(&one.publication, schedule)).flatten()
            else {
                unmet = when;
                left.push(one);
                continue;
            };
            (may_claim, unmet) = (may_claim - 1, None);
            claimed.push(claim.lineage);
            outcomes.push(explained(&one, claim, |lineage| Standing::OnTime { lineage }));
        }
        if schedule.away {
            self.catch_up(&claimed, publications.at, schedule);
        }
        // Which of several publications of one poll met the date cannot be told: by count.
        let among = if svid_type == SvidType::X509 || claimed.is_empty() { 1 } else { count };
        let among = u32::try_from(among).unwrap_or(u32::MAX);
        let before = self.numbered;
        let mut asked = None;
        for mut one in left {
            // One of those that are alike says it for all.
            let when = Some((one.publication.published, one.publication.issued_at));
            let contests = match asked {
                _ if asked == when => Vec::new(),
                _ => self.claimants_met(&one.publication, schedule),
            };
            asked = when;
            // Those beyond the pairs of unscheduled X.509 publications may be a lineage's first.
            one.is_pair = may_claim == 0;
            may_claim = may_claim.saturating_sub(1);
            let mut outcome =
                self.off_date(&one, publications, decisions, schedule, among, outcomes);
            outcome.contests.extend(contests);
            outcomes.push(outcome);
        }
        if svid_type == SvidType::X509 {
            let count = usize::try_from(self.numbered.saturating_sub(before)).unwrap_or(usize::MAX);
            self.opened = (0 < count).then_some(Opened { at: publications.at, count });
        }
    }

    /// A publication that meets no date: announced, late, or unscheduled.
    fn off_date(
        &mut self,
        one: &Candidate<'_>,
        publications: &Publications<'_>,
        decisions: &mut Decisions,
        schedule: &ScheduleParameters,
        among: u32,
        doubted: &mut Vec<Outcome>,
    ) -> Outcome {
        let svid_type = one.publication.authority.svid_type;
        if self.is_learning(svid_type, publications, schedule) {
            return self.found(one);
        }
        let announced = !one.approved && announces(decisions, one.authority, &one.publication);
        if !one.approved
            && !announced
            && let Some(claim) = self.late(one, publications)
        {
            return explained(one, claim, |lineage| Standing::Late { lineage });
        }
        let fit = if announced || one.is_pair {
            Fit::NONE
        } else {
            self.first_date(&one.publication, schedule, doubted)
        };
        self.unclaimed(one, publications, decisions, Fit { among, ..fit })
    }

    /// A publication that no lineage takes: announced, approved, or unscheduled. It opens a branch.
    fn unclaimed(
        &mut self,
        one: &Candidate<'_>,
        publications: &Publications<'_>,
        decisions: &mut Decisions,
        Fit { among, first, contests }: Fit,
    ) -> Outcome {
        let svid_type = one.publication.authority.svid_type;
        let branch = match self.judged(svid_type, publications.policy) {
            Judged::AsRoots | Judged::ByGaps => 0,
            Judged::ByDates | Judged::ByLearnedLineages => self.branch(&one.publication),
        };
        let standing = if one.approved {
            Standing::Approved
        } else if consume(decisions, one.authority, &one.publication) {
            Standing::Announced
        } else {
            Standing::Unscheduled { branch, among, first }
        };
        let lineage = (0 < branch).then_some(branch);
        Outcome { lineage, contests, ..Outcome::aside(one.publication.authority, standing) }
    }

    /// The publication as the next of a lineage that missed its date.
    fn late(&mut self, one: &Candidate<'_>, publications: &Publications<'_>) -> Option<Extension> {
        let svid_type = one.publication.authority.svid_type;
        let number = self.longest_overdue(svid_type)?;
        let both = self.longest_overdue(SvidType::X509).is_some()
            && self.longest_overdue(SvidType::Jwt).is_some();
        match svid_type {
            SvidType::X509 if both => {
                // Its JWT key must follow within a poll.
                let (authority, at) = (one.publication.authority, publications.at);
                let lineage = self.lineage(number)?.clone();
                self.unpaired.push(Unpaired { authority, lineage, at });
            }
            SvidType::Jwt if both || !self.unpaired.is_empty() => {
                if self.unpaired.is_empty() {
                    return None;
                }
                self.unpaired.remove(0);
            }
            SvidType::X509 | SvidType::Jwt | SvidType::Wit => (),
        }
        Some(self.claim_late(number, &one.publication))
    }

    /// The publication founds a lineage, whose rhythm was not known before.
    fn found(&mut self, one: &Candidate<'_>) -> Outcome {
        let number = self.branch(&one.publication);
        if let Some(lineage) = self.lineages.iter_mut().find(|lineage| lineage.number == number) {
            lineage.kind = super::LineageKind::Established;
        }
        let standing = if one.approved { Standing::Approved } else { Standing::Learned };
        Outcome { lineage: Some(number), ..Outcome::aside(one.publication.authority, standing) }
    }

    fn by_gaps(
        &mut self,
        asked: Vec<Candidate<'_>>,
        publications: &Publications<'_>,
        decisions: &mut Decisions,
        outcomes: &mut Vec<Outcome>,
    ) {
        for one in asked {
            let svid_type = one.publication.authority.svid_type;
            let fits = self.take_gap(svid_type, one.publication.published.until);
            let plain = |standing| Outcome::aside(one.publication.authority, standing);
            outcomes.push(match fits {
                _ if one.approved => plain(Standing::Approved),
                None => plain(Standing::Learned),
                Some(true) => plain(Standing::OnTime { lineage: 0 }),
                Some(false) => self.unclaimed(&one, publications, decisions, Fit::NONE),
            });
        }
    }

    /// Whether lineages of this use are still being learned.
    fn is_learning(
        &self,
        svid_type: SvidType,
        publications: &Publications<'_>,
        schedule: &ScheduleParameters,
    ) -> bool {
        self.judged(svid_type, publications.policy) == Judged::ByLearnedLineages
            && self.first_period(schedule).is_some_and(|first| publications.at <= first.until)
    }

    /// The first period after the baseline, with its tolerance.
    pub(super) fn first_period(&self, schedule: &ScheduleParameters) -> Option<Window> {
        let period = schedule.period(None)?;
        let baseline = self.baseline?;
        let until = baseline.saturating_add(period).saturating_add(schedule.tolerance(period));
        Some(Window::new(baseline, until))
    }
}

fn publication_window(bracket: Bracket) -> Window {
    Window::new(bracket.after.unwrap_or(bracket.until), bracket.until)
}

fn explained(one: &Candidate<'_>, claim: Extension, standing: impl Fn(u32) -> Standing) -> Outcome {
    let Extension { lineage, predecessor, is_ambiguous } = claim;
    let standing = if one.approved { Standing::Approved } else { standing(lineage) };
    let authority = one.publication.authority;
    let contests = is_ambiguous.then_some(authority).into_iter().collect();
    Outcome { authority, standing, lineage: Some(lineage), predecessor, contests }
}
