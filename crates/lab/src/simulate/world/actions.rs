//! What is done to a world: the tools of the catalogue.

use std::sync::Arc;
use std::time::Duration;

use super::{World, start_servers};
use crate::issuer::{Intervention, IssuerSettings, KeyNumber, NOT_BEFORE_CUSHION, ReplicaNumber};
use crate::simulate::incident::Incident;
use crate::simulate::injected_key::InjectedKey;
use crate::simulate::origin::SimulatedIssuer;
use crate::simulate::tamper::{TamperedAnswer, Tampering, Whom};
use crate::simulate::truth::{PublicationCause, RemovalKind, Truth, WorldEvent};
use crate::simulate::version::BundleVersion;
use crate::simulate::{Mint, Minted, Random};
use anchorwatch_core::bundle::{SvidType, Validity};
use anchorwatch_core::time::Timestamp;

/// A time that no world reaches.
pub(in crate::simulate) const FOR_EVER: Duration = Duration::from_hours(24 * 365 * 100);

/// What an incident begins with.
pub(in crate::simulate) type Begins = fn(&mut World, Timestamp);

/// Something that is done to a world at a moment.
#[derive(Clone, Debug)]
pub(in crate::simulate) enum WorldAction {
    /// An incident begins, with this.
    Begin(Incident, Begins),
    /// Nothing more is done in an incident.
    End(Incident),
    /// Something is done to the domain's issuer.
    Intervene(Intervention),
    /// Someone appends a key that lives so long.
    Append { svid_type: SvidType, life: Duration, injected_key: InjectedKey },
    /// Someone takes a key out.
    Withdraw { key: KeyNumber, why: RemovalKind },
    /// The monitor's clock jumps forward by so many microseconds.
    StepClock { micros: i64 },
    /// What depends on how things are then.
    Then(fn(&mut World, Timestamp)),
}

impl World {
    /// Plans an action.
    pub(in crate::simulate) fn plan(&mut self, at: Timestamp, action: WorldAction) {
        self.agenda.insert((at, self.planned), action);
        self.planned = self.planned.saturating_add(1);
    }

    /// Does an action, at the moment up to which everything has happened.
    pub(in crate::simulate) fn perform(&mut self, at: Timestamp, action: WorldAction) {
        match action {
            WorldAction::Begin(incident, begins) => {
                self.tell(at, WorldEvent::Began { incident });
                begins(self, at);
            }
            WorldAction::End(incident) => self.tell(at, WorldEvent::Ended { incident }),
            WorldAction::Intervene(intervention) => {
                if let Some(origin) = self.origins.first_mut() {
                    origin.intervene(at, intervention, &mut self.numbers);
                }
            }
            WorldAction::Append { svid_type, life, injected_key } => {
                self.append(at, svid_type, life, injected_key);
            }
            WorldAction::Withdraw { key, why } => {
                if let Some(origin) = self.origins.first_mut() {
                    origin.withdraw(at, key, why, &mut self.numbers);
                }
            }
            WorldAction::StepClock { micros } => {
                let offset = &mut self.monitor.clock_offset;
                *offset = offset.saturating_add(micros);
                self.tell(at, WorldEvent::ClockStep { micros });
            }
            WorldAction::Then(next) => next(self, at),
        }
    }

    pub(in crate::simulate) fn tell(&mut self, at: Timestamp, what: WorldEvent) {
        self.truth.push(Truth { at, what });
    }

    pub(in crate::simulate) fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// The domain's own servers.
    pub(in crate::simulate) fn origin(&self) -> Option<&SimulatedIssuer> {
        self.origins.first()
    }

    /// What the domain's servers rotate by.
    pub(in crate::simulate) fn settings(&self) -> &IssuerSettings {
        self.origin().map_or(&self.scenario.issuer, |origin| origin.issuer.settings())
    }

    /// One of the servers that run and answer at the endpoint.
    pub(in crate::simulate) fn a_server(&mut self) -> Option<ReplicaNumber> {
        let own = self.servers().filter(|(origin, _)| *origin == 0);
        let servers: Vec<_> = own.map(|(_, replica)| replica).collect();
        self.random.pick(&servers).copied()
    }

    /// All servers of the domain that run.
    pub(in crate::simulate) fn all_servers(&self) -> Vec<ReplicaNumber> {
        self.origin().map(|o| o.issuer.running_replicas().collect()).unwrap_or_default()
    }

    /// When a chain is due to publish next, in true time.
    pub(in crate::simulate) fn date(
        &self,
        replica: ReplicaNumber,
        svid_type: SvidType,
    ) -> Option<Timestamp> {
        let origin = self.origin()?;
        origin.issuer.publishes_after(replica, svid_type).map(|date| origin.true_time(date))
    }

