//! What the births of one poll are: the order of design, 6.

use std::sync::Arc;
use std::time::Duration;

use super::claim::{Birth, Claimed};
use super::clockwork::{Clockwork, Judged};
use super::contradiction::{Surroundings, contradictions, is_announced, life, made, published};
use super::form::Forms;
use super::{Course, Opened, Unpaired};
use crate::bundle::{Authority, AuthorityId, SvidType};
use crate::decision::Decisions;
use crate::spiffe::TrustDomain;
use crate::time::{Bracket, Timestamp, Window};
use crate::watch::{Contradiction, Policy, Standing, spire};

/// The births of one poll, and what they are judged by.
pub(in crate::watch) struct Births<'a> {
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
    pub(in crate::watch) sequence_stood: Option<u64>,
}

/// What became of one birth.
#[derive(Clone, Debug)]
pub(in crate::watch) struct Outcome {
    pub(in crate::watch) authority: AuthorityId,
    pub(in crate::watch) standing: Standing,
    /// The line that it belongs to, and the authority before it there.
    pub(in crate::watch) lineage: Option<u32>,
    pub(in crate::watch) predecessor: Option<AuthorityId>,
}

/// A birth that dates are asked about.
struct Asked<'a> {
    authority: &'a Arc<Authority>,
    birth: Birth,
    approved: bool,
}

