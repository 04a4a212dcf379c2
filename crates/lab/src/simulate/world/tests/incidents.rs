//! Each incident does on the wire what its name says.

use super::*;
use anchorwatch_core::bundle::Authority;
use anchorwatch_core::watch::FailureReason;

mod attacks;
mod faults;

/// When things happen in these worlds, after their beginning.
const THIRD_DAY: Duration = Duration::from_hours(72);

/// A world of three servers to which something happens on the third day of so many.
fn befallen(incident: Incident, days: u32) -> Watched {
    Watched::new(&clean(3, hours(24), days).with(THIRD_DAY, incident), 11)
}

impl Watched {
    /// What was seen from the beginning of an incident on.
    fn since(&self, incident: Incident) -> Vec<&(Timestamp, Event)> {
        let began = self.began(incident).unwrap();
        self.events.iter().filter(|(at, _)| began <= *at).collect()
    }

    /// How often something was seen since then.
    fn count(&self, incident: Incident, name: &str) -> usize {
        self.since(incident).iter().filter(|(_, event)| event.name() == name).count()
    }

    /// The keys that were introduced, each with the poll that showed it.
    fn keys(&self) -> Vec<(Timestamp, &Authority)> {
        let mut keys = Vec::new();
        for (at, event) in &self.events {
            if let Event::AuthorityIntroduced { authority, .. } = event {
                keys.push((*at, &**authority));
            }
        }
        keys
    }

    /// A key, and the poll that introduced it.
    #[track_caller]
    fn introduced(&self, id: AuthorityId) -> (Timestamp, &Authority) {
        self.keys().into_iter().find(|(_, authority)| authority.id == id).unwrap()
    }

    /// The keys that came back since then.
    fn returned(&self, incident: Incident) -> Vec<AuthorityId> {
        let mut returned = Vec::new();
        for (_, event) in self.since(incident) {
            if let Event::AuthorityIntroduced { authority, returned_after: Some(_), .. } = event {
                returned.push(authority.id);
            }
        }
        returned
    }

    /// The changes since then: by how much the sequence moved, how many keys came and went.
    #[track_caller]
    fn changes(&self, incident: Incident) -> Vec<(i64, usize, usize)> {
        let began = self.began(incident).unwrap();
        let (mut last, mut changes) = (0, Vec::new());
        for (at, event) in self.named("bundle_changed") {
            let Event::BundleChanged { sequence, introduced, removed, .. } = event else {
                continue;
            };
            let sequence = i64::try_from(sequence.given().unwrap_or(0)).unwrap();
            if began <= *at {
                changes.push((sequence - last, introduced.len(), removed.len()));
            }
            last = sequence;
        }
        changes
    }

    fn ended(&self, wanted: Incident) -> Option<Timestamp> {
        let ended = |truth: &&Truth| truth.what == WorldEvent::Ended { incident: wanted };
        self.world.truth().iter().find(ended).map(|truth| truth.at)
    }

    fn removals(&self, wanted: RemovalKind) -> Vec<(Timestamp, AuthorityId)> {
        let mut removals = Vec::new();
        for truth in self.world.truth() {
            if let WorldEvent::Removal { authority, why } = truth.what
                && why == wanted
            {
                removals.push((truth.at, authority));
            }
        }
        removals
    }

    /// The key that was tainted, and when.
    fn taint(&self) -> Option<(Timestamp, AuthorityId)> {
        self.world.truth().iter().find_map(|truth| {
            let WorldEvent::Taint { authority } = truth.what else { return None };
            Some((truth.at, authority))
        })
    }
}

#[test]
fn every_incident_is_told_and_leaving_out_polls_changes_nothing() {
    for incident in Incident::ALL {
        let mut scenario = clean(2, hours(24), 3).with(DAY / 2, incident);
        scenario.observer.failures_per_million = 10_000;
        let skipping = Watched::new(&scenario, 5);
        assert!(skipping.began(incident).is_some(), "{incident}");
        scenario.observer.skip = None;
        let every = Watched::new(&scenario, 5);
        // When a date was found missed depends on the poll that found it.
        let happened = |watched: &Watched| {
            let events = watched.events.iter().filter(|(_, e)| e.name() != "dates_passed");
            events.cloned().collect::<Vec<_>>()
        };
        let (few, many) = (happened(&skipping), happened(&every));
        for (one, other) in few.iter().zip(&many) {
            assert_eq!(one, other, "{incident}");
        }
        assert_eq!(few.len(), many.len(), "{incident}");
        let spent = every.state.facts.spent.clone();
        let facts = anchorwatch_core::watch::Facts { spent, ..(*skipping.state.facts).clone() };
        assert_eq!(facts, *every.state.facts, "{incident}");
        assert_eq!(skipping.world.truth(), every.world.truth(), "{incident}");
    }
}

#[test]
fn names_are_one_to_one() {
    for incident in Incident::ALL {
        assert_eq!(Incident::from_label(incident.label()), Some(incident));
    }
    assert_eq!(Incident::from_label("nothing_such"), None);
}
