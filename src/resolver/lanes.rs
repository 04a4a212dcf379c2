//! The places of look-ups, divided into lanes that do not wait for each other.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is known of how fast a name is looked up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum LookupSpeed {
    /// Its last look-ups were fast.
    Proven,
    /// It was never looked up.
    New,
    /// One of its last look-ups was slow.
    Slow,
}

/// The places of each lane.
#[derive(Debug)]
pub(super) struct Lanes {
    proven: Arc<Semaphore>,
    new: Arc<Semaphore>,
    slow: Arc<Semaphore>,
}

/// A place, given back when it is dropped; `None` where the runtime is going down.
pub(super) type LanePlace = Option<OwnedSemaphorePermit>;

impl Lanes {
    /// Divides so many places: a quarter for slow names, a quarter for new ones, the rest for
    /// those that proved to be fast. Each lane has one at least.
    pub(super) fn divide(places: usize) -> Self {
        let quarter = (places / 4).max(1);
        let rest = places.saturating_sub(quarter.saturating_mul(2)).max(1);
        let lane = |places| Arc::new(Semaphore::new(places));
        Self { proven: lane(rest), new: lane(quarter), slow: lane(quarter) }
    }

    fn lane(&self, standing: LookupSpeed) -> &Arc<Semaphore> {
        match standing {
            LookupSpeed::Proven => &self.proven,
            LookupSpeed::New => &self.new,
            LookupSpeed::Slow => &self.slow,
        }
    }

    /// Waits for a place.
    pub(super) async fn enter(&self, standing: LookupSpeed) -> LanePlace {
        Arc::clone(self.lane(standing)).acquire_owned().await.ok()
    }

    /// Moves a look-up that turned out to be slow to the slow lane, where a place is free there.
    pub(super) fn move_to_slow(&self, place: &mut LanePlace) {
        let is_there =
            place.as_ref().is_some_and(|place| Arc::ptr_eq(place.semaphore(), &self.slow));
        if !is_there && let Ok(slow) = Arc::clone(&self.slow).try_acquire_owned() {
            *place = Some(slow);
        }
    }

    #[cfg(test)]
    pub(super) fn free(&self, standing: LookupSpeed) -> usize {
        self.lane(standing).available_permits()
    }
}
