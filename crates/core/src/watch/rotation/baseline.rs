//! What the first bundle shows of the issuer's rhythm.

use std::sync::Arc;
use std::time::Duration;

use super::contradiction::published;
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
            self.begin_jwt(at, policy, &x509, records);
        }
    }

    /// Nothing is waited for any more.
    pub(in crate::watch) fn reset(&mut self) {
        for lineage in &mut self.lineages {
            lineage.kind = LineageKind::Ended;
        }
        self.forget_the_ended();
        self.windows = Arc::default();
        self.gaps.clear();
        self.unpaired.clear();
        (self.opened, self.alone) = (None, None);
    }

    /// The newest authority of each X.509 lineage: those of the last period that are not followed
    /// by another a period later.
    fn newest_of_each(&self, at: Timestamp, records: &[&AuthorityRecord]) -> Vec<Publication> {
        /// Two rotator ticks, and the whole second that a certificate's dates are cut to.
        const TICKS: Duration = Duration::from_secs(25);
        let shortest = self.possible_lifetimes.first().copied().unwrap_or(Duration::MAX);
        let mut publications: Vec<Publication> = records
            .iter()
            .filter(|record| record.id().svid_type == SvidType::X509)
            .filter_map(|record| {
                let lifetime = spire_lifetime(record)?;
                let published = published(&record.authority, record.published);
                let since = at.since(published.until)?;
                let recent = since <= spire::period(lifetime).saturating_add(TICKS);
                (recent && lifetime <= shortest.saturating_mul(MAX_LIFETIME_RATIO)).then_some(
                    Publication {
                        authority: record.id(),
                        published,
                        issued_at: Some(published.until),
                        lifetime: Some(lifetime),
                    },
                )
            })
            .collect();
        publications.sort_by_key(|publication| (publication.published.from, publication.authority));
        let mut followed = vec![false; publications.len()];
        for (place, publication) in publications.iter().enumerate() {
            let earlier = publications.iter().take(place).enumerate();
            let follows = |older: &Publication| {
                let period = older.lifetime.map(spire::period).unwrap_or_default();
                older.published.later(period).widened(TICKS, TICKS).meets(publication.published)
            };
            let found = earlier.filter(|(at, older)| {
                !followed.get(*at).copied().unwrap_or(true) && follows(older)
            });
            let latest = found.max_by_key(|(place, _)| *place);
            if let Some(flag) = latest.and_then(|(older, _)| followed.get_mut(older)) {
                *flag = true;
            }
        }
        publications
            .into_iter()
            .zip(followed)
            .filter(|(_, followed)| !followed)
            .map(|(b, _)| b)
            .collect()
    }

    /// As many JWT lineages as X.509 ones, whose first dates are known only loosely.
    fn begin_jwt(
        &mut self,
        at: Timestamp,
        policy: &Policy,
        x509: &[Publication],
        records: &[&AuthorityRecord],
    ) {
        let skew = policy.clock_skew;
        let mut windows = Vec::new();
        for sibling in x509 {
            let Some(period) = sibling.lifetime.map(spire::period) else { continue };
            for date in [sibling.published, sibling.published.later(period)] {
                // The dates are the issuer's clock's, the publications the monitor's.
                windows.push(date.widened(skew.min(period / 4), period / 4));
            }
            self.open(SvidType::Jwt, LineageKind::Established, None, Window::point(at), None);
        }
        self.windows = windows.into();
        // With one key of the use there is no doubt which one the next one follows.
        let mut jwt = records.iter().filter(|record| record.id().svid_type == SvidType::Jwt);
        if let ([_], Some(only), None) = (x509, jwt.next(), jwt.next()) {
            self.alone = Some(only.id());
        }
    }
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
