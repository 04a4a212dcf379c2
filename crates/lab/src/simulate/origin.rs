//! An issuer with real keys: what its servers publish and present, version by version.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::endpoint::{Presentation, SimulatedEndpoint};
use super::origin_settings::OriginSettings;
use super::server::ServerSvid;
use super::truth::{PublicationCause, RemovalKind, Truth, WorldEvent};
use super::version::BundleVersion;
use super::{InjectedKey, Mint, Minted, Random};
use crate::issuer::{
    Intervention, IssuedKey, Issuer, IssuerAction, IssuerEvent, IssuerSettings, KeyCreationCause,
    KeyNumber, KeyStore, RemovalCause, ReplicaNumber,
};
use anchorwatch_core::bundle::{AuthorityId, SvidType, Validity};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::Presented;

/// How many past versions are kept: for views that lag, and for states that come back.
const VERSIONS: usize = 512;
/// How many removed keys are kept: for keys that come back.
const REMOVED: usize = 16;

/// One set of servers on one datastore.
#[derive(Clone, Debug)]
pub(super) struct SimulatedIssuer {
    pub(super) issuer: Issuer,
    pub(super) charter: OriginSettings,
    pub(super) mint: Mint,
    random: Random,
    /// Keys that are published, by their number, and made real once someone looks.
    published: BTreeMap<KeyNumber, Entry>,
    /// What was published when the datastore was copied last.
    backup: BTreeMap<KeyNumber, Entry>,
    endpoint: SimulatedEndpoint,
    /// How each server came to be without keys, until it has made some.
    starts: BTreeMap<ReplicaNumber, PublicationCause>,
    /// The chains that lost a key to an older state of the datastore, until they make another.
    remade: BTreeSet<(ReplicaNumber, SvidType)>,
    versions: VecDeque<Arc<BundleVersion>>,
    /// Whether someone looks: before, keys are not made real.
    open: bool,
    /// The keys that were removed last.
    removed: VecDeque<Minted>,
    /// Who takes keys out past the issuer.
    withdrawn_by: RemovalKind,
    /// What the next appended key is to look like.
    injected_key: Option<InjectedKey>,
    /// Whether it answers under the domain's name and is not the domain's own.
    pub(super) is_other_store: bool,
    /// What happened and was not told yet.
    pub(super) truth: Vec<Truth>,
    wakes_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Entry {
    key: IssuedKey,
    minted: Option<Minted>,
}

impl SimulatedIssuer {
    pub(super) fn new(charter: OriginSettings, mint: Mint, mut random: Random) -> Self {
        let settings =
            IssuerSettings { delays: super::delays::draw(&mut random), ..charter.settings.clone() };
        let endpoint = SimulatedEndpoint::new(charter.x509_svid_ttl, charter.x509_key);
        Self {
            issuer: Issuer::new(settings),
            charter,
            mint,
            random,
            published: BTreeMap::new(),
            backup: BTreeMap::new(),
            endpoint,
            starts: BTreeMap::new(),
            remade: BTreeSet::new(),
            versions: VecDeque::new(),
            open: false,
            removed: VecDeque::new(),
            withdrawn_by: RemovalKind::Attack,
            injected_key: None,
            is_other_store: false,
            truth: Vec::new(),
            wakes_at: None,
        }
    }

    /// The true time of a moment by the issuer's clock.
    pub(super) fn true_time(&self, moment: Timestamp) -> Timestamp {
        shifted(moment, self.charter.clock_offset.saturating_neg())
    }

    /// The issuer's clock at a moment of true time.
    pub(super) fn own_time(&self, at: Timestamp) -> Timestamp {
        shifted(at, self.charter.clock_offset)
    }

    /// Someone begins to look: from here on keys are real.
    pub(super) fn open(&mut self, at: Timestamp, numbers: &mut u64) {
        self.open = true;
        let keys: Vec<_> = self.published.keys().copied().collect();
        for number in keys {
            self.make_real(number);
            let kind = if self.is_other_store {
                PublicationCause::OtherStore
            } else {
                PublicationCause::Baseline
            };
            self.report_publication(at, number, kind);
        }
        self.snapshot(at, numbers);
    }

    /// Plans what is done to the issuer at `at`, and does it.
    pub(super) fn intervene(
        &mut self,
        at: Timestamp,
        intervention: Intervention,
        numbers: &mut u64,
    ) {
        self.issuer.plan(self.own_time(at), intervention);
        if intervention == Intervention::Backup {
            self.backup = self.published.clone();
        } else if intervention == Intervention::Restore {
            for replica in self.issuer.running_replicas() {
                self.starts.insert(replica, PublicationCause::Restore);
            }
        }
        self.wakes_at = None;
        self.advance(at, numbers);
    }

