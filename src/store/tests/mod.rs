//! A store that cannot be written: every fault of the writer's own connection.

mod backlog;
mod files;
mod refusal;
mod upkeep;

use std::path::Path;

use anchorwatch_core::bundle::{AuthorityId, Digest};
use anchorwatch_core::watch::{Event, Facts};

use super::*;
use crate::clock::ManualClock;

fn options() -> StoreOptions {
    // Tried again at each batch, and never by itself.
    let retry_interval = Duration::from_hours(1);
    let clock = Arc::new(ManualClock::at(Timestamp::from_unix(1_000)));
    let (checkpoint_every, check_every) = (3, None);
    StoreOptions { retry_interval, checkpoint_every, check_every, ..StoreOptions::new(clock) }
}

/// One trust domain, to which something happens now and then.
struct Story {
    store: Store,
    name: TrustDomain,
    facts: Facts,
    at: i64,
}

impl Story {
    fn new(store: &Store, name: &str) -> Self {
        Self { store: store.clone(), name: name.parse().unwrap(), facts: Facts::default(), at: 0 }
    }

    async fn goes_on(&mut self) -> Durability {
        self.goes_on_with(Vec::new()).await
    }

    async fn goes_on_with(&mut self, bodies: Vec<(Digest, Arc<[u8]>)>) -> Durability {
        self.at += 60;
        let at = Timestamp::from_unix(self.at);
        let away = Duration::from_mins(1);
        let event = Event::WatchGap { after: at.saturating_sub(away), away };
        self.facts.apply(at, &event);
        let batch = Batch {
            trust_domain: self.name.clone(),
            at,
            events: vec![event],
            bodies,
            facts: Arc::new(self.facts.clone()),
            poll_state: PollState { last_poll: Some(at), ..PollState::default() },
        };
        self.store.append(batch).await
    }

    /// What happens next, not recorded yet.
    fn next(&self) -> Batch {
        let at = Timestamp::from_unix(self.at + 60);
        let away = Duration::from_mins(1);
        let event = Event::WatchGap { after: at.saturating_sub(away), away };
        let mut facts = self.facts.clone();
        facts.apply(at, &event);
        let poll_state = PollState { last_poll: Some(at), ..PollState::default() };
        // A full disk has room for a little more in its last page.
        let bodies = vec![body(100_000, u8::try_from(self.at / 60).unwrap())];
        let trust_domain = self.name.clone();
        Batch { trust_domain, at, events: vec![event], bodies, facts: Arc::new(facts), poll_state }
    }

    fn took(&mut self, batch: &Batch) {
        self.at += 60;
        self.facts = Facts::clone(&batch.facts);
    }
}

fn body(bytes: usize, seed: u8) -> (Digest, Arc<[u8]>) {
    let body: Arc<[u8]> = vec![seed; bytes].into();
    (Digest::of(&body), body)
}

fn reopened(path: &Path) -> (Store, Loaded) {
    Store::open(path, options()).unwrap()
}

fn verified(path: &Path) -> Verified {
    StoreReader::open(path).unwrap().verify(None, &mut |_, _| ()).unwrap()
}
