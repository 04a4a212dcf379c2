//! What stands between a datastore and the one who polls: lag, and whoever serves something else.

use std::sync::Arc;
use std::time::Duration;

use super::Minted;
use super::origin::SimulatedIssuer;
use super::version::BundleVersion;
use crate::issuer::ReplicaNumber;
use anchorwatch_core::time::Timestamp;

/// Something that an endpoint serves instead of its state, for a while.
#[derive(Clone, Debug)]
pub(super) struct Tampering {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    pub(super) whom: Whom,
    pub(super) what: TamperedAnswer,
    /// What was made of the last version.
    pub(super) made: Option<(u64, Arc<BundleVersion>)>,
}

/// Which answers are concerned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Whom {
    All,
    /// One server's.
    Replica(ReplicaNumber),
}

/// What is served instead.
#[derive(Clone, Debug)]
pub(super) enum TamperedAnswer {
    /// The state of this long ago.
    Lag(Duration),
    /// This.
    Serve(Arc<BundleVersion>),
    /// The keys of the state, under this sequence number whatever happens.
    Sequence(Option<u64>),
    /// The state, and these keys beside it, under its own sequence number.
    Plant(Vec<Minted>),
}

impl Tampering {
    fn concerns(&self, at: Timestamp, replica: ReplicaNumber) -> bool {
        let whom = match self.whom {
            Whom::All => true,
            Whom::Replica(number) => number == replica,
        };
        whom && self.from <= at && at < self.until
    }

    /// What is served instead of `version`, which a server of `origin` would serve at `at`.
    pub(super) fn serve(
        &mut self,
        at: Timestamp,
        replica: ReplicaNumber,
        origin: &SimulatedIssuer,
        version: Arc<BundleVersion>,
        numbers: &mut u64,
    ) -> Arc<BundleVersion> {
        if !self.concerns(at, replica) {
            return version;
        }
        match &self.what {
            TamperedAnswer::Serve(other) => Arc::clone(other),
            TamperedAnswer::Lag(by) => {
                let then = at.saturating_sub(*by);
                origin.version_at(then).map_or(version, Arc::clone)
            }
            TamperedAnswer::Sequence(sequence) => {
                let (sequence, keys) = (*sequence, version.keys.clone());
                self.make(at, &version, sequence, keys, numbers)
            }
            TamperedAnswer::Plant(planted) => {
                let keys = version.keys.iter().chain(planted).cloned().collect();
                self.make(at, &version, version.sequence, keys, numbers)
            }
        }
    }

    /// The state altered: made once, so that it is the same one at every poll.
    fn make(
        &mut self,
        at: Timestamp,
        version: &BundleVersion,
        sequence: Option<u64>,
        keys: Vec<Minted>,
        numbers: &mut u64,
    ) -> Arc<BundleVersion> {
        if let Some((number, made)) = &self.made
            && *number == version.number
        {
            return Arc::clone(made);
        }
        *numbers = numbers.saturating_add(1);
        let made = version.altered(*numbers, at, sequence, keys);
        self.made = Some((version.number, Arc::clone(&made)));
        made
    }
}