    /// Has someone append a key that looks like this.
    pub(super) fn append(
        &mut self,
        at: Timestamp,
        svid_type: SvidType,
        validity: Validity,
        injected_key: InjectedKey,
        numbers: &mut u64,
    ) -> Option<KeyNumber> {
        self.injected_key = Some(injected_key);
        self.intervene(at, Intervention::Append { svid_type, validity }, numbers);
        self.injected_key = None;
        self.published.keys().next_back().copied()
    }

    /// Has someone take a key out.
    pub(super) fn withdraw(
        &mut self,
        at: Timestamp,
        key: KeyNumber,
        why: RemovalKind,
        numbers: &mut u64,
    ) {
        self.withdrawn_by = why;
        self.intervene(at, Intervention::Withdraw { key }, numbers);
    }

    /// A key that is published, and the key that has that number.
    pub(super) fn published(&self) -> impl Iterator<Item = (&IssuedKey, &Minted)> {
        self.published.values().filter_map(|entry| Some((&entry.key, entry.minted.as_ref()?)))
    }

    /// Keys that are published no more, the last one last.
    pub(super) fn removed(&self) -> impl DoubleEndedIterator<Item = &Minted> {
        self.removed.iter()
    }

    /// Brings it to `to`. `numbers` counts the versions of the world.
    pub(super) fn advance(&mut self, to: Timestamp, numbers: &mut u64) {
        let own = self.own_time(to);
        if self.wakes_at.is_some_and(|wakes_at| own < wakes_at) {
            return;
        }
        for event in self.issuer.advance(own) {
            self.apply_event(&event, numbers);
        }
        self.wakes_at = self.issuer.wakes_at();
    }

    fn apply_event(&mut self, event: &IssuerEvent, numbers: &mut u64) {
        let own = event.at;
        let at = self.true_time(own);
        match event.action {
            IssuerAction::Published { key } => self.publish(at, key),
            IssuerAction::Returned { key } => {
                let minted = self.backup.get(&key.number).and_then(|entry| entry.minted.clone());
                self.published.insert(key.number, Entry { key, minted });
                self.tell(at, key.number, |authority| WorldEvent::Return { authority });
            }
            IssuerAction::Certified { key } => {
                self.endpoint.intermediate_is_made(key, &mut self.random);
            }
            IssuerAction::Activated { key } => {
                self.endpoint.activates(own, key);
                self.tell(at, key, |authority| WorldEvent::Activation { authority });
            }
            IssuerAction::Retired { key } => {
                self.tell(at, key, |authority| WorldEvent::Retirement { authority });
            }
            IssuerAction::Orphaned { key } => {
                self.tell(at, key, |authority| WorldEvent::Orphaned { authority });
            }
            IssuerAction::Tainted { key } => {
                self.endpoint.taints(own, key);
                self.tell(at, key, |authority| WorldEvent::Taint { authority });
            }
            IssuerAction::Removed { key, by } => self.remove(at, key, by),
            IssuerAction::SequenceMoved { sequence } => {
                if self.open {
                    self.snapshot_as(at, sequence, numbers);
                }
            }
            IssuerAction::Started { replica } => self.start(own, replica),
            IssuerAction::Stopped { .. } | IssuerAction::Refused { .. } => (),
        }
    }

    fn remove(&mut self, at: Timestamp, key: KeyNumber, by: RemovalCause) {
        let why = match by {
            RemovalCause::Pruned => RemovalKind::Pruned,
            RemovalCause::Revoked => RemovalKind::Revoked,
            RemovalCause::Withdrawn => self.withdrawn_by,
            RemovalCause::Restored => RemovalKind::Restored,
        };
        self.tell(at, key, |authority| WorldEvent::Removal { authority, why });
        if let (RemovalKind::Restored, Some(entry)) = (why, self.published.get(&key)) {
            let chain = entry.key.replica.map(|by| (by, entry.key.svid_type));
            self.remade.extend(chain);
        }
        self.removed.extend(self.published.remove(&key).and_then(|entry| entry.minted));
        let over = self.removed.len().saturating_sub(REMOVED);
        self.removed.drain(..over);
    }

    fn start(&mut self, own: Timestamp, replica: ReplicaNumber) {
        let keys = match self.issuer.signing(replica, SvidType::X509) {
            Some(_) => KeyStore::Kept,
            None => KeyStore::Lost,
        };
        let known = self.endpoint.starts(own, replica, keys);
        let kind = if known { PublicationCause::Restart } else { PublicationCause::ScaleOut };
        self.starts.insert(replica, kind);
    }

