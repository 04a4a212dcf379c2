//! The one who polls: when, what was made of the last answers, and what need not be told.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::endpoint::Presentation;
use super::origin::shifted;
use super::turn::{Skipped, SkippedContent};
use super::version::BundleVersion;
use super::{Observer, Random};
use anchorwatch_core::bundle::Fingerprint;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{FailureReason, Leaf, SeenLeaf};

/// As in `watch::schedule`: how long after a change polls come faster, by how much, and how fast at
/// most.
const BURST: Duration = Duration::from_mins(5);
const BURST_FACTOR: u32 = 5;
const BURST_INTERVAL: Duration = Duration::from_secs(15);
/// How many intervals may pass before the next poll is told in any case: a gap in the watch.
const GAP_INTERVALS: u32 = 3;

/// One answer, before anything is made of it.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) address: IpAddr,
    /// Which issuer's server answered.
    pub(super) origin: usize,
    pub(super) presentation: Option<Presentation>,
    pub(super) outcome: LookOutcome,
}

#[derive(Clone, Debug)]
pub(super) enum LookOutcome {
    Served(Arc<BundleVersion>),
    Failed(FailureReason, &'static str),
}

impl Look {
    pub(super) fn is_failure(&self) -> bool {
        matches!(self.outcome, LookOutcome::Failed(..))
    }
}

/// The state of the one who polls.
#[derive(Clone, Debug)]
pub(super) struct Monitor {
    pub(super) observer: Observer,
    random: Random,
    /// The next poll, in true time.
    pub(super) next_at: Timestamp,
    /// By how many microseconds its clock is ahead of the true time.
    pub(super) clock_offset: i64,
    /// What counts as the state.
    accepted: Option<Arc<BundleVersion>>,
    /// The last state that had an X.509 authority: it authenticates the endpoint.
    trust: Option<Arc<BundleVersion>>,
    /// An answer that steps back: which, and since when in true time.
    held_back: Option<(u64, Timestamp)>,
    /// The failure that lasts.
    failing: Option<FailureReason>,
    changed_at: Option<Timestamp>,
    /// The least `notBefore` of the SVIDs that each authority was seen to have signed.
    signed: BTreeMap<Fingerprint, Timestamp>,
    /// The authorities of the state that were seen to sign since it is the state, and the least
    /// `notBefore` that is known of each: what nearly every poll shows.
    familiar: Vec<(Fingerprint, Timestamp)>,
    skipped: Option<Skipped>,
    /// The last poll and the last that was told, by its own clock.
    last_poll: Option<Timestamp>,
    last_told: Option<Timestamp>,
    told_offset: i64,
}

/// What came of a poll.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum PollResult {
    /// At least one address gave a bundle.
    Answered,
    /// None did.
    Failed,
}

impl Monitor {
    pub(super) fn new(observer: Observer, random: Random, begins: Timestamp) -> Self {
        Self {
            observer,
            random,
            next_at: begins,
            clock_offset: 0,
            accepted: None,
            trust: None,
            held_back: None,
            failing: None,
            changed_at: None,
            signed: BTreeMap::new(),
            familiar: Vec::new(),
            skipped: None,
            last_poll: None,
            last_told: None,
            told_offset: 0,
        }
    }

    /// What its clock says at `at`.
    pub(super) fn clock(&self, at: Timestamp) -> Timestamp {
        shifted(at, self.clock_offset)
    }

    /// Whether a poll fails by chance.
    pub(super) fn is_unlucky(&mut self) -> bool {
        self.random.chance(self.observer.failures_per_million)
    }

    /// Which of so many servers a balancer takes.
    pub(super) fn choose(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        usize::try_from(self.random.below(count)).unwrap_or(0)
    }

    /// Whether an authority is trusted to have signed the endpoint's SVID.
    pub(super) fn trusts(&self, anchor: &Fingerprint) -> bool {
        // Before the first answer, the bootstrap file has what is served.
        self.familiar.iter().any(|(familiar, _)| familiar == anchor)
            || self.trust.as_ref().is_none_or(|state| state.anchors.binary_search(anchor).is_ok())
    }

    /// Trusts whatever is served next.
    pub(super) fn trust_anew(&mut self) {
        self.trust = None;
        self.familiar.clear();
    }

