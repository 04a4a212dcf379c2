//! What becomes of the datastore.

use std::sync::Arc;
use std::time::Duration;

use crate::issuer::Intervention;
use crate::simulate::injected_key::{InjectedKey, KeyAppearance};
use crate::simulate::tamper::{TamperedAnswer, Whom};
use crate::simulate::truth::PublicationCause;
use crate::simulate::version::BundleVersion;
use crate::simulate::world::{FOR_EVER, WorldAction};
use crate::simulate::{Authentication, Incident, Minted, Scenario, World};
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::time::Timestamp;

/// A monitor that verifies what it sees is locked out by it at once, and sees nothing.
pub(super) fn recorded(scenario: &mut Scenario) {
    scenario.observer.authentication = Authentication::Recorded;
}

pub(super) fn restore(world: &mut World, at: Timestamp) {
    // So old that no key of then signs any more.
    let life = world.settings().ca_ttl;
    let age = world.random().between(life + life / 10, life * 2);
    restore_after(world, at, age, Incident::DatabaseRestore);
}

pub(super) fn restore_recent(world: &mut World, at: Timestamp) {
    // A copy from just before a publication: what it lacks had no time to sign anything.
    let replica = world.a_server();
    let date = replica.and_then(|replica| world.date(replica, SvidType::X509));
    let before = world.random().between(Duration::from_mins(1), Duration::from_mins(10));
    let copied = date.map_or(at, |date| date.saturating_sub(before)).max(at);
    let lead = world.settings().lead();
    let age = before + world.random().between(lead / 4, lead / 2);
    world.plan(copied, WorldAction::Intervene(Intervention::Backup));
    let then = copied.saturating_add(age);
    world.plan(then, WorldAction::Intervene(Intervention::Restore));
    world.plan(then, WorldAction::End(Incident::DatabaseRestoreRecent));
}

fn restore_after(world: &mut World, at: Timestamp, age: Duration, incident: Incident) {
    world.perform(at, WorldAction::Intervene(Intervention::Backup));
    let then = at.saturating_add(age);
    world.plan(then, WorldAction::Intervene(Intervention::Restore));
    world.plan(then, WorldAction::End(incident));
}

pub(super) fn split_brain(world: &mut World, at: Timestamp) {
    let other = world.found(at, None);
    world.stand_behind(other);
}

pub(super) fn forked_database(world: &mut World, at: Timestamp) {
    let servers = world.all_servers();
    let (Some((last, others)), Some(other)) = (servers.split_last(), world.fork()) else { return };
    world.stop(0, at, *last);
    for replica in others {
        world.stop(other, at, *replica);
    }
    world.stand_behind(other);
}

pub(super) fn emptied(world: &mut World, at: Timestamp) {
    let sequence = latest(world).and_then(|version| version.sequence).unwrap_or(0);
    let version = world.version(at, Some(sequence.saturating_add(1)), Vec::new());
    world.tamper(at, FOR_EVER, Whom::All, TamperedAnswer::Serve(version));
}

pub(super) fn constant_sequence(world: &mut World, at: Timestamp) {
    let sequence = latest(world).and_then(|version| version.sequence);
    world.tamper(at, FOR_EVER, Whom::All, TamperedAnswer::Sequence(sequence));
}

pub(super) fn re_append(world: &mut World, at: Timestamp) {
    let Some(key) = last_removed(world, None) else {
        return again(world, at, re_append);
    };
    let injected_key =
        InjectedKey::new(PublicationCause::Appended, KeyAppearance::Known(key.clone()));
    let life = world.settings().ca_ttl;
    world.append(at, key.authority.id.svid_type, life, injected_key);
    world.perform(at, WorldAction::End(Incident::ReAppend));
}

pub(super) fn reused_kid(world: &mut World, at: Timestamp) {
    let key = last_removed(world, Some(SvidType::Jwt));
    let Some(kid) = key.and_then(|key| key.authority.kid.clone()) else {
        return again(world, at, reused_kid);
    };
    let algorithm = world.scenario().jwt_key;
    let injected_key = InjectedKey::new(
        PublicationCause::Appended,
        KeyAppearance::Jwt { kid: kid.as_received().to_owned(), algorithm },
    );
    let life = world.settings().ca_ttl;
    world.append(at, SvidType::Jwt, life, injected_key);
    world.perform(at, WorldAction::End(Incident::ReusedKid));
}

/// Nothing was removed yet: once more after the next prune.
fn again(world: &mut World, at: Timestamp, begins: fn(&mut World, Timestamp)) {
    world.plan(at.saturating_add(world.settings().prune_tick), WorldAction::Then(begins));
}

fn last_removed(world: &World, svid_type: Option<SvidType>) -> Option<Minted> {
    let wanted = |key: &&Minted| svid_type.is_none_or(|own| key.authority.id.svid_type == own);
    world.origin()?.removed().rev().find(wanted).cloned()
}

pub(super) fn swapped_url(world: &mut World, at: Timestamp) {
    const LASTING: Duration = Duration::from_hours(2);
    let other = world.found(at, Some("neighbour.example"));
    let foreign = world.origin_at(other).and_then(|origin| origin.latest()).map(Arc::clone);
    if let Some(foreign) = foreign {
        world.tamper(at, LASTING, Whom::All, TamperedAnswer::Serve(foreign));
        world.plan(at.saturating_add(LASTING), WorldAction::End(Incident::SwappedUrl));
    }
}

pub(super) fn root_change(world: &mut World, at: Timestamp) {
    world.perform(at, WorldAction::Intervene(Intervention::RotateRoot));
    world.perform(at, WorldAction::End(Incident::RootChange));
}

fn latest(world: &World) -> Option<&Arc<BundleVersion>> {
    world.origin()?.latest()
}
