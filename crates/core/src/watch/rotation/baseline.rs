//! What the first bundle shows of the issuer's rhythm.

use std::time::Duration;

use super::contradiction::published;
use super::first_dates::{FirstDate, FirstDates};
use super::published::Publication;
use super::schedule_parameters::{Judged, MAX_LIFETIME_RATIO};
use super::{LineageKind, RotationModel, spire_lifetime};
use crate::bundle::SvidType;
use crate::time::{Timestamp, Window};
use crate::watch::{AuthorityRecord, IssuerMode, Policy, spire};

impl RotationModel {
    /// Takes the first bundle as what everything is compared with. `chained` says that the
    /// endpoint presented an intermediate.
    pub(in crate::watch) fn begin(
        &mut self,
        at: Timestamp,
        policy: &Policy,
        records: &[&AuthorityRecord],
        intermediate: Option<Duration>,
    ) {
        self.baseline = Some(at);
        self.mode = mode(records, intermediate);
        self.read_lifetimes(&mut records.iter().copied(), intermediate, policy);
        let dated = self.judged(SvidType::X509, policy) == Judged::ByDates;
        let x509 = if dated { self.newest_of_each(at, records) } else { Vec::new() };
        for publication in &x509 {
            let newest = Some(publication.authority);
            let kind = LineageKind::Established;
            let number = self.open(
                SvidType::X509,
                kind,
                newest,
                publication.published,
                publication.lifetime,
            );
            if let Some(lineage) = self.lineage_mut(number) {
                lineage.issued_at = publication.issued_at;
            }
        }
        for svid_type in SvidType::ALL {
            if self.judged(svid_type, policy) == Judged::ByGaps {
                let newest = records.iter().filter(|record| record.id().svid_type == svid_type);
                let newest = newest.map(|r| published(&r.authority, r.published).until).max();
                if let Some(newest) = newest {
                    self.take_gap(svid_type, newest);
                }
            }
        }
        if self.judged(SvidType::Jwt, policy) == Judged::ByDates {
            self.begin_jwt(at, &x509, records);
        }
    }

    /// Nothing is waited for any more.
    pub(in crate::watch) fn reset(&mut self) {
        for lineage in &mut self.lineages {
            lineage.kind = LineageKind::Ended;
        }
        self.forget_the_ended();
        self.first_dates = FirstDates::default();
        self.gaps.clear();
        self.unpaired.clear();
        (self.opened, self.alone) = (None, None);
    }

    /// The newest authority of each X.509 lineage: those of the last period that are not followed
    /// by another a period later.
    fn newest_of_each(&self, at: Timestamp, records: &[&AuthorityRecord]) -> Vec<Publication> {
        let mut publications = self.rotating(records);
        publications.retain(|publication| {
            let since = at.since(publication.published.until);
            let period = publication.lifetime.map(spire::period).unwrap_or_default();
            since.is_some_and(|since| since <= period.saturating_add(TICKS))
        });
        let followed = Chains::of(&publications).followed;
        let newest = publications.into_iter().zip(followed).filter(|(_, followed)| !followed);
        newest.map(|(publication, _)| publication).collect()
    }

    /// The X.509 authorities in SPIRE's shape that live about as long as the shortest-lived one, by the
    /// time of their publication.
    fn rotating(&self, records: &[&AuthorityRecord]) -> Vec<Publication> {
        let shortest = self.possible_lifetimes.first().copied().unwrap_or(Duration::MAX);
        let longest = shortest.saturating_mul(MAX_LIFETIME_RATIO);
        let x509 = records.iter().filter(|record| record.id().svid_type == SvidType::X509);
        let rotating = x509.filter_map(|record| {
            let lifetime = spire_lifetime(record).filter(|lifetime| *lifetime <= longest)?;
            let published = published(&record.authority, record.published);
            let issued_at = Some(published.until);
            let lifetime = Some(lifetime);
            Some(Publication { authority: record.id(), published, issued_at, lifetime })
        });
        let mut rotating: Vec<_> = rotating.collect();
        rotating.sort_by_key(|publication| (publication.published.from, publication.authority));
        rotating
    }

