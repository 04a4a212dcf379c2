//! Authorities as large as a document may be: what is kept of them when they are gone.

use std::sync::{Arc, LazyLock};

use anchorwatch_core::bundle::{Authority, AuthorityId, Certificate, SvidType};
use anchorwatch_core::watch::{Facts, TrustOrigin};
use rcgen::{CertificateParams, KeyPair, SerialNumber};

use crate::timeline::{Timeline, authority, jwt, x509};

const MIB: usize = 1 << 20;
/// What a checkpoint takes at most of authorities that are not published: large ones removed,
/// removed and denied, and unconfirmed, 4 MiB each; and of one that is published.
const MOST: usize = 14 * MIB;

/// An X.509 authority whose certificate for this key takes this many bytes.
fn authority_of(key: &KeyPair, bytes: usize) -> Arc<Authority> {
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(&vec![0x7f; bytes]));
    let certificate = Certificate::parse(params.self_signed(key).unwrap().der()).unwrap();
    let id = AuthorityId { svid_type: SvidType::X509, fingerprint: certificate.fingerprint() };
    Arc::new(Authority {
        id,
        public_key: Some(certificate.public_key),
        key_type: certificate.key_type.clone(),
        kid: None,
        certificate: Some(certificate),
    })
}

/// Forty certificates for one key, of 1 MiB each.
fn forty() -> &'static [Arc<Authority>] {
    static FORTY: LazyLock<Vec<Arc<Authority>>> = LazyLock::new(|| {
        let key = KeyPair::generate().unwrap();
        (0..40).map(|_| authority_of(&key, MIB)).collect()
    });
    &FORTY
}

fn small(names: &[&str]) -> Vec<Arc<Authority>> {
    names.iter().map(|name| Arc::new(authority(name))).collect()
}

fn with(names: &[&str], more: impl IntoIterator<Item = Arc<Authority>>) -> Vec<Arc<Authority>> {
    small(names).into_iter().chain(more).collect()
}

/// The length of a checkpoint, once it was seen to be what the journal gives.
#[track_caller]
fn checkpoint(story: &Timeline) -> usize {
    assert!(Facts::replay(story.journal()) == **story.facts());
    serde_json::to_string(&**story.facts()).unwrap().len()
}

#[test]
fn large_authorities_that_came_and_went_take_few_bytes() {
    let mut story = Timeline::start().lists(1, with(&["x:a", "x:gone", "j:gone"], []));
    for (sequence, large) in (2..).zip(forty()) {
        story = story.lists(sequence, with(&["x:a"], [Arc::clone(large)]));
    }
    let length = checkpoint(&story);
    assert!(length < MOST, "{} MiB", length / MIB);
    // The newest of them is still there, and those of an ordinary size all are.
    assert!(story.record(&forty()[38]).removed.is_some());
    assert!(story.facts().record(forty()[1].id).is_none());
    assert!(story.record(&x509("gone")).removed.is_some());
    assert!(story.record(&jwt("gone")).removed.is_some());
}

#[test]
fn large_authorities_beside_the_state_take_few_bytes_and_are_counted() {
    let ordinary = authority_of(&KeyPair::generate().unwrap(), 20);
    let mut story = Timeline::start().lists(9, with(&["x:a"], []));
    for one in [&ordinary].into_iter().chain(forty()) {
        story = story.lists(1, with(&["x:a"], [Arc::clone(one)]));
    }
    let length = checkpoint(&story);
    assert!(length < MOST, "{} MiB", length / MIB);
    let unconfirmed = &story.facts().authorities.unconfirmed;
    let has = |one: &Authority| {
        unconfirmed.iter().any(|unconfirmed_authority| unconfirmed_authority.authority.id == one.id)
    };
    assert!(has(&ordinary) && has(&forty()[39]) && !has(&forty()[0]));
    let left_out: u64 = story.facts().ledger.left_out.iter().map(|left| left.count).sum();
    assert_eq!(left_out, 41 - u64::try_from(unconfirmed.len()).unwrap());
}

/// While the bundle has no X.509 authority, the last ones that it had authenticate, whatever their
/// size.
#[test]
fn the_last_authorities_that_a_bundle_lost_authenticate_however_large() {
    let last = forty()[..4].iter().cloned();
    let story = Timeline::start().lists(1, with(&["j:b"], last)).publishes(2, &["j:b"]);
    let trust = story.trust().unwrap();
    assert_eq!((trust.origin, trust.authorities.len()), (TrustOrigin::LastConfirmed, 4));
}

/// Who signed is told by the key, and one certificate is enough for that.
#[test]
fn a_denied_key_is_known_however_many_large_authorities_follow() {
    let rogue = authority_of(&KeyPair::generate().unwrap(), MIB);
    for denied in [&rogue, &forty()[0]] {
        let mut story = Timeline::start()
            .lists(1, with(&["x:a"], [Arc::clone(denied)]))
            .denies(denied)
            .publishes(2, &["x:a"]);
        for (sequence, large) in (3..).zip(&forty()[1..]) {
            story = story.lists(sequence, with(&["x:a"], [Arc::clone(large)]));
        }
        let story = story.publishes(99, &["x:a"]);
        let known = story.trust().unwrap().denied;
        assert_eq!(known.len(), 1);
        assert_eq!(known[0].public_key, denied.public_key);
        let length = checkpoint(&story);
        assert!(length < MOST, "{} MiB", length / MIB);
    }
}
