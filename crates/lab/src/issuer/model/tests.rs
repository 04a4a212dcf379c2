use std::time::Duration;

use super::super::KeyStore;
use super::*;

mod interventions;
mod rotation;

const A: ReplicaNumber = ReplicaNumber(0);
const B: ReplicaNumber = ReplicaNumber(1);
const C: ReplicaNumber = ReplicaNumber(2);
/// Servers do not start on a whole second.
const FRACTION: Duration = Duration::from_millis(400);

fn hours(hours: u64) -> Duration {
    Duration::from_hours(hours)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The scale at which the recordings of real servers were made.
fn recorded() -> IssuerSettings {
    IssuerSettings {
        rotator_tick: seconds(1),
        prune_tick: seconds(90),
        prune_safety: seconds(360),
        ..IssuerSettings::spire(seconds(360))
    }
}

/// An issuer through time, and all that it did.
struct Story {
    issuer: Issuer,
    began: Timestamp,
    events: Vec<IssuerEvent>,
}

impl Story {
    fn of(settings: IssuerSettings) -> Self {
        let began = Timestamp::from_unix(1_800_000_000).saturating_add(FRACTION);
        Self { issuer: Issuer::new(settings), began, events: Vec::new() }
    }

    /// One server from the beginning.
    fn starts(settings: IssuerSettings) -> Self {
        Self::of(settings)
            .at(seconds(0), Intervention::Start { replica: A, keys: KeyStore::Kept })
            .until(seconds(0))
    }

    fn at(mut self, after: Duration, intervention: Intervention) -> Self {
        self.issuer.plan(self.began.saturating_add(after), intervention);
        self
    }

    /// Runs to this long after the beginning, from event to event: as one that sleeps would.
    fn until(mut self, after: Duration) -> Self {
        let end = self.began.saturating_add(after);
        while let Some(next) = self.issuer.wakes_at()
            && next <= end
        {
            self.events.extend(self.issuer.advance(next));
        }
        self.events.extend(self.issuer.advance(end));
        self
    }

    fn after(&self, at: Timestamp) -> Duration {
        at.since(self.began).unwrap()
    }

    fn published(&self, svid_type: SvidType) -> Vec<IssuedKey> {
        let mut keys = Vec::new();
        for event in &self.events {
            if let IssuerAction::Published { key } = event.action
                && key.svid_type == svid_type
            {
                keys.push(key);
            }
        }
        keys
    }

    /// When each key of a use was published.
    fn publications(&self, svid_type: SvidType) -> Vec<Duration> {
        self.published(svid_type).iter().map(|key| self.after(key.issued_at)).collect()
    }

    fn when(&self, wanted: impl Fn(&IssuerAction) -> bool) -> Option<Duration> {
        let event = self.events.iter().find(|event| wanted(&event.action))?;
        Some(self.after(event.at))
    }

    fn activated(&self, of: &IssuedKey) -> Option<Duration> {
        self.when(|action| *action == IssuerAction::Activated { key: of.number })
    }

    fn retired(&self, of: &IssuedKey) -> Option<Duration> {
        self.when(|action| *action == IssuerAction::Retired { key: of.number })
    }

    fn removed(&self, of: &IssuedKey) -> Option<Duration> {
        self.when(|action| matches!(action, IssuerAction::Removed { key, .. } if *key == of.number))
    }

    fn sequence(&self) -> u64 {
        self.issuer.bundle().sequence()
    }

    fn on_the_wire(&self) -> usize {
        self.issuer.bundle().keys().count()
    }
}

/// Asserts that something came at `expected`, or within `late` after it.
#[track_caller]
fn came(at: Option<Duration>, expected: Duration, late: Duration) {
    let at = at.unwrap();
    assert!(expected <= at && at <= expected + late, "{at:?} instead of {expected:?}");
}
