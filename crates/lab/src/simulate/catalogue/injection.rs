//! Keys that an attacker publishes.

use std::time::Duration;

use crate::simulate::injected_key::{InjectedKey, KeyAppearance};
use crate::simulate::truth::{PublicationCause, RemovalKind};
use crate::simulate::world::WorldAction;
use crate::simulate::{Incident, KeyAlgorithm, World};
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::time::Timestamp;

const TEN_YEARS: Duration = Duration::from_hours(24 * 3652);
/// How many keys are a flood.
const FLOOD: u32 = 300;

fn attack(look: KeyAppearance) -> InjectedKey {
    InjectedKey::new(PublicationCause::Attack, look)
}

pub(super) fn jwt_naive(world: &mut World, at: Timestamp) {
    let algorithm = match world.scenario().jwt_key {
        KeyAlgorithm::Rsa2048 => KeyAlgorithm::EcP256,
        KeyAlgorithm::EcP256 | KeyAlgorithm::EcP384 => KeyAlgorithm::Rsa2048,
    };
    let injected_key = attack(KeyAppearance::Jwt { kid: "backup-key-1".to_owned(), algorithm });
    let life = world.settings().ca_ttl;
    world.append(at, SvidType::Jwt, life, injected_key);
    world.perform(at, WorldAction::End(Incident::InjectedJwtNaive));
}

pub(super) fn jwt_matched(world: &mut World, at: Timestamp) {
    let then = quiet_moment(world, at);
    plan_matched(world, then, SvidType::Jwt);
    world.plan(then, WorldAction::End(Incident::InjectedJwtMatched));
}

pub(super) fn jwt_untimed(world: &mut World, at: Timestamp) {
    let life = world.settings().ca_ttl;
    world.append(at, SvidType::Jwt, life, attack(KeyAppearance::Matched));
    world.perform(at, WorldAction::End(Incident::InjectedJwtUntimed));
}

pub(super) fn pair(world: &mut World, at: Timestamp) {
    let then = quiet_moment(world, at);
    plan_matched(world, then, SvidType::X509);
    plan_matched(world, then.saturating_add(Duration::from_millis(10)), SvidType::Jwt);
    world.plan(
        then.saturating_add(Duration::from_millis(10)),
        WorldAction::End(Incident::InjectedPair),
    );
}

pub(super) fn jwt_timed(world: &mut World, at: Timestamp) {
    let dates = world.all_servers().into_iter();
    let dates: Vec<_> = dates.filter_map(|server| world.date(server, SvidType::Jwt)).collect();
    let early = world.random().between(Duration::from_secs(2), Duration::from_secs(25));
    let later = |date: &Timestamp| at < date.saturating_sub(early);
    let dates: Vec<_> = dates.into_iter().filter(later).collect();
    match world.random().pick(&dates).copied() {
        Some(date) => {
            let then = date.saturating_sub(early);
            plan_matched(world, then, SvidType::Jwt);
            world.plan(then, WorldAction::End(Incident::InjectedJwtTimed));
        }
        // The one date there is comes within seconds.
        None => world.plan(at.saturating_add(Duration::from_mins(1)), WorldAction::Then(jwt_timed)),
    }
}

fn plan_matched(world: &mut World, at: Timestamp, svid_type: SvidType) {
    let life = world.settings().ca_ttl;
    world.plan(
        at,
        WorldAction::Append { svid_type, life, injected_key: attack(KeyAppearance::Matched) },
    );
}

/// The first moment from `at` on that is away from every date of a chain.
fn quiet_moment(world: &World, at: Timestamp) -> Timestamp {
    let mut dates = Vec::new();
    for server in world.all_servers() {
        dates.extend(SvidType::ALL.iter().filter_map(|svid_type| world.date(server, *svid_type)));
    }
    dates.sort_unstable();
    // Twice the tolerance of 1 % of the period, and what two polls may add to it.
    let away = (world.settings().period() / 50).max(Duration::from_mins(5));
    let mut moment = at;
    for date in dates {
        let (from, to) = (date.saturating_sub(away), date.saturating_add(away));
        if from <= moment && moment <= to {
            moment = to.saturating_add(Duration::from_secs(1));
        }
    }
    moment
}

pub(super) fn long_lived_root(world: &mut World, at: Timestamp) {
    world.append(at, SvidType::X509, TEN_YEARS, attack(KeyAppearance::Matched));
    world.perform(at, WorldAction::End(Incident::InjectedRoot));
}

pub(super) fn rebound_kid(world: &mut World, at: Timestamp) {
    let Some((key, kid)) = signing_jwt(world) else { return };
    let algorithm = world.scenario().jwt_key;
    world.perform(at, WorldAction::Withdraw { key, why: RemovalKind::Attack });
    let life = world.settings().ca_ttl;
    world.append(at, SvidType::Jwt, life, attack(KeyAppearance::Jwt { kid, algorithm }));
    world.perform(at, WorldAction::End(Incident::ReboundKid));
}

/// The JWT key that one of the servers signs with, and its key ID.
fn signing_jwt(world: &mut World) -> Option<(crate::issuer::KeyNumber, String)> {
    let server = world.a_server()?;
    let origin = world.origin()?;
    let key = origin.issuer.signing(server, SvidType::Jwt)?.number;
    let kid = origin.minted(key)?.authority.kid.clone()?;
    Some((key, kid.as_received().to_owned()))
}

pub(super) fn foreign_key(world: &mut World, at: Timestamp) {
    let other = world.found(at, Some("neighbour.example"));
    let foreign = world.origin_at(other).and_then(|origin| {
        let x509 = origin.published().filter(|(key, _)| key.svid_type == SvidType::X509);
        x509.last().map(|(_, minted)| minted.clone())
    });
    if let Some(foreign) = foreign {
        let life = world.settings().ca_ttl;
        world.append(at, SvidType::X509, life, attack(KeyAppearance::Known(foreign)));
        world.perform(at, WorldAction::End(Incident::ForeignKey));
    }
}

pub(super) fn short_lived(world: &mut World, _: Timestamp) {
    // Polls are never closer than ten seconds.
    let then = world.next_poll().saturating_add(Duration::from_secs(1));
    world.plan(then, WorldAction::Then(lives_for_seconds));
}

fn lives_for_seconds(world: &mut World, at: Timestamp) {
    let life = world.settings().ca_ttl;
    if let Some(key) = world.append(at, SvidType::Jwt, life, attack(KeyAppearance::Matched)) {
        let then = at.saturating_add(Duration::from_secs(4));
        world.plan(then, WorldAction::Withdraw { key, why: RemovalKind::Attack });
        world.plan(then, WorldAction::End(Incident::ShortLivedKey));
    }
}

pub(super) fn flood(world: &mut World, at: Timestamp) {
    for second in 0..FLOOD {
        let then = at.saturating_add(Duration::from_secs(1) * second);
        plan_matched(world, then, SvidType::Jwt);
    }
    let last = at.saturating_add(Duration::from_secs(1) * FLOOD);
    world.plan(last, WorldAction::End(Incident::KeyFlood));
}
