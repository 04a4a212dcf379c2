//! One server: two chains and the ticks at which it looks at them.

use super::chain::IssuerChain;
use super::settings::times;
use super::{IssuedKey, IssuerSettings, KeyStore, ReplicaNumber};
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::time::Timestamp;

/// One server of a trust domain.
#[derive(Clone, Debug)]
pub(super) struct Replica {
    number: ReplicaNumber,
    pub(super) running: bool,
    started_at: Timestamp,
    x509: IssuerChain,
    jwt: IssuerChain,
    /// The tick in which an X.509 authority was prepared last: what delays the JWT look in it.
    x509_prepared_in: Option<u64>,
    /// How many prunes there were since the start.
    pub(super) prunes: u64,
}

impl Replica {
    pub(super) fn new(number: ReplicaNumber) -> Self {
        Self {
            number,
            running: false,
            started_at: Timestamp::default(),
            x509: IssuerChain::new(SvidType::X509),
            jwt: IssuerChain::new(SvidType::Jwt),
            x509_prepared_in: None,
            prunes: 0,
        }
    }

    /// Begins to run: ticks are counted from here, and the first look is at once.
    pub(super) fn start(
        &mut self,
        at: Timestamp,
        keys: KeyStore,
        usable: impl Fn(&IssuedKey) -> bool,
    ) {
        self.running = true;
        self.started_at = at;
        self.x509_prepared_in = None;
        self.prunes = 0;
        self.x509.restart(keys, &usable);
        self.jwt.restart(keys, &usable);
    }

    /// Drops the keys that the bundle does not have. The next tick finds what is missing.
    pub(super) fn forget(
        &mut self,
        now: Timestamp,
        settings: &IssuerSettings,
        usable: impl Fn(&IssuedKey) -> bool,
    ) {
        let ticks = now.since(self.started_at).unwrap_or_default().as_micros();
        let ticks = ticks.checked_div(settings.rotator_tick().as_micros()).unwrap_or(0);
        let next = u64::try_from(ticks).unwrap_or(u64::MAX).saturating_add(1);
        for chain in [&mut self.x509, &mut self.jwt] {
            chain.forget(&usable);
            chain.next_tick = chain.next_tick.max(next);
        }
    }

    pub(super) fn chain(&self, svid_type: SvidType) -> Option<&IssuerChain> {
        match svid_type {
            SvidType::X509 => Some(&self.x509),
            SvidType::Jwt => Some(&self.jwt),
            SvidType::Wit => None,
        }
    }

    pub(super) fn chain_mut(&mut self, svid_type: SvidType) -> Option<&mut IssuerChain> {
        match svid_type {
            SvidType::X509 => Some(&mut self.x509),
            SvidType::Jwt => Some(&mut self.jwt),
            SvidType::Wit => None,
        }
    }

    /// Remembers that an X.509 authority was prepared in this tick.
    pub(super) fn prepared_x509_in(&mut self, tick: u64) {
        self.x509_prepared_in = Some(tick);
    }

    /// The next look at which a chain finds something due: its tick, and when.
    pub(super) fn next_look(
        &self,
        chain: &IssuerChain,
        settings: &IssuerSettings,
    ) -> Option<(u64, Timestamp)> {
        let first = chain.next_tick;
        let Some(due) = chain.due(settings).after() else {
            return Some((first, self.look_at(chain, first, settings)));
        };
        // A delay is shorter than a tick, so the look wanted is at most two ticks from here.
        let from = due.since(self.started_at).unwrap_or_default().as_micros();
        let tick = settings.rotator_tick().as_micros();
        let near = u64::try_from(from.checked_div(tick)?.saturating_sub(1)).unwrap_or(u64::MAX);
        let mut tick = first.max(near);
        for _ in 0..4 {
            let at = self.look_at(chain, tick, settings);
            if due < at {
                return Some((tick, at));
            }
            tick = tick.checked_add(1)?;
        }
        None
    }

    /// When a chain looks in this tick.
    fn look_at(&self, chain: &IssuerChain, tick: u64, settings: &IssuerSettings) -> Timestamp {
        let at = self
            .started_at
            .saturating_add(times(settings.rotator_tick(), tick))
            .saturating_add(settings.delay(self.number, tick));
        if chain.svid_type == SvidType::Jwt && self.x509_prepared_in == Some(tick) {
            at.saturating_add(settings.append)
        } else {
            at
        }
    }

    /// When the next prune is.
    pub(super) fn next_prune(&self, settings: &IssuerSettings) -> Timestamp {
        let number = self.prunes.saturating_add(1);
        self.started_at.saturating_add(times(settings.prune_tick(), number))
    }
}
