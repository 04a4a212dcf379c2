//! Attacks.

use super::*;
use anchorwatch_core::bundle::KeyType;

impl Watched {
    /// The keys that an attacker published, as they were seen.
    fn planted(&self) -> Vec<&Authority> {
        let publications = self.publications(PublicationCause::Attack).into_iter();
        publications.map(|(_, id, _)| self.introduced(id).1).collect()
    }

    /// How far from the nearest date of any chain a key was published.
    fn away_from_dates(&self, at: Timestamp) -> Duration {
        let publications = self.publications(PublicationCause::Scheduled).into_iter();
        let away = publications
            .map(|(publication, ..)| publication.max(at).since(publication.min(at)).unwrap());
        away.min().unwrap()
    }
}

#[test]
fn a_naive_key_has_another_key_id_and_type() {
    let watched = befallen(Incident::InjectedJwtNaive, 4);
    let [planted] = watched.planted()[..] else { panic!() };
    assert_eq!(planted.key_type, KeyType::Rsa { bits: 2048 });
    assert_ne!(planted.kid.as_ref().unwrap().as_received().len(), 32);
}

#[test]
fn a_matched_key_has_the_profile_and_keeps_away_from_every_date() {
    for (incident, keys) in [(Incident::InjectedJwtMatched, 1), (Incident::InjectedPair, 2)] {
        let watched = befallen(incident, 5);
        let planted = watched.planted();
        assert_eq!(planted.len(), keys);
        assert!(planted.iter().all(|key| key.key_type == KeyType::EcP256));
        for (at, ..) in watched.publications(PublicationCause::Attack) {
            assert!(Duration::from_mins(13) < watched.away_from_dates(at), "{incident}");
        }
    }
}

#[test]
fn a_timed_key_comes_seconds_before_a_date() {
    let watched = befallen(Incident::InjectedJwtTimed, 5);
    let [(at, ..)] = watched.publications(PublicationCause::Attack)[..] else { panic!() };
    // The chain that it precedes may slip a tick or two.
    assert!(watched.away_from_dates(at) < Duration::from_secs(50));
}

#[test]
fn a_planted_root_lives_ten_years_and_a_foreign_one_has_another_name() {
    let root = befallen(Incident::InjectedRoot, 4);
    let validity = root.planted()[0].certificate.as_ref().unwrap().validity;
    assert!(DAY * 3650 < validity.not_after.since(validity.not_before).unwrap());
    let foreign = befallen(Incident::ForeignKey, 4);
    let names = &foreign.planted()[0].certificate.as_ref().unwrap().uri_sans;
    assert_eq!(**names, ["spiffe://neighbour.example"]);
}

#[test]
fn a_rebound_key_id_carries_another_key_from_one_poll_to_the_next() {
    let watched = befallen(Incident::ReboundKid, 4);
    let [(_, id, _)] = watched.publications(PublicationCause::Attack)[..] else { panic!() };
    let [(_, old)] = watched.removals(RemovalKind::Attack)[..] else { panic!() };
    let record = |id| watched.state.facts.record(id).unwrap();
    assert_eq!(record(id).authority.kid, record(old).authority.kid);
    assert_eq!(record(id).published, record(old).removed.unwrap());
}

#[test]
fn a_key_that_lives_between_two_polls_shows_as_two_steps_of_the_sequence() {
    let watched = befallen(Incident::ShortLivedKey, 4);
    assert_eq!(watched.publications(PublicationCause::Attack).len(), 1);
    assert_eq!(watched.changes(Incident::ShortLivedKey)[0], (2, 0, 0));
}

#[test]
fn a_flood_is_hundreds_of_keys_in_minutes() {
    let watched = befallen(Incident::KeyFlood, 4);
    assert_eq!(watched.planted().len(), 300);
    assert!(323 < watched.state.facts.published().count());
}

#[test]
fn a_rollback_serves_an_old_state_and_stays() {
    let watched = befallen(Incident::Rollback, 4);
    assert_eq!(watched.count(Incident::Rollback, "step_back_confirmed"), 1);
    let changes = watched.changes(Incident::Rollback);
    assert!(matches!(changes[..], [(..0, 1.., 1..)]), "{changes:?}");
}

#[test]
fn a_freeze_shows_nothing_until_the_endpoint_signs_with_a_key_that_is_not_served() {
    let watched = befallen(Incident::Freeze, 5);
    assert_eq!(watched.count(Incident::Freeze, "bundle_changed"), 0);
    let failure = watched
        .since(Incident::Freeze)
        .into_iter()
        .find(|(_, event)| event.name() == "failure_began");
    let began = watched.began(Incident::Freeze).unwrap();
    // A server's next key signs a lead after its publication: from now to a period and a lead.
    assert!((failure.unwrap().0).since(began).unwrap() < hours(20));
}

#[test]
fn an_equivocation_shows_two_key_sets_under_one_sequence() {
    let watched = befallen(Incident::Equivocation, 4);
    let [(_, planted, _)] = watched.publications(PublicationCause::Attack)[..] else { panic!() };
    let unconfirmed = watched.named("unconfirmed_authority_seen");
    let [(_, Event::UnconfirmedAuthoritySeen { authority, .. })] = unconfirmed[..] else {
        panic!()
    };
    assert_eq!(authority.id, planted);
    let facts = &watched.state.facts;
    let [view] = &facts.bundle.address_views[..] else { panic!() };
    let confirmed = facts.bundle.confirmed.as_ref().unwrap();
    assert_eq!(view.sequence, confirmed.sequence);
    assert_ne!(view.content, confirmed.content);
}

#[test]
fn mix_and_match_brings_removed_keys_back_under_the_sequence_of_the_state() {
    let watched = befallen(Incident::MixAndMatch, 4);
    assert!(matches!(watched.changes(Incident::MixAndMatch)[0], (0, 16, 0)));
    assert!(!watched.returned(Incident::MixAndMatch).is_empty());
}

#[test]
fn an_attacker_takes_out_the_key_that_signs() {
    let watched = befallen(Incident::EarlyRevokeByAttacker, 4);
    let [(at, id)] = watched.removals(RemovalKind::Attack)[..] else { panic!() };
    let retired = WorldEvent::Retirement { authority: id };
    assert!(!watched.world.truth().iter().any(|truth| truth.what == retired && truth.at <= at));
}
