//! What a trust domain recorded on one day, and what pays for an event ([`Budget`]).

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new variant is none of those that are named here"
)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Budget, Event, Presented, PresentedCertificate, Reserve, SightingBudget};
use crate::bundle::SvidType;
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;

/// What reporters of token sightings recorded on one day.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct SightingsSpent(Vec<(Box<str>, u64)>);

impl SightingsSpent {
    /// How many more this reporter may record.
    pub fn left(&self, reporter: &str) -> u64 {
        let all = self.0.iter().map(|(_, spent)| spent).sum::<u64>();
        let own = self.place(reporter).and_then(|place| self.0.get(place));
        let own = own.map_or(0, |(_, spent)| *spent);
        let own = SightingBudget::REPORTER.saturating_sub(own);
        own.min(SightingBudget::DOMAIN.saturating_sub(all))
    }

    fn place(&self, reporter: &str) -> Option<usize> {
        let name = Self::cut(reporter);
        let known = self.0.iter().position(|(known, _)| **known == *name);
        let last = SightingBudget::REPORTERS.saturating_sub(1);
        known.or_else(|| (SightingBudget::REPORTERS <= self.0.len()).then_some(last))
    }

    fn spend(&mut self, reporter: &str) {
        let place = self.place(reporter).unwrap_or_else(|| {
            self.0.push((Self::cut(reporter), 0));
            self.0.len().saturating_sub(1)
        });
        if let Some((_, spent)) = self.0.get_mut(place) {
            *spent = spent.saturating_add(1);
        }
    }

    fn cut(reporter: &str) -> Box<str> {
        reporter.chars().take(SightingBudget::NAME).collect::<String>().into()
    }
}

/// What was recorded on one day.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct DaySpent {
    /// The day, in days since the epoch, UTC.
    pub day: i64,
    /// What was recorded of polls.
    pub spent: Budget,
    /// Whether the budget was found to be exceeded.
    pub exceeded: bool,
    /// New X.509 authorities that were recorded since.
    pub x509: Budget,
    /// What was recorded of other keys since.
    pub other: Budget,
    /// When each kind of state was last recorded since, by the name of its event.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub states: BTreeMap<Box<str>, Timestamp>,
    /// What relying parties reported of tokens.
    pub sightings: SightingsSpent,
}

/// What pays for an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum BudgetAccount {
    /// The polls' budget, and past it [`Reserve::OTHER`].
    Polls,
    /// The polls' budget, and past it the reserve of new X.509 authorities.
    X509,
    /// The polls' budget, and past it nothing: each kind is recorded once in
    /// [`Reserve::COUNTED_EVERY`].
    State,
    /// The polls' budget, and past it nothing: what is recorded then is bounded by itself.
    Bounded,
    /// That of the relying parties.
    Sightings,
    /// Nothing: it follows from what was paid for, or an operator brought it.
    Free,
}

impl DaySpent {
    const SECONDS_PER_DAY: i64 = 86_400;

    /// What was recorded on the day of `at`.
    #[must_use]
    pub fn on(&self, at: Timestamp) -> Self {
        let day = at.as_unix().div_euclid(Self::SECONDS_PER_DAY);
        if day == self.day { self.clone() } else { Self { day, ..Self::default() } }
    }

    /// Whether a reserve pays for this much more.
    pub(super) fn affords(&self, account: BudgetAccount, reserve: Budget, more: Budget) -> bool {
        let spent = match account {
            BudgetAccount::X509 => self.x509,
            BudgetAccount::Polls => self.other,
            BudgetAccount::State
            | BudgetAccount::Bounded
            | BudgetAccount::Sightings
            | BudgetAccount::Free => return true,
        };
        !spent.plus(more).exceeds(reserve)
    }

    /// Whether a state is recorded at `at`, once the budget is spent: so long after the last of its
    /// kind, or the first of its kind.
    pub(super) fn is_due(&self, event: &Event, at: Timestamp) -> bool {
        let last = self.states.get(event.name());
        let ago = last.and_then(|last| at.since(*last));
        ago.is_none_or(|ago| Reserve::COUNTED_EVERY <= ago)
    }

    /// Spends this much of a reserve.
    pub(super) fn spend(&mut self, account: BudgetAccount, more: Budget) {
        match account {
            BudgetAccount::X509 => self.x509 = self.x509.plus(more),
            BudgetAccount::Polls => self.other = self.other.plus(more),
            BudgetAccount::State
            | BudgetAccount::Bounded
            | BudgetAccount::Sightings
            | BudgetAccount::Free => (),
        }
    }

    /// Takes in an event: it is paid for by the day of `at`.
    pub(super) fn apply(&mut self, at: Timestamp, event: &Event) {
        *self = self.on(at);
        self.pay(at, event);
        self.exceeded |= matches!(event, Event::BudgetExceeded { .. });
    }

    /// Pays for an event that is recorded at `at`.
    fn pay(&mut self, at: Timestamp, event: &Event) {
        let account = event.budget_account();
        if let Event::KidSighted { reporter, .. } = event {
            self.sightings.spend(reporter);
        } else if self.exceeded {
            self.spend(account, event.cost());
            if account == BudgetAccount::State {
                self.states.insert(event.name().into(), at);
            }
        } else if account != BudgetAccount::Free {
            self.spent = self.spent.plus(event.cost());
        }
    }
}