    /// Observes a poll. Returns whether it is news: a poll that is not joins those that are left out.
    pub(super) fn observe(&mut self, at: Timestamp, looks: &[Look]) -> bool {
        let own = self.clock(at);
        let first = looks.iter().find_map(|look| match &look.outcome {
            LookOutcome::Served(version) => Some((look, version)),
            LookOutcome::Failed(..) => None,
        });
        let news = match first {
            Some((look, version)) => {
                let differs = looks.iter().any(|other| match &other.outcome {
                    LookOutcome::Served(other) => other.number != version.number,
                    LookOutcome::Failed(..) => false,
                });
                self.served(at, look, version) || differs
            }
            None => self.failed(looks),
        };
        let news = news || self.must_tell(own);
        self.last_poll = Some(own);
        if news || self.observer.skip.is_none() {
            self.last_told = Some(own);
            self.told_offset = self.clock_offset;
            return true;
        }
        self.leave_out(own, first.map(|(look, _)| look));
        false
    }

    /// The polls that were left out since the last turn.
    pub(super) fn take_skipped(&mut self) -> Option<Skipped> {
        self.skipped.take()
    }

    /// Whether time alone asks for a turn.
    fn must_tell(&self, own: Timestamp) -> bool {
        let Some(skip) = self.observer.skip else { return true };
        let (Some(told), Some(last)) = (self.last_told, self.last_poll) else { return true };
        let longest = self.observer.interval * GAP_INTERVALS;
        self.told_offset != self.clock_offset
            || own.since(told).is_none_or(|since| skip.sparse <= since)
            || own.since(last).is_none_or(|since| longest < since)
    }

    /// A good answer. Whether it is news.
    fn served(&mut self, at: Timestamp, look: &Look, version: &Arc<BundleVersion>) -> bool {
        let recovered = self.failing.take().is_some();
        let accepted = self.accepted.as_ref().map(|state| (state.number, state.sequence));
        let changed = match accepted {
            Some((number, _)) if number == version.number => {
                if self.trust.is_none() {
                    self.accept(at, version);
                }
                self.held_back.take().is_some()
            }
            Some((_, sequence)) if sequence.is_some() && version.sequence < sequence => {
                self.step_back(at, version);
                true
            }
            Some(_) | None => {
                self.accept(at, version);
                true
            }
        };
        let signer = self.news_of_a_signer(look, version);
        // Until an answer counts, nothing that only it shows is on record.
        if self.held_back.is_none() {
            self.signed.extend(signer);
            self.meet(look, version);
        }
        signer.is_some() || changed || recovered
    }

    fn accept(&mut self, at: Timestamp, version: &Arc<BundleVersion>) {
        self.held_back = None;
        self.changed_at = Some(at);
        self.familiar.clear();
        self.signed.retain(|anchor, _| version.anchors.binary_search(anchor).is_ok());
        if !version.anchors.is_empty() {
            self.trust = Some(Arc::clone(version));
        }
        self.accepted = Some(Arc::clone(version));
    }

    /// An answer that steps back counts once it was seen for so long that no lag explains it.
    fn step_back(&mut self, at: Timestamp, version: &Arc<BundleVersion>) {
        let since = match self.held_back {
            Some((number, since)) if number == version.number => since,
            Some(_) | None => at,
        };
        self.held_back = Some((version.number, since));
        if at.since(since).is_some_and(|waited| self.observer.replica_lag <= waited) {
            self.accept(at, version);
        }
    }

    /// The `notBefore` of an SVID that says something new of the authority that signed it.
    fn news_of_a_signer(
        &self,
        look: &Look,
        version: &BundleVersion,
    ) -> Option<(Fingerprint, Timestamp)> {
        let Presentation { svid, anchor } = look.presentation.as_ref()?;
        let not_before = svid.validity.not_before;
        let is_the_state =
            self.accepted.as_ref().is_some_and(|state| state.number == version.number);
        if is_the_state && self.is_familiar(anchor, not_before) {
            return None;
        }
        version.anchors.binary_search(anchor).ok()?;
        let known = self.signed.get(anchor);
        known.is_none_or(|known| not_before < *known).then_some((*anchor, not_before))
    }