impl Course {
    /// Judges the births of one poll after the first.
    pub(in crate::watch) fn judge(
        &mut self,
        births: &Births<'_>,
        decisions: &mut Decisions,
    ) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(births.new.len());
        // No birth changes how long keys live.
        let clockwork = self.clockwork_at(births);
        // X.509 first: what its births are decides what JWT births of the same poll can be.
        for svid_type in SvidType::ALL {
            let asked = self.set_aside(svid_type, births, decisions, &clockwork, &mut outcomes);
            if asked.is_empty() {
                continue;
            }
            match self.judged(svid_type, births.policy) {
                Judged::ByDates | Judged::ByLearnedLines => {
                    self.by_dates(svid_type, asked, births, decisions, &clockwork, &mut outcomes);
                }
                Judged::ByGaps => self.by_gaps(asked, births, decisions, &mut outcomes),
                Judged::AsRoots => {
                    for one in asked {
                        let outcome = self.unclaimed(&one, births, decisions, 1, false);
                        outcomes.push(outcome);
                    }
                }
            }
        }
        outcomes
    }

    fn clockwork_at(&self, births: &Births<'_>) -> Clockwork {
        let away = births.new.iter().any(|(_, bracket)| {
            let passed = bracket.after.and_then(|after| bracket.until.since(after));
            let shortest = self.lives.first().copied().unwrap_or(Duration::MAX);
            passed.is_some_and(|passed| shortest < passed)
        });
        self.clockwork(births.policy, births.interval, away)
    }

    /// Judges those births of a use that no date can explain, and returns the others in the order
    /// of their publication.
    fn set_aside<'a>(
        &mut self,
        svid_type: SvidType,
        births: &Births<'a>,
        decisions: &Decisions,
        clockwork: &Clockwork,
        outcomes: &mut Vec<Outcome>,
    ) -> Vec<Asked<'a>> {
        let around = Surroundings {
            siblings: births.known,
            trust_domain: births.trust_domain,
            policy: births.policy,
            sequence_stood: births.sequence_stood,
        };
        let of = births.new.iter().filter(|(one, _)| one.id.svid_type == svid_type);
        let mut asked = Vec::new();
        for (authority, bracket) in of {
            let birth = Birth {
                authority: authority.id,
                published: published(authority, *bracket),
                made: made(authority, *bracket, births.policy),
                life: life(authority),
            };
            let aside = |standing| Outcome {
                authority: authority.id,
                standing,
                lineage: None,
                predecessor: None,
            };
            let approved = decisions.approval(authority).is_some();
            if decisions.denial(authority).is_some() {
                outcomes.push(aside(Standing::Denied));
                continue;
            }
            let mut by = contradictions(authority, *bracket, &around);
            if !approved && !by.is_empty() {
                let seen = births_window(*bracket);
                let covering = decisions
                    .announcements
                    .iter()
                    .filter(|one| one.covers(svid_type, seen.from, seen.until));
                let covering: Vec<_> = covering.collect();
                by.retain(|one| {
                    !covering.iter().any(|announced| is_announced(one, authority, announced))
                });
                if !by.is_empty() {
                    self.hold(&by, &birth, clockwork);
                    outcomes.push(aside(Standing::Contradicted { by }));
                    continue;
                }
            }
            asked.push(Asked { authority, birth, approved });
        }
        asked.sort_by_key(|one| (one.birth.published.from, one.birth.authority));
        asked
    }

    /// An authority that only its lifetime contradicts holds the dates of the lineage that it
    /// would go on, for its own period: `ca_ttl` was raised more than fourfold, perhaps.
    fn hold(&mut self, by: &[Contradiction], birth: &Birth, clockwork: &Clockwork) {
        if !by.iter().all(|one| matches!(one, Contradiction::Lifetime { .. })) {
            return;
        }
        let Some((number, _)) = self.meets(birth, clockwork) else { return };
        let Some(life) = birth.life else { return };
        let until = birth.published.until.saturating_add(spire::period(life));
        if let Some(line) = self.lines.iter_mut().find(|line| line.number == number) {
            line.held = Some((birth.authority, until));
        }
    }

    fn by_dates(
        &mut self,
        svid_type: SvidType,
        asked: Vec<Asked<'_>>,
        births: &Births<'_>,
        decisions: &mut Decisions,
        clockwork: &Clockwork,
        outcomes: &mut Vec<Outcome>,
    ) {
        let count = asked.len();
        // As many JWT births as there are unscheduled X.509 births in the poll are their pairs.
        let pairs = match (svid_type, self.opened) {
            (SvidType::Jwt, Some(opened)) if opened.at == births.at => opened.count.min(count),
            _ => 0,
        };
        let mut may_claim = count.saturating_sub(pairs);
        let mut claimed = Vec::new();
        let mut left = Vec::new();
        // What meets no date meets none until a claim moves a line. Births of one poll are alike in
        // thousands, and stand side by side.
        let mut unmet = None;
        for one in asked {
            let when = Some((one.birth.published, one.birth.made));
            let asks = 0 < may_claim && unmet != when;
            let Some((number, date)) = asks.then(|| self.meets(&one.birth, clockwork)).flatten()
            else {
                unmet = when;
                left.push(one);
                continue;
            };
            (may_claim, unmet) = (may_claim - 1, None);
            let claim = self.claim(number, date, &one.birth, clockwork);
            claimed.push(number);
            outcomes.push(explained(&one, claim, |lineage| Standing::OnTime { lineage }));
        }
        if clockwork.away {
            self.catch_up(&claimed, births.at, clockwork);
        }
        // Which of several births of one poll met the date cannot be told: by count.
        let among = if svid_type == SvidType::X509 || claimed.is_empty() { 1 } else { count };
        let among = u32::try_from(among).unwrap_or(u32::MAX);
        let before = self.numbered;
        for one in left {
            let outcome = self.off_date(&one, births, decisions, clockwork, among);
            outcomes.push(outcome);
        }
        if svid_type == SvidType::X509 {
            let count = usize::try_from(self.numbered.saturating_sub(before)).unwrap_or(usize::MAX);
            self.opened = (0 < count).then_some(Opened { at: births.at, count });
        }
    }

    /// A birth that meets no date: announced, late, or unscheduled.
    fn off_date(
        &mut self,
        one: &Asked<'_>,
        births: &Births<'_>,
        decisions: &mut Decisions,
        clockwork: &Clockwork,
        among: u32,
    ) -> Outcome {
        let svid_type = one.birth.authority.svid_type;
        if self.is_learning(svid_type, births, clockwork) {
            return self.found(one);
        }
        if !one.approved
            && !announces(decisions, one)
            && let Some(claim) = self.late(one, births)
        {
            return explained(one, claim, |lineage| Standing::Late { lineage });
        }
        let loose = self.is_loose_still(svid_type, &one.birth, clockwork);
        self.unclaimed(one, births, decisions, among, loose)
    }

    /// A birth that no line takes: announced, approved, or unscheduled. It opens a branch.
    fn unclaimed(
        &mut self,
        one: &Asked<'_>,
        births: &Births<'_>,
        decisions: &mut Decisions,
        among: u32,
        loose: bool,
    ) -> Outcome {
        let svid_type = one.birth.authority.svid_type;
        let branch = match self.judged(svid_type, births.policy) {
            Judged::AsRoots | Judged::ByGaps => 0,
            Judged::ByDates | Judged::ByLearnedLines => self.branch(&one.birth),
        };
        let standing = if one.approved {
            Standing::Approved
        } else if consume(decisions, one) {
            Standing::Announced
        } else {
            Standing::Unscheduled { branch, among, loose }
        };
        let lineage = (0 < branch).then_some(branch);
        Outcome { authority: one.birth.authority, standing, lineage, predecessor: None }
    }

    /// The birth as the next of a lineage that missed its date.
    fn late(&mut self, one: &Asked<'_>, births: &Births<'_>) -> Option<Claimed> {
        let svid_type = one.birth.authority.svid_type;
        let number = self.longest_overdue(svid_type)?;
        let both = self.longest_overdue(SvidType::X509).is_some()
            && self.longest_overdue(SvidType::Jwt).is_some();
        match svid_type {
            SvidType::X509 if both => {
                // Its JWT key must follow within a poll.
                let (authority, at) = (one.birth.authority, births.at);
                let line = self.line(number)?.clone();
                self.unpaired.push(Unpaired { authority, line, at });
            }
            SvidType::Jwt if both || !self.unpaired.is_empty() => {
                if self.unpaired.is_empty() {
                    return None;
                }
                self.unpaired.remove(0);
            }
            SvidType::X509 | SvidType::Jwt | SvidType::Wit => (),
        }
        Some(self.claim_late(number, &one.birth))
    }

    /// The birth founds a lineage, whose rhythm was not known before.
    fn found(&mut self, one: &Asked<'_>) -> Outcome {
        let number = self.branch(&one.birth);
        if let Some(line) = self.lines.iter_mut().find(|line| line.number == number) {
            line.kind = super::LineKind::Lineage;
        }
        let standing = if one.approved { Standing::Approved } else { Standing::Learned };
        let (lineage, predecessor) = (Some(number), None);
        Outcome { authority: one.birth.authority, standing, lineage, predecessor }
    }

    fn by_gaps(
        &mut self,
        asked: Vec<Asked<'_>>,
        births: &Births<'_>,
        decisions: &mut Decisions,
        outcomes: &mut Vec<Outcome>,
    ) {
        for one in asked {
            let svid_type = one.birth.authority.svid_type;
            let fits = self.take_gap(svid_type, one.birth.published.until);
            let plain = |standing| Outcome {
                authority: one.birth.authority,
                standing,
                lineage: None,
                predecessor: None,
            };
            outcomes.push(match fits {
                _ if one.approved => plain(Standing::Approved),
                None => plain(Standing::Learned),
                Some(true) => plain(Standing::OnTime { lineage: 0 }),
                Some(false) => self.unclaimed(&one, births, decisions, 1, false),
            });
        }
    }

    /// Whether lineages of this use are still being learned.
    fn is_learning(&self, svid_type: SvidType, births: &Births<'_>, clockwork: &Clockwork) -> bool {
        self.judged(svid_type, births.policy) == Judged::ByLearnedLines
            && self.first_period(clockwork).is_some_and(|first| births.at <= first.until)
    }

    /// The first period after the baseline, with its tolerance.
    pub(super) fn first_period(&self, clockwork: &Clockwork) -> Option<Window> {
        let period = clockwork.period(None)?;
        let baseline = self.baseline?;
        let until = baseline.saturating_add(period).saturating_add(clockwork.tolerance(period));
        Some(Window::new(baseline, until))
    }

    /// Whether drift may explain a JWT birth off the baseline's windows: under short lives the
    /// chains may have drifted apart by a whole period, so one a lineage is only a warning.
    fn is_loose_still(&self, svid_type: SvidType, birth: &Birth, clockwork: &Clockwork) -> bool {
        /// Drift of 7 s every 12 h takes weeks to go round.
        const LONG: Duration = Duration::from_hours(12);
        let Some(first) = self.first_period(clockwork) else { return false };
        let short = clockwork.lives.last().is_some_and(|life| *life < LONG);
        if svid_type != SvidType::Jwt || !short || first.until < birth.published.until {
            return false;
        }
        let waiting = self.lineages(svid_type).filter(|line| line.is_loose()).count();
        let free = self
            .lines
            .iter()
            .filter(|line| line.svid_type == svid_type && line.is_free_branch())
            .count();
        free < waiting
    }
}

