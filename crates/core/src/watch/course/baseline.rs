//! What the first bundle shows of the issuer's rhythm.

use std::sync::Arc;
use std::time::Duration;

use super::claim::Birth;
use super::clockwork::{Judged, OUTLIVES};
use super::contradiction::published;
use super::{Course, LineKind, spire_life};
use crate::bundle::SvidType;
use crate::time::{Timestamp, Window};
use crate::watch::{AuthorityRecord, IssuerMode, Policy, spire};

impl Course {
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
        self.mode = mode(records, intermediate.is_some());
        self.read_lives(&mut records.iter().copied(), intermediate, policy);
        let dated = self.judged(SvidType::X509, policy) == Judged::ByDates;
        let x509 = if dated { self.newest_of_each(at, records) } else { Vec::new() };
        for birth in &x509 {
            let newest = Some(birth.authority);
            let kind = LineKind::Lineage;
            let number = self.open(SvidType::X509, kind, newest, birth.published, birth.life);
            if let Some(line) = self.line_mut(number) {
                line.made = birth.made;
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
    pub(in crate::watch) fn leave_off(&mut self) {
        for line in &mut self.lines {
            line.kind = LineKind::Ended;
        }
        self.forget_the_ended();
        self.windows = Arc::default();
        self.gaps.clear();
        self.unpaired.clear();
        (self.opened, self.alone) = (None, None);
    }

    /// The newest authority of each X.509 lineage: those of the last period that are not followed
    /// by another a period later.
    fn newest_of_each(&self, at: Timestamp, records: &[&AuthorityRecord]) -> Vec<Birth> {
        /// Two rotator ticks, and the whole second that a certificate's dates are cut to.
        const TICKS: Duration = Duration::from_secs(25);
        let shortest = self.lives.first().copied().unwrap_or(Duration::MAX);
        let mut births: Vec<Birth> = records
            .iter()
            .filter(|record| record.id().svid_type == SvidType::X509)
            .filter_map(|record| {
                let life = spire_life(record)?;
                let published = published(&record.authority, record.published);
                let since = at.since(published.until)?;
                let recent = since <= spire::period(life).saturating_add(TICKS);
                (recent && life <= shortest.saturating_mul(OUTLIVES)).then_some(Birth {
                    authority: record.id(),
                    published,
                    made: Some(published.until),
                    life: Some(life),
                })
            })
            .collect();
        births.sort_by_key(|birth| (birth.published.from, birth.authority));
        let mut followed = vec![false; births.len()];
        for (place, birth) in births.iter().enumerate() {
            let earlier = births.iter().take(place).enumerate();
            let follows = |older: &Birth| {
                let period = older.life.map(spire::period).unwrap_or_default();
                older.published.later(period).widened(TICKS, TICKS).meets(birth.published)
            };
            let found = earlier.filter(|(at, older)| {
                !followed.get(*at).copied().unwrap_or(true) && follows(older)
            });
            let latest = found.max_by_key(|(place, _)| *place);
            if let Some(flag) = latest.and_then(|(older, _)| followed.get_mut(older)) {
                *flag = true;
            }
        }
        births.into_iter().zip(followed).filter(|(_, followed)| !followed).map(|(b, _)| b).collect()
    }

    /// As many JWT lineages as X.509 ones, whose first dates are known only loosely.
    fn begin_jwt(
        &mut self,
        at: Timestamp,
        policy: &Policy,
        x509: &[Birth],
        records: &[&AuthorityRecord],
    ) {
        let skew = policy.clock_skew;
        let mut windows = Vec::new();
        for sibling in x509 {
            let Some(period) = sibling.life.map(spire::period) else { continue };
            for date in [sibling.published, sibling.published.later(period)] {
                // The dates are the issuer's clock's, the births the monitor's.
                windows.push(date.widened(skew.min(period / 4), period / 4));
            }
            self.open(SvidType::Jwt, LineKind::Lineage, None, Window::point(at), None);
        }
        self.windows = windows.into();
        // With one key of the use there is no doubt which one the next one follows.
        let mut jwt = records.iter().filter(|record| record.id().svid_type == SvidType::Jwt);
        if let ([_], Some(only), None) = (x509, jwt.next(), jwt.next()) {
            self.alone = Some(only.id());
        }
    }
}

/// Where the X.509 authorities come from.
fn mode(records: &[&AuthorityRecord], chained: bool) -> IssuerMode {
    let count = |svid_type| records.iter().filter(|r| r.id().svid_type == svid_type).count();
    let rotating = records.iter().any(|record| {
        /// SPIRE's `ca_ttl` is a day by default and a year at most in the field.
        const LONG: Duration = Duration::from_hours(24 * 400);
        spire_life(record).is_some_and(|life| life <= LONG)
    });
    if chained || !rotating {
        IssuerMode::Upstream
    } else if 3 * count(SvidType::X509) < 2 * count(SvidType::Jwt) {
        IssuerMode::Nested
    } else {
        IssuerMode::SelfSigned
    }
}
