//! What is known of one trust domain: the fold of its events.
//!
//! Invariant: [`Facts::apply`] is the only way in which facts change, in the daemon as in a replay.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

mod handover;
mod kept;
mod ledger;
mod removed;
mod room;
mod rotation;
mod sequence;
mod sighting;
mod state;
mod trust;

pub use kept::Kept;
pub use ledger::{Ledger, Settled};
pub use room::{Rank, Subject};
pub use sequence::{Regression, SequenceAnomaly, SequenceAnomalyKind};
pub use sighting::{EndpointShift, Sighting};
pub use state::{Confirmed, FailureRun};

use super::{
    AddressView, AuthorityRecord, ConsumerRefusal, DaySpent, DeniedSigner, Event, Leaf, PastState,
    Policy, RotationModel, StepBack, TrustOrigin, UnconfirmedAuthority, UnrecordedKeys,
};
use crate::bundle::{Authority, AuthorityId, Bundle, Irregularity, StatedNumber, Validity};
use crate::decision::Decisions;
use crate::spiffe::BundleEndpoint;
use crate::time::{Bracket, Timestamp};

/// What is known of one trust domain.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct Facts {
    /// Where its bundle is served.
    pub endpoint: Option<BundleEndpoint>,
    /// When the first bundle was observed.
    pub first_contact: Option<Timestamp>,
    /// What authenticated the first bundle.
    pub first_authenticated_by: Option<TrustOrigin>,
    /// The X.509 authorities of the bootstrap file that authenticated the first bundle.
    pub bootstrapped_with: Vec<AuthorityId>,
    /// The state that the last good polls agree on.
    pub confirmed: Option<Confirmed>,
    /// The authorities that are published, and those removed of late; sorted by their id.
    pub authorities: Vec<AuthorityRecord>,
    /// Authorities that only an answer beside the state has shown so far.
    pub glimpsed: Vec<UnconfirmedAuthority>,
    /// The states of this epoch before the confirmed one, newest last.
    pub history: Vec<PastState>,
    /// The highest sequence number of any confirmed state. It moves down only by a decision.
    pub high_water: Option<u64>,
    /// How many steps back were confirmed.
    pub epoch: u32,
    /// Steps back that were seen since the last change.
    pub step_backs: Vec<StepBack>,
    /// Answers of other addresses that differ from the state, since the last change.
    pub address_views: Vec<AddressView>,
    /// The run of failures that lasts.
    pub failure: Option<FailureRun>,
    /// Who answered of late with a certificate that rests on a denied key, oldest first.
    pub denied_signers: Vec<DeniedSigner>,
    /// How the document departs from the standard.
    pub irregularities: Vec<Irregularity>,
    /// Since when it does so in these ways.
    pub irregular_since: Option<Timestamp>,
    /// Which consumers would refuse the document.
    pub refusals: Vec<ConsumerRefusal>,
    /// Since when each of them would, in the same order.
    pub refused_since: Vec<Timestamp>,
    /// What an operator said authenticates, until a good poll.
    pub rebootstrap: Vec<Arc<Authority>>,
    /// The last gap in the watch.
    pub last_gap: Option<Bracket>,
    /// What was recorded on the day of the last event.
    pub spent: DaySpent,
    /// By what rules the domain was watched and judged; `None` before its first poll.
    pub policy: Option<Arc<Policy>>,
    /// The rotation: which chain each authority belongs to.
    pub rotation: RotationModel,
    /// What the sequence numbers say that the key sets do not, newest last.
    pub leaps: Vec<SequenceAnomaly>,
    /// Steps back that were confirmed, newest last.
    pub regressions: Vec<Regression>,
    /// The intermediate that the endpoint presented last, as far as its lifetime goes.
    pub intermediate: Option<Validity>,
    /// What differs at the endpoint, newest last.
    pub shifts: Vec<EndpointShift>,
    /// The refresh hint before the present one, where that was raised.
    pub hint_before: Option<u64>,
    /// Since when the refresh hint is what it is.
    pub hint_since: Option<Timestamp>,
    /// What was sighted of tokens, by key ID.
    pub sightings: Vec<Sighting>,
    /// Keys of the bundle that the daily budget kept from being recorded, and the last good poll
    /// before the first of them.
    pub unrecorded: Option<(UnrecordedKeys, Option<Timestamp>)>,
    /// The decisions that hold.
    pub decisions: Decisions,
    /// The event findings.
    pub ledger: Ledger,
    /// What follows from the authorities, while none of them changes.
    #[serde(skip)]
    pub kept: Kept,
}