    /// Remembers who signed what the state was served under.
    fn meet(&mut self, look: &Look, version: &BundleVersion) {
        let Some(Presentation { svid, anchor }) = &look.presentation else { return };
        if self.is_familiar(anchor, svid.validity.not_before) {
            return;
        }
        if let Some(least) = self.signed.get(anchor)
            && version.anchors.binary_search(anchor).is_ok()
        {
            self.familiar.retain(|(familiar, _)| familiar != anchor);
            self.familiar.push((*anchor, *least));
        }
    }

    fn is_familiar(&self, anchor: &Fingerprint, not_before: Timestamp) -> bool {
        let known = self.familiar.iter().find(|(familiar, _)| familiar == anchor);
        known.is_some_and(|(_, known)| *known <= not_before)
    }

    /// Whether answers show nothing but the state, after a poll that failed alone.
    pub(super) fn is_as_ever(&self, at: Timestamp, looks: &[Look]) -> bool {
        let number = self.accepted.as_ref().map(|state| state.number);
        let ever = |look: &Look| match &look.outcome {
            LookOutcome::Served(version) => {
                Some(version.number) == number && self.news_of_a_signer(look, version).is_none()
            }
            LookOutcome::Failed(..) => false,
        };
        self.failing.is_none()
            && self.held_back.is_none()
            && looks.iter().all(ever)
            && !self.must_tell(self.clock(at))
    }

    /// Whether answers are a failure that may turn out to be one alone, and need not be told then.
    pub(super) fn may_be_alone(&self, looks: &[Look]) -> bool {
        self.observer.skip.is_some_and(|skip| skip.lone_failures)
            && self.failing.is_none()
            && looks.iter().all(Look::is_failure)
    }

    fn failed(&mut self, looks: &[Look]) -> bool {
        let reason = looks.iter().find_map(|look| match look.outcome {
            LookOutcome::Failed(reason, _) => Some(reason),
            LookOutcome::Served(_) => None,
        });
        let news = self.failing != reason;
        self.failing = reason;
        news
    }

    fn leave_out(&mut self, own: Timestamp, look: Option<&Look>) {
        let leaf = look.and_then(|look| look.presentation.as_ref()).map(|presentation| SeenLeaf {
            authority: presentation.anchor,
            leaf: Leaf { seen_at: own, validity: presentation.svid.validity },
        });
        let skipped = self.skipped.get_or_insert_with(|| Skipped {
            polls: 0,
            last: own,
            seen: match look {
                Some(look) => SkippedContent::State {
                    leaves: Vec::new(),
                    address: look.address,
                    tls_not_after: None,
                },
                None => SkippedContent::Failure,
            },
        });
        skipped.polls = skipped.polls.saturating_add(1);
        skipped.last = own;
        let (SkippedContent::State { leaves, address, tls_not_after }, Some(look)) =
            (&mut skipped.seen, look)
        else {
            return;
        };
        *address = look.address;
        *tls_not_after = leaf.map(|seen| seen.leaf.validity.not_after);
        // Of others than the state's authorities, the watch keeps nothing.
        if let Some(seen) = leaf
            && self.familiar.iter().any(|(familiar, _)| *familiar == seen.authority)
        {
            leaves.retain(|known| known.authority != seen.authority);
            leaves.push(seen);
        }
    }

    /// Plans the poll after one at `at`, as `watch::step` would.
    pub(super) fn schedule(&mut self, at: Timestamp, result: PollResult) {
        let Observer { interval, auto, replica_lag, .. } = self.observer;
        let wait = if self.held_back.is_some() {
            let lag = replica_lag.max(Duration::from_secs(1));
            self.random.between(lag, lag.saturating_add(lag / 10))
        } else if auto {
            let age = self.changed_at.and_then(|changed| at.since(changed));
            let burst = result == PollResult::Answered && age.is_some_and(|age| age < BURST);
            let fast = (interval / BURST_FACTOR).max(BURST_INTERVAL).min(interval);
            let interval = if burst { fast } else { interval };
            let tenth = interval / 10;
            self.random.between(interval.saturating_sub(tenth), interval.saturating_add(tenth))
        } else {
            interval
        };
        // A wait of nothing would never end.
        self.next_at = at.saturating_add(wait.max(Duration::from_millis(1)));
    }
}