    /// As many JWT lineages as X.509 ones, whose first dates are known only loosely.
    fn begin_jwt(&mut self, at: Timestamp, x509: &[Publication], records: &[&AuthorityRecord]) {
        let longest = self.possible_lifetimes.last().copied();
        let are_loose = longest.is_some_and(FirstDates::may_have_gone_round);
        let mut dates = Vec::new();
        for sibling in x509 {
            let Some(period) = sibling.lifetime.map(spire::period) else { continue };
            dates.push(FirstDate { sibling: sibling.published, period, taken: None });
            self.open(SvidType::Jwt, LineageKind::Established, None, Window::point(at), None);
        }
        let jwt = records.iter().filter(|record| record.id().svid_type == SvidType::Jwt);
        let drift = |period| FirstDates::longest_drift(period, are_loose);
        let pending = pending(at, &self.rotating(records), jwt.clone().count(), drift);
        self.first_dates = FirstDates { dates, pending, are_loose, full: None };
        // With one key of the use there is no doubt which one the next one follows.
        let mut jwt = jwt;
        if let ([_], Some(only), None) = (x509, jwt.next(), jwt.next()) {
            self.alone = Some(only.id());
        }
    }
}

/// Two rotator ticks, and the whole second that a certificate's dates are cut to.
const TICKS: Duration = Duration::from_secs(25);

/// Which X.509 authorities follow which, a period later.
struct Chains {
    /// Whether another one follows.
    followed: Vec<bool>,
    /// Whether it follows another one.
    follows: Vec<bool>,
}

impl Chains {
    /// Those of authorities in the order of their publication.
    fn of(publications: &[Publication]) -> Self {
        let mut followed = vec![false; publications.len()];
        let mut follows = Vec::with_capacity(publications.len());
        for (place, publication) in publications.iter().enumerate() {
            let precedes = |older: &Publication| {
                let period = older.lifetime.map(spire::period).unwrap_or_default();
                older.published.later(period).widened(TICKS, TICKS).meets(publication.published)
            };
            let earlier = publications.iter().zip(followed.iter_mut()).take(place);
            let latest = earlier.filter(|(older, followed)| !**followed && precedes(older)).last();
            follows.push(latest.is_some());
            if let Some((_, followed)) = latest {
                *followed = true;
            }
        }
        Self { followed, follows }
    }
}

/// How many JWT keys may still come after the last date of their X.509 siblings: a server publishes both
/// at each date, so the bundle lacks as many JWT keys as it has fewer of them. A chain may have one more
/// that is as old as an X.509 authority that was pruned already, while drift and a prune tick allow it.
fn pending(
    at: Timestamp,
    x509: &[Publication],
    jwt: usize,
    longest_drift: impl Fn(Duration) -> Duration,
) -> usize {
    let oldest = x509.iter().zip(Chains::of(x509).follows).filter(|(_, follows)| !follows);
    let older = oldest.filter(|(oldest, _)| {
        let Some(lifetime) = oldest.lifetime else { return false };
        let period = spire::period(lifetime);
        let end = oldest.published.from.saturating_sub(period).saturating_add(lifetime);
        let prunable = end.saturating_add(spire::PRUNE_SAFETY);
        let pruned = prunable
            .saturating_add(longest_drift(period))
            .saturating_add(spire::PRUNE_TICK)
            .saturating_add(TICKS);
        prunable <= at.saturating_add(TICKS) && at <= pruned
    });
    (x509.len() + older.count()).saturating_sub(jwt)
}

/// Where the X.509 authorities come from: an endpoint that presents an intermediate is chained.
fn mode(records: &[&AuthorityRecord], intermediate: Option<Duration>) -> IssuerMode {
    let count = |svid_type| records.iter().filter(|r| r.id().svid_type == svid_type).count();
    let rotating = records.iter().any(|record| {
        /// SPIRE's `ca_ttl` is a day by default and a year at most in the field.
        const LONG: Duration = Duration::from_hours(24 * 400);
        spire_lifetime(record).is_some_and(|lifetime| lifetime <= LONG)
    });
    if intermediate.is_some() || !rotating {
        IssuerMode::Upstream
    } else if 3 * count(SvidType::X509) < 2 * count(SvidType::Jwt) {
        IssuerMode::Nested
    } else {
        IssuerMode::SelfSigned
    }
}