impl Facts {
    /// How many past states are kept: SPIRE makes six a day, so ten days of it.
    const HISTORY: usize = 64;
    /// How many answers beside the state are kept, of each kind.
    const VIEWS: usize = 64;

    /// The facts that follow from these events.
    pub fn replay<'a>(events: impl IntoIterator<Item = (Timestamp, &'a Event)>) -> Self {
        let mut facts = Self::default();
        for (at, event) in events {
            facts.apply(at, event);
        }
        facts
    }

    /// The record of an authority, published or removed of late.
    pub fn record(&self, id: AuthorityId) -> Option<&AuthorityRecord> {
        let place = self.authorities.binary_search_by_key(&id, AuthorityRecord::id).ok()?;
        self.authorities.get(place)
    }

    /// The records of the authorities that are published.
    pub fn published(&self) -> impl Iterator<Item = &AuthorityRecord> {
        self.authorities.iter().filter(|record| record.removed.is_none())
    }

    /// The confirmed key set, with its sequence and hint.
    pub fn bundle(&self) -> Bundle {
        let authorities = self.published().map(|record| Arc::clone(&record.authority)).collect();
        let (sequence, refresh_hint) = match &self.confirmed {
            Some(confirmed) => (confirmed.sequence.clone(), confirmed.refresh_hint.clone()),
            None => (StatedNumber::Absent, StatedNumber::Absent),
        };
        Bundle::new(authorities, sequence, refresh_hint)
    }

    /// Takes in what happened at `at`.
    #[expect(clippy::too_many_lines, reason = "one arm or line for each thing that there is")]
    pub fn apply(&mut self, at: Timestamp, event: &Event) {
        self.spent = self.spent.on(at);
        self.spent.pay(at, event);
        self.drop_kept(event);
        match event {
            Event::PolicyChanged { policy } => self.apply_policy(at, policy),
            Event::DatesPassed { good } => self.pass(*good),
            Event::IntermediateSeen { validity } => self.intermediate = Some(*validity),
            Event::EndpointShifted { what, with_keys } => {
                let shift = EndpointShift { at, what: what.clone(), with_keys: *with_keys };
                push_bounded(&mut self.shifts, shift, Self::VIEWS);
            }
            Event::KidSighted { sighting, .. } => self.record_token_sighting(sighting),
            Event::Decided { decision } => self.decide(at, decision),
            Event::FindingRaised { finding } => self.raise(at, finding),
            Event::FindingsLeftOut { room, severity, count, waiting } => {
                self.ledger.count_left_out(*room, at, *severity, (*count, *waiting));
            }
            Event::FindingEnded { finding, .. } => self.ledger.end(at, *finding),
            Event::EndpointConfigured { endpoint, .. } => self.endpoint = Some(endpoint.clone()),
            Event::FirstContact { authenticated_by, bootstrap } => {
                self.first_contact = Some(at);
                self.first_authenticated_by = *authenticated_by;
                self.bootstrapped_with.clone_from(bootstrap);
            }
            Event::BundleChanged {
                content,
                body,
                sequence,
                refresh_hint,
                after,
                first_shown,
                introduced,
                removed,
                unrecorded,
                ..
            } => {
                let unchanged_sequence = self.compare_change(at, event);
                self.pass_over(at, *unrecorded, *after);
                if let Some(after) = after {
                    self.pass(*after);
                }
                self.change(Confirmed {
                    content: *content,
                    body: *body,
                    sequence: sequence.clone(),
                    refresh_hint: refresh_hint.clone(),
                    since: Bracket::new(*after, at),
                });
                self.settle(at, introduced, unchanged_sequence);
                self.remove(at, removed, Bracket::new(*after, *first_shown));
            }
            Event::AuthorityIntroduced { authority, published, returned_after } => {
                self.introduce(authority, *published, *returned_after);
            }
            Event::AuthorityRemoved { authority, removed } => {
                if let Some(record) = self.record_mut(*authority) {
                    record.removed = Some(*removed);
                }
            }
            Event::AuthorityRelabelled { authority, .. } => {
                if let Some(record) = self.record_mut(authority.id) {
                    record.authority = Arc::clone(authority);
                }
            }
            Event::UnconfirmedAuthoritySeen { authority, seen } => {
                self.unconfirmed_authority(at, authority, *seen);
            }
            Event::AuthoritySigned { authority, leaf } => {
                if let Some(record) = self.record_mut(*authority) {
                    record.signed = Some(earliest(record.signed, *leaf));
                }
            }
            Event::SteppedBack { content, sequence, .. } => {
                self.compare_past(at, *content, sequence.given());
                let step_back = StepBack { content: *content, sequence: sequence.clone(), at };
                push_bounded(&mut self.step_backs, step_back, Self::VIEWS);
            }
            Event::StepBackConfirmed { .. } => {
                self.regress(at, event);
                // States are compared within an epoch only.
                self.epoch = self.epoch.saturating_add(1);
                self.history.clear();
                self.confirmed = None;
            }
            Event::AddressDiffers { address, content, sequence } => {
                self.compare(at, *content, sequence.given());
                let (address, content, sequence) = (*address, *content, sequence.clone());
                let view = AddressView { address, content, sequence, at };
                push_bounded(&mut self.address_views, view, Self::VIEWS);
            }
            Event::FailureBegan { reason, detail, denied, .. } => {
                let since = self.failure.as_ref().map_or(at, |run| run.since);
                let (reason, detail, denied) = (*reason, detail.clone(), denied.clone());
                self.failure = Some(FailureRun { since, reason, detail, denied });
            }
            Event::DeniedSignerSeen { authority, address, presented } => {
                self.see_denied_signer(DeniedSigner {
                    authority: *authority,
                    since: at,
                    address: *address,
                    presented: presented.clone(),
                });
            }
            Event::DeniedSignerGone { authority } => self.forget_denied_signer(*authority),
            Event::Recovered { failures, .. } => self.recovered(*failures),
            Event::WatchGap { after, .. } => self.last_gap = Some(Bracket::new(Some(*after), at)),
            Event::IrregularitiesChanged { irregularities } => {
                self.irregularities.clone_from(irregularities);
                self.irregular_since = Some(at);
            }
            Event::ConsumersChanged { refusals } => self.refuse(at, refusals),
            Event::Rebootstrapped { authorities, .. } => self.rebootstrap.clone_from(authorities),
            Event::BudgetExceeded { .. } => self.spent.exceeded = true,
            // What a publication was found to be follows from the publications themselves.
            Event::AuthorityJudged { .. } | Event::ClockSteppedBack { .. } => (),
        }
        self.drop_kept(event);
    }

    /// A good poll. Where no failure went before it, it says that the state is one that the
    /// operator's file authenticated: the file has done its work.
    fn recovered(&mut self, failures: u32) {
        self.failure = None;
        if failures == 0 {
            self.rebootstrap.clear();
        }
    }

    fn change(&mut self, next: Confirmed) {
        // A state that steps back is not trusted until it is confirmed: until then the operator's
        // file authenticates (docs/judgement.md#decisions).
        self.rebootstrap.clear();
        self.high_water = self.high_water.max(next.sequence.given());
        self.raise_hint(&next);
        if let Some(previous) = self.confirmed.replace(next) {
            let Confirmed { content, sequence, since, .. } = previous;
            push_bounded(&mut self.history, PastState { content, sequence, since }, Self::HISTORY);
        }
        self.step_backs.clear();
        self.address_views.clear();
    }

    fn introduce(
        &mut self,
        authority: &Arc<Authority>,
        published: Bracket,
        returned_after: Option<Bracket>,
    ) {
        self.decisions.recognize(authority);
        let authority = Arc::clone(authority);
        let id = authority.id;
        match self.authorities.binary_search_by_key(&id, AuthorityRecord::id) {
            Ok(place) => {
                if let Some(record) = self.authorities.get_mut(place) {
                    record.authority = authority;
                    record.published = published;
                    record.removed = None;
                    record.returned_after = returned_after;
                }
            }
            Err(place) => {
                let record = AuthorityRecord::new(authority, published);
                self.authorities.insert(place, AuthorityRecord { returned_after, ..record });
            }
        }
    }

    fn record_mut(&mut self, id: AuthorityId) -> Option<&mut AuthorityRecord> {
        let place = self.authorities.binary_search_by_key(&id, AuthorityRecord::id).ok()?;
        self.authorities.get_mut(place)
    }
}

/// The leaf with the earlier `notBefore`: the bound on when the authority began to sign.
fn earliest(known: Option<Leaf>, seen: Leaf) -> Leaf {
    match known {
        Some(known) if known.validity.not_before <= seen.validity.not_before => known,
        Some(_) | None => seen,
    }
}

fn push_bounded<T>(list: &mut Vec<T>, item: T, most: usize) {
    if most <= list.len() {
        list.remove(0);
    }
    list.push(item);
}