fn births_window(bracket: Bracket) -> Window {
    Window::new(bracket.after.unwrap_or(bracket.until), bracket.until)
}

fn explained(one: &Asked<'_>, claim: Claimed, standing: impl Fn(u32) -> Standing) -> Outcome {
    let Claimed { lineage, predecessor } = claim;
    let standing = if one.approved { Standing::Approved } else { standing(lineage) };
    Outcome { authority: one.birth.authority, standing, lineage: Some(lineage), predecessor }
}

/// The place of the announcement that covers this birth.
fn announcing(decisions: &Decisions, one: &Asked<'_>) -> Option<usize> {
    let Window { from, until } = one.birth.published;
    let svid_type = one.birth.authority.svid_type;
    decisions.announcements.iter().position(|announced| {
        let asked = &announced.announcement;
        let key_type =
            asked.key_type.as_ref().is_none_or(|wanted| *wanted == one.authority.key_type);
        announced.covers(svid_type, from, until) && key_type
    })
}

fn announces(decisions: &Decisions, one: &Asked<'_>) -> bool {
    announcing(decisions, one).is_some()
}

/// Whether an announcement explains this birth; it explains one fewer from now on.
fn consume(decisions: &mut Decisions, one: &Asked<'_>) -> bool {
    let place = announcing(decisions, one);
    let found = place.and_then(|place| decisions.announcements.get_mut(place));
    found.map(|announced| announced.explains.push(one.birth.authority)).is_some()
}