impl Event {
    /// About how many bytes it takes in the store, with the body that it brings: what counts
    /// against the daily budget.
    pub fn weight(&self) -> u64 {
        /// An entry without a certificate, with its hash and its place in the index.
        const ENTRY: u64 = 512;
        // A few words, and some foreign text that is cut.
        let several =
            |count: usize| u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(ENTRY / 2);
        ENTRY.saturating_add(match self {
            Self::BundleChanged { length, unrecorded: None, .. }
            | Self::SteppedBack { length, unstored: false, .. } => *length,
            Self::AuthorityIntroduced { authority, .. }
            | Self::AuthorityRelabelled { authority, .. }
            | Self::UnconfirmedAuthoritySeen { authority, .. } => authority.stored_length(),
            Self::IrregularitiesChanged { irregularities } => several(irregularities.len()),
            Self::FailureBegan { presented: Some(presented), .. }
            | Self::DeniedSignerSeen { presented: Some(presented), .. } => presented.weight(),
            _ => 0,
        })
    }

    /// The event as it is recorded once the daily budget is spent: without a document, and with as
    /// little of what the endpoint presented as names it.
    pub(super) fn in_brief(self) -> Self {
        match self {
            Self::SteppedBack { content, body, length, sequence, address, lacks, adds, .. } => {
                let unstored = true;
                Self::SteppedBack {
                    content,
                    body,
                    length,
                    unstored,
                    sequence,
                    address,
                    lacks,
                    adds,
                }
            }
            Self::FailureBegan { reason, detail, address, presented, denied } => {
                let presented = presented.map(Presented::in_brief);
                Self::FailureBegan { reason, detail, address, presented, denied }
            }
            other => other,
        }
    }

    /// What it costs its account.
    pub(super) fn cost(&self) -> Budget {
        Budget { events: 1, bytes: self.weight() }
    }

    /// The account that pays for it. What is free of charge is bounded by what was paid for: an event finding has
    /// its cause on record, and its room. Past the budget an authority is still removed and judged
    /// once after it was recorded, and a change without any is recorded once a minute.
    pub(super) fn budget_account(&self) -> BudgetAccount {
        match self {
            Self::KidSighted { .. } => BudgetAccount::Sightings,
            Self::AuthorityIntroduced { authority, .. }
            | Self::UnconfirmedAuthoritySeen { authority, .. }
                if authority.id.svid_type == SvidType::X509 =>
            {
                BudgetAccount::X509
            }
            Self::FindingRaised { .. }
            | Self::FindingEnded { .. }
            | Self::FindingsLeftOut { .. }
            | Self::Decided { .. }
            | Self::PolicyChanged { .. }
            | Self::EndpointConfigured { .. }
            | Self::Rebootstrapped { .. }
            | Self::BudgetExceeded { .. } => BudgetAccount::Free,
            Self::FirstContact { .. }
            | Self::BundleChanged { .. }
            | Self::AuthorityRemoved { .. }
            | Self::AuthorityJudged { .. }
            | Self::DeniedSignerSeen { .. }
            | Self::DeniedSignerGone { .. }
            | Self::DatesPassed { .. }
            | Self::Recovered { .. }
            | Self::WatchGap { .. }
            | Self::ClockSteppedBack { .. } => BudgetAccount::Bounded,
            Self::AuthorityIntroduced { .. }
            | Self::AuthorityRelabelled { .. }
            | Self::UnconfirmedAuthoritySeen { .. } => BudgetAccount::Polls,
            Self::AuthoritySigned { .. }
            | Self::SteppedBack { .. }
            | Self::StepBackConfirmed { .. }
            | Self::AddressDiffers { .. }
            | Self::FailureBegan { .. }
            | Self::IrregularitiesChanged { .. }
            | Self::ConsumersChanged { .. }
            | Self::IntermediateSeen { .. }
            | Self::EndpointShifted { .. }
            | Self::NetworksFound { .. } => BudgetAccount::State,
        }
    }
}

impl Presented {
    /// As much of it as names the endpoint: its own certificate with its first URI name, which is
    /// all that an X509-SVID has (X509-SVID, 2).
    fn in_brief(self) -> Self {
        let mut leaf = self.leaf;
        leaf.uri_sans.truncate(1);
        Self { leaf, chain: Vec::new(), anchor: self.anchor, path: self.path }
    }

    /// About how many bytes it takes in the store.
    fn weight(&self) -> u64 {
        /// A certificate's digests and dates.
        const CERTIFICATE: usize = 256;
        let text = |text: &UntrustedText| text.as_received().len();
        let certificate = |one: &PresentedCertificate| {
            let names = one.subject.iter().chain(&one.issuer).chain(&one.uri_sans);
            names.map(text).fold(CERTIFICATE, usize::saturating_add)
        };
        let all = self.chain.iter().chain([&self.leaf]).map(certificate);
        u64::try_from(all.fold(0, usize::saturating_add)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reporter_leaves_room_to_the_others_and_none_takes_memory() {
        let mut spent = SightingsSpent::default();
        for _ in 0..SightingBudget::REPORTER {
            assert!(0 < spent.left("file"));
            spent.spend("file");
        }
        assert_eq!(spent.left("file"), 0);
        assert_eq!(spent.left("uid 1000"), SightingBudget::REPORTER);
        for number in 0..1_000 {
            spent.spend(&format!("invented {number}"));
        }
        assert!(spent.0.len() <= SightingBudget::REPORTERS, "{}", spent.0.len());
        for number in 1_000..20_000 {
            let name = format!("invented {number}");
            if 0 < spent.left(&name) {
                spent.spend(&name);
            }
        }
        let all: u64 = spent.0.iter().map(|(_, spent)| spent).sum();
        assert_eq!(all, SightingBudget::DOMAIN);
    }
}