    /// When the next poll is.
    pub(in crate::simulate) fn next_poll(&self) -> Timestamp {
        self.monitor.next_at
    }

    /// Appends a key that lives so long from now on, and says which it became.
    pub(in crate::simulate) fn append(
        &mut self,
        at: Timestamp,
        svid_type: SvidType,
        life: Duration,
        injected_key: InjectedKey,
    ) -> Option<KeyNumber> {
        let origin = self.origins.first_mut()?;
        let own = Timestamp::from_unix(origin.own_time(at).as_unix());
        let not_before = own.saturating_sub(NOT_BEFORE_CUSHION);
        let validity = Validity { not_before, not_after: own.saturating_add(life) };
        origin.append(at, svid_type, validity, injected_key, &mut self.numbers)
    }

    /// Has the endpoint serve something else for a while.
    pub(in crate::simulate) fn tamper(
        &mut self,
        from: Timestamp,
        lasting: Duration,
        whom: Whom,
        what: TamperedAnswer,
    ) {
        let until = from.saturating_add(lasting);
        self.tampering.push(Tampering { from, until, whom, what, made: None });
    }

    /// A version that no server has.
    pub(in crate::simulate) fn version(
        &mut self,
        since: Timestamp,
        sequence: Option<u64>,
        keys: Vec<Minted>,
    ) -> Arc<BundleVersion> {
        self.numbers = self.numbers.saturating_add(1);
        let refresh_hint = self.scenario.refresh_hint;
        BundleVersion::new(self.numbers, since, sequence, refresh_hint, keys)
    }

    /// Mints a key that stands in no datastore.
    pub(in crate::simulate) fn plant_jwt(&mut self, at: Timestamp) -> Option<Minted> {
        let algorithm = self.scenario.jwt_key;
        let minted = self.origins.first_mut()?.mint.jwt(algorithm);
        let (authority, kind, replica) = (minted.authority.id, PublicationCause::Attack, None);
        self.tell(at, WorldEvent::Publication { authority, kind, replica });
        Some(minted)
    }

    /// The endpoint does not answer for a while.
    pub(in crate::simulate) fn go_down(&mut self, at: Timestamp, lasting: Duration) {
        self.down_until = self.down_until.max(Some(at.saturating_add(lasting)));
    }

    /// Nobody polls for a while.
    pub(in crate::simulate) fn go_away(&mut self, at: Timestamp, lasting: Duration) {
        self.away_until = self.away_until.max(Some(at.saturating_add(lasting)));
    }

    /// Has other servers run on a datastore of their own, with a history like the domain's: under
    /// its name, or under another. Says which origin they are.
    pub(in crate::simulate) fn found(&mut self, at: Timestamp, name: Option<&str>) -> usize {
        let trust_domain = name.and_then(|name| name.parse().ok());
        let trust_domain = trust_domain.unwrap_or_else(|| self.scenario.trust_domain.clone());
        let mint = Mint::new(&trust_domain, Random::new(self.random.number()));
        let charter = self.origins.first().map(|origin| origin.charter.clone());
        let random = Random::new(self.random.number());
        let place = self.origins.len();
        if let Some(charter) = charter {
            let mut origin = SimulatedIssuer::new(charter, mint, random);
            origin.is_other_store = name.is_none();
            let began = Timestamp::min(at, self.scenario.begins);
            start_servers(&mut origin, &self.scenario, &mut self.random, began);
            origin.advance(at, &mut self.numbers);
            origin.open(at, &mut self.numbers);
            self.origins.push(origin);
        }
        place
    }

    /// Has the datastore fork: what is done on either side is not seen on the other.
    pub(in crate::simulate) fn fork(&mut self) -> Option<usize> {
        let mut origin = self.origins.first()?.clone();
        origin.mint.reseed(self.random.number());
        self.origins.push(origin);
        Some(self.origins.len().saturating_sub(1))
    }

    /// Stops a server of an origin, without a trace in the truth.
    pub(in crate::simulate) fn stop(
        &mut self,
        place: usize,
        at: Timestamp,
        replica: ReplicaNumber,
    ) {
        if let Some(origin) = self.origins.get_mut(place) {
            origin.intervene(at, Intervention::Stop { replica }, &mut self.numbers);
        }
    }

    /// Has an origin answer at the domain's address as well.
    pub(in crate::simulate) fn stand_behind(&mut self, place: usize) {
        self.behind.push(place);
    }

    /// An origin by its place.
    pub(in crate::simulate) fn origin_at(&self, place: usize) -> Option<&SimulatedIssuer> {
        self.origins.get(place)
    }
}
