//! By what rhythm lineages are judged at one moment.

use std::time::Duration;

use crate::bundle::SvidType;
use crate::watch::{AuthorityRecord, IssuerMode, IssuerModel, LineageKind, Policy, spire};

use super::RotationModel;

/// A poll on either side of a publication, and three rotator ticks.
const TICKS: Duration = Duration::from_secs(30);
/// Certificates end on a whole second, so two lives that differ by less are one.
const SAME_LIFETIME: Duration = Duration::from_secs(15);
/// How many lifetimes count at once: a change or two of `ca_ttl` that is still under way.
const MAX_LIFETIMES: usize = 4;
/// A key that lives over this many times as long as its siblings is none of theirs
/// (docs/rotation-model.md#lifetimes).
pub(in crate::watch) const MAX_LIFETIME_RATIO: u32 = 4;

/// By what rhythm the lineages of one use are judged at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct ScheduleParameters {
    /// The declared time from one publication to the next.
    pub(super) interval: Option<Duration>,
    /// The lifetimes that keys of unknown life may have, shortest first.
    pub(super) possible_lifetimes: Vec<Duration>,
    /// How far the issuer's clock and the monitor's may be apart.
    pub(super) skew: Duration,
    /// The least tolerance: two polls and three ticks.
    pub(super) slack: Duration,
    /// How early a publication may be: three ticks, or as much as replicas lag.
    pub(super) early: Duration,
    /// Whether the last two good polls lie further apart than a key lives.
    pub(super) away: bool,
}

impl ScheduleParameters {
    /// From one publication to the next, for a key of this life; `None` where no life is known.
    pub(super) fn period(&self, lifetime: Option<Duration>) -> Option<Duration> {
        match self.interval {
            Some(interval) => Some(interval),
            None => lifetime.or(self.possible_lifetimes.last().copied()).map(spire::period),
        }
    }

    /// How late a publication may be and still be on time: two polls and three ticks, or 1 % of the
    /// period, and at most a quarter of it (docs/rotation-model.md#tolerance).
    pub(super) fn tolerance(&self, period: Duration) -> Duration {
        self.slack.max(period / 100).min(period / 4)
    }
}

/// How the authorities of a use are judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::watch) enum Judged {
    /// By the dates of lineages that the first bundle shows.
    ByDates,
    /// By the dates of lineages that are learned in the first period.
    ByLearnedLineages,
    /// By gaps alone.
    ByGaps,
    /// Not by dates: roots come when they come.
    AsRoots,
}

impl RotationModel {
    /// How the authorities of this use are judged.
    pub(super) fn judged(&self, svid_type: SvidType, policy: &Policy) -> Judged {
        match (policy.issuer, svid_type) {
            (IssuerModel::Learned, _) | (_, SvidType::Wit) => Judged::ByGaps,
            (IssuerModel::Declared { .. }, SvidType::X509 | SvidType::Jwt) => {
                Judged::ByLearnedLineages
            }
            (IssuerModel::Spire { mode, .. }, svid_type) => {
                match (mode.unwrap_or(self.mode), svid_type) {
                    (IssuerMode::Upstream, SvidType::X509) => Judged::AsRoots,
                    (IssuerMode::SelfSigned | IssuerMode::Nested, SvidType::X509) => {
                        Judged::ByDates
                    }
                    (IssuerMode::SelfSigned, _) => Judged::ByDates,
                    (IssuerMode::Upstream | IssuerMode::Nested, _)
                        if self.possible_lifetimes.is_empty() =>
                    {
                        Judged::ByGaps
                    }
                    (IssuerMode::Upstream | IssuerMode::Nested, _) => Judged::ByLearnedLineages,
                }
            }
        }
    }

    /// How the authorities of each use are judged.
    pub(in crate::watch) fn judgement_modes(&self, policy: &Policy) -> [Judged; 3] {
        SvidType::ALL.map(|svid_type| self.judged(svid_type, policy))
    }

    /// The rhythm of this use.
    pub(super) fn schedule(&self, policy: &Policy, interval: Duration) -> ScheduleParameters {
        ScheduleParameters {
            interval: match policy.issuer {
                IssuerModel::Declared { interval, .. } => Some(interval),
                IssuerModel::Spire { .. } | IssuerModel::Learned => None,
            },
            possible_lifetimes: self.possible_lifetimes.clone(),
            skew: policy.clock_skew,
            slack: (interval * 2).saturating_add(TICKS),
            early: TICKS.max(policy.replica_lag),
            away: false,
        }
    }

    /// Reads anew how long keys live: from the configuration, else from standing explained
    /// self-signed authorities, else from the intermediates that the endpoint presents.
    pub(in crate::watch) fn read_lifetimes(
        &mut self,
        published: &mut dyn Iterator<Item = &AuthorityRecord>,
        intermediate: Option<Duration>,
        policy: &Policy,
    ) {
        let IssuerModel::Spire { ca_ttl, mode, .. } = policy.issuer else {
            return;
        };
        let mode = mode.unwrap_or(self.mode);
        let mut possible_lifetimes: Vec<Duration> = Vec::new();
        if mode == IssuerMode::Upstream {
            possible_lifetimes.extend(ca_ttl.or(intermediate));
        } else {
            let standing =
                published.filter(|record| record.is_explained()).filter_map(spire_lifetime);
            possible_lifetimes.extend(standing);
            // A baseline may hold a root beside the authorities that rotate.
            if let Some(shortest) = possible_lifetimes.iter().min().copied() {
                possible_lifetimes.retain(|lifetime| *lifetime <= shortest * MAX_LIFETIME_RATIO);
            }
            if possible_lifetimes.is_empty() {
                possible_lifetimes.extend(ca_ttl);
            }
        }
        possible_lifetimes.sort_unstable();
        possible_lifetimes
            .dedup_by(|longer, shorter| longer.saturating_sub(*shorter) < SAME_LIFETIME);
        possible_lifetimes.truncate(MAX_LIFETIMES);
        // What is known stays known while nothing stands that says otherwise.
        if !possible_lifetimes.is_empty() {
            self.possible_lifetimes = possible_lifetimes;
        }
        // A JWT key may be the first to show another life, so what stands beside it counts too.
        for lineage in self.lineages.iter_mut().filter(|lineage| lineage.lifetime.is_none()) {
            for lifetime in &self.possible_lifetimes {
                if !lineage.possible_lifetimes.contains(lifetime)
                    && lineage.possible_lifetimes.len() < MAX_LIFETIMES
                {
                    lineage.possible_lifetimes.push(*lifetime);
                }
            }
            lineage.possible_lifetimes.sort_unstable();
        }
    }

    /// Whether a lineage of this use goes on as it should.
    pub fn has_lineage_on_time(&self, svid_type: SvidType) -> bool {
        self.lineages.iter().any(|lineage| {
            lineage.svid_type == svid_type
                && lineage.kind == LineageKind::Established
                && lineage.missed.is_none()
        })
    }
}

/// L of an authority in SPIRE's shape: self-signed, under the name of a trust domain.
pub fn spire_lifetime(record: &AuthorityRecord) -> Option<Duration> {
    let certificate = record.authority.certificate.as_ref()?;
    let spire = certificate.self_issued && !certificate.uri_sans.is_empty() && certificate.is_ca;
    let lifetime = certificate.validity.not_after.since(certificate.validity.not_before)?;
    (spire && spire::NOT_BEFORE_CUSHION < lifetime)
        .then(|| lifetime.saturating_sub(spire::NOT_BEFORE_CUSHION))
}