    fn publish(&mut self, at: Timestamp, key: IssuedKey) {
        let remade = key.replica.is_some_and(|by| self.remade.remove(&(by, key.svid_type)));
        let kind = match key.occasion {
            _ if self.is_other_store => PublicationCause::OtherStore,
            _ if remade => PublicationCause::Restore,
            KeyCreationCause::Due => PublicationCause::Scheduled,
            KeyCreationCause::Command => PublicationCause::Forced,
            KeyCreationCause::Root => PublicationCause::Root,
            KeyCreationCause::Appended => {
                self.injected_key.as_ref().map_or(PublicationCause::Appended, |d| d.kind)
            }
            KeyCreationCause::First => key
                .replica
                .and_then(|replica| self.starts.get(&replica).copied())
                .unwrap_or(PublicationCause::ScaleOut),
        };
        self.published.insert(key.number, Entry { key, minted: None });
        if key.svid_type == SvidType::X509 && key.occasion != KeyCreationCause::Appended {
            self.endpoint.signer_is_made(key);
        }
        if self.open {
            self.make_real(key.number);
            self.report_publication(at, key.number, kind);
        }
    }

    fn report_publication(&mut self, at: Timestamp, number: KeyNumber, kind: PublicationCause) {
        let replica = self.published.get(&number).and_then(|entry| entry.key.replica);
        let replica = replica.map(|replica| replica.0);
        self.tell(at, number, |authority| WorldEvent::Publication { authority, kind, replica });
    }

    fn tell(
        &mut self,
        at: Timestamp,
        number: KeyNumber,
        what: impl FnOnce(AuthorityId) -> WorldEvent,
    ) {
        if let Some(minted) = self.minted(number) {
            let what = what(minted.authority.id);
            self.truth.push(Truth { at, what });
        }
    }

    pub(super) fn minted(&self, number: KeyNumber) -> Option<&Minted> {
        self.published.get(&number)?.minted.as_ref()
    }

    fn make_real(&mut self, number: KeyNumber) {
        let Some(entry) = self.published.get_mut(&number).filter(|_| self.open) else {
            return;
        };
        if entry.minted.is_some() {
            return;
        }
        let charter = &self.charter;
        let injected_key =
            self.injected_key.as_ref().filter(|_| entry.key.occasion == KeyCreationCause::Appended);
        entry.minted = match (injected_key, entry.key.svid_type) {
            (Some(injected_key), _) => injected_key.make(&mut self.mint, charter, &entry.key),
            (None, SvidType::X509) if entry.key.occasion == KeyCreationCause::Root => {
                self.mint.root(charter.x509_key, entry.key.validity)
            }
            (None, SvidType::X509) => self.mint.x509(charter.x509_key, entry.key.validity),
            (None, SvidType::Jwt | SvidType::Wit) => Some(self.mint.jwt(charter.jwt_key)),
        };
        if let Some(minted) = &entry.minted {
            self.endpoint.signer_is_real(number, minted);
        }
    }

    /// Makes what is published now a version.
    pub(super) fn snapshot(&mut self, since: Timestamp, numbers: &mut u64) {
        self.snapshot_as(since, self.issuer.bundle().sequence(), numbers);
    }

    /// The same, under the sequence number of a transaction that others have followed since.
    fn snapshot_as(&mut self, since: Timestamp, sequence: u64, numbers: &mut u64) {
        let keys = self.published.values().filter_map(|entry| entry.minted.clone()).collect();
        let sequence = Some(sequence).filter(|sequence| *sequence != 0);
        let refresh_hint = self.charter.refresh_hint;
        *numbers = numbers.saturating_add(1);
        if VERSIONS <= self.versions.len() {
            self.versions.pop_front();
        }
        self.versions.push_back(BundleVersion::new(*numbers, since, sequence, refresh_hint, keys));
    }

    /// The state now.
    pub(super) fn latest(&self) -> Option<&Arc<BundleVersion>> {
        self.versions.back()
    }

    /// The state at `at`, or the oldest that is kept.
    pub(super) fn version_at(&self, at: Timestamp) -> Option<&Arc<BundleVersion>> {
        let later = self.versions.iter().rev().take_while(|version| at < version.since).count();
        let place = self.versions.len().checked_sub(later.saturating_add(1));
        place.and_then(|place| self.versions.get(place)).or_else(|| self.versions.front())
    }

    /// What a server presents at `at`; `None` where it has nothing to present.
    pub(super) fn presents(
        &mut self,
        replica: ReplicaNumber,
        at: Timestamp,
    ) -> Option<Presentation> {
        let own = self.own_time(at);
        self.endpoint.presents(replica, own)
    }

    /// The certificates of a presentation.
    pub(super) fn certificates(&self, svid: ServerSvid) -> Option<Presented> {
        self.endpoint.certificates(svid, &format!("{}/spire/server", self.mint.id()))
    }
}

/// A moment this many microseconds later.
pub(super) fn shifted(moment: Timestamp, micros: i64) -> Timestamp {
    Timestamp::from_unix_micros(moment.as_unix_micros().saturating_add(micros))
}
