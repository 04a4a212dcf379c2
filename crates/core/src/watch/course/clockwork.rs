//! By what rhythm lines are judged at one moment.

use std::sync::Arc;
use std::time::Duration;

use crate::bundle::SvidType;
use crate::time::Window;
use crate::watch::{AuthorityRecord, IssuerMode, IssuerModel, LineKind, Policy, spire};

use super::Course;

/// A poll on either side of a birth, and three rotator ticks.
const TICKS: Duration = Duration::from_secs(30);
/// Certificates end on a whole second, so two lives that differ by less are one.
const SAME_LIFE: Duration = Duration::from_secs(15);
/// How many lifetimes count at once: a change or two of `ca_ttl` that is still under way.
const MOST_LIVES: usize = 4;
/// A key that lives over this many times as long as its siblings is none of theirs (design, 5).
pub(super) const OUTLIVES: u32 = 4;

/// By what rhythm the lines of one use are judged at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Clockwork {
    /// The declared time from one publication to the next.
    pub(super) interval: Option<Duration>,
    /// The lifetimes that keys of unknown life may have, shortest first.
    pub(super) lives: Vec<Duration>,
    /// When the first births of a baseline's JWT lineages are expected.
    pub(super) windows: Arc<Vec<Window>>,
    /// The least tolerance: two polls and three ticks.
    pub(super) slack: Duration,
    /// How early a birth may be: three ticks, or as much as replicas lag.
    pub(super) early: Duration,
    /// Whether the last two good polls lie further apart than a key lives.
    pub(super) away: bool,
}

impl Clockwork {
    /// From one publication to the next, for a key of this life; `None` where no life is known.
    pub(super) fn period(&self, life: Option<Duration>) -> Option<Duration> {
        match self.interval {
            Some(interval) => Some(interval),
            None => life.or(self.lives.last().copied()).map(spire::period),
        }
    }

    /// How late a birth may be and still be on time: two polls and three ticks, or 1 % of the
    /// period, and at most a quarter of it (design, 5).
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
    ByLearnedLines,
    /// By gaps alone.
    ByGaps,
    /// Not by dates: roots come when they come.
    AsRoots,
}

impl Course {
    /// How the authorities of this use are judged.
    pub(super) fn judged(&self, svid_type: SvidType, policy: &Policy) -> Judged {
        match (policy.issuer, svid_type) {
            (IssuerModel::Learned, _) | (_, SvidType::Wit) => Judged::ByGaps,
            (IssuerModel::Declared { .. }, SvidType::X509 | SvidType::Jwt) => {
                Judged::ByLearnedLines
            }
            (IssuerModel::Spire { mode, .. }, svid_type) => {
                match (mode.unwrap_or(self.mode), svid_type) {
                    (IssuerMode::Upstream, SvidType::X509) => Judged::AsRoots,
                    (IssuerMode::SelfSigned | IssuerMode::Nested, SvidType::X509) => {
                        Judged::ByDates
                    }
                    (IssuerMode::SelfSigned, _) => Judged::ByDates,
                    (IssuerMode::Upstream | IssuerMode::Nested, _) if self.lives.is_empty() => {
                        Judged::ByGaps
                    }
                    (IssuerMode::Upstream | IssuerMode::Nested, _) => Judged::ByLearnedLines,
                }
            }
        }
    }

    /// How the authorities of each use are judged.
    pub(in crate::watch) fn manners(&self, policy: &Policy) -> [Judged; 3] {
        SvidType::ALL.map(|svid_type| self.judged(svid_type, policy))
    }

    /// The rhythm of this use.
    pub(super) fn clockwork(&self, policy: &Policy, interval: Duration, away: bool) -> Clockwork {
        Clockwork {
            interval: match policy.issuer {
                IssuerModel::Declared { interval, .. } => Some(interval),
                IssuerModel::Spire { .. } | IssuerModel::Learned => None,
            },
            lives: self.lives.clone(),
            windows: Arc::clone(&self.windows),
            slack: (interval * 2).saturating_add(TICKS),
            early: TICKS.max(policy.replica_lag),
            away,
        }
    }

    /// Reads anew how long keys live: from the configuration, else from standing explained
    /// self-signed authorities, else from the intermediates that the endpoint presents.
    pub(in crate::watch) fn read_lives(
        &mut self,
        published: &mut dyn Iterator<Item = &AuthorityRecord>,
        intermediate: Option<Duration>,
        policy: &Policy,
    ) {
        let IssuerModel::Spire { ca_ttl, mode, .. } = policy.issuer else {
            return;
        };
        let mode = mode.unwrap_or(self.mode);
        let mut lives: Vec<Duration> = Vec::new();
        if mode == IssuerMode::Upstream {
            lives.extend(ca_ttl.or(intermediate));
        } else {
            let standing = published.filter(|record| record.is_explained()).filter_map(spire_life);
            lives.extend(standing);
            // A baseline may hold a root beside the authorities that rotate.
            if let Some(shortest) = lives.iter().min().copied() {
                lives.retain(|life| *life <= shortest * OUTLIVES);
            }
            if lives.is_empty() {
                lives.extend(ca_ttl);
            }
        }
        lives.sort_unstable();
        lives.dedup_by(|longer, shorter| longer.saturating_sub(*shorter) < SAME_LIFE);
        lives.truncate(MOST_LIVES);
        // What is known stays known while nothing stands that says otherwise.
        if !lives.is_empty() {
            self.lives = lives;
        }
        // A JWT key may be the first to show another life, so what stands beside it counts too.
        for line in self.lines.iter_mut().filter(|line| line.life.is_none()) {
            for life in &self.lives {
                if !line.lives.contains(life) && line.lives.len() < MOST_LIVES {
                    line.lives.push(*life);
                }
            }
            line.lives.sort_unstable();
        }
    }

    /// Whether a lineage of this use goes on as it should.
    pub fn has_lineage_on_time(&self, svid_type: SvidType) -> bool {
        self.lines.iter().any(|line| {
            line.svid_type == svid_type && line.kind == LineKind::Lineage && line.missed.is_none()
        })
    }
}

/// L of an authority in SPIRE's shape: self-signed, under the name of a trust domain.
pub fn spire_life(record: &AuthorityRecord) -> Option<Duration> {
    let certificate = record.authority.certificate.as_ref()?;
    let spire = certificate.self_issued && !certificate.uri_sans.is_empty() && certificate.is_ca;
    let life = certificate.validity.not_after.since(certificate.validity.not_before)?;
    (spire && spire::NOT_BEFORE_CUSHION < life)
        .then(|| life.saturating_sub(spire::NOT_BEFORE_CUSHION))
}
