//! How often the costly parts of a judgement are done. A count is the same on every machine, so a
//! test can hold the growth by it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::LocalKey;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose,
    SanType, SerialNumber,
};

use super::{
    Budget, DomainState, Event, Observation, Policy, Poll, Sighting, Source, record, step,
};
use crate::bundle::{
    Authority, AuthorityId, Bundle, Certificate, Digest, Fingerprint, KeyType, PublicKeyId,
    StatedNumber, SvidType,
};
use crate::time::Timestamp;

/// How often something was done in this thread: each test has one of its own.
pub(in crate::watch) struct Count(LocalKey<Cell<usize>>);

impl Count {
    pub(in crate::watch) fn add(&'static self) {
        self.0.set(self.0.get() + 1);
    }

    fn during<T>(&'static self, work: impl FnOnce() -> T) -> (usize, T) {
        let before = self.0.get();
        let done = work();
        (self.0.get() - before, done)
    }
}

macro_rules! count {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub(in crate::watch) static $name: Count = {
            thread_local!(static DONE: Cell<usize> = const { Cell::new(0) });
            Count(DONE)
        };
    };
}

count! {
    /// The form of a certificate or of a key ID is made out.
    FORMS
}
count! {
    /// A line is asked whether a publication meets one of its dates.
    LINES
}
count! {
    /// The deadline of a lineage is derived.
    DEADLINES
}
count! {
    /// A window of a baseline is compared with a publication.
    WINDOWS
}
count! {
    /// All key IDs on record are gathered.
    CARRIED
}
count! {
    /// All removed authorities are looked at, and those that are old laid aside.
    LAID_ASIDE
}

const POLL: Duration = Duration::from_mins(5);
const KEYS: u32 = 60;

struct Domain {
    state: DomainState,
    policy: Policy,
    sequence: u64,
    at: Timestamp,
}

impl Domain {
    fn new(policy: Policy) -> Self {
        let at = Timestamp::from_unix(1_800_000_000);
        Self { state: DomainState::default(), policy, sequence: 0, at }
    }

    fn publishes(&mut self, authorities: &[Arc<Authority>]) {
        self.sequence += 1;
        self.answers(self.sequence, authorities);
    }

    fn answers(&mut self, sequence: u64, authorities: &[Arc<Authority>]) {
        self.at = self.at.saturating_add(POLL);
        let (sequence, hint) = (StatedNumber::Given(sequence), StatedNumber::Given(300));
        let observation = Observation {
            bundle: Bundle::new(authorities.to_vec(), sequence, hint),
            irregularities: Vec::new(),
            body: Digest::of(b"body"),
            length: 4,
            refusals: None,
            source: Source::default(),
        };
        let state = std::mem::take(&mut self.state);
        self.state = step(state, Poll::of(Ok(observation)), self.at, &self.policy, 0.5).state;
    }

    fn standings(&self) -> BTreeSet<&'static str> {
        let records = self.state.facts.published();
        records.filter_map(|record| Some(record.standing.as_ref()?.label())).collect()
    }
}

/// X.509 authorities as a SPIRE server makes them, of this organization, one every ten
/// minutes.
fn x509(organization: &str, numbers: std::ops::Range<u32>) -> Vec<Arc<Authority>> {
    let key = KeyPair::generate().unwrap();
    let made = time::OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
    let authority = |number: u32| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, organization);
        params.subject_alt_names = vec![SanType::URI("spiffe://b.example".try_into().unwrap())];
        params.serial_number = Some(SerialNumber::from(u64::from(number)));
        let made = made - Duration::from_secs(600 * u64::from(number));
        params.not_before = made - Duration::from_secs(10);
        params.not_after = made + Duration::from_hours(24);
        let certificate = Certificate::parse(params.self_signed(&key).unwrap().der()).unwrap();
        let id = AuthorityId { svid_type: SvidType::X509, fingerprint: certificate.fingerprint() };
        Arc::new(Authority {
            id,
            public_key: Some(certificate.public_key),
            key_type: certificate.key_type.clone(),
            kid: None,
            certificate: Some(certificate),
        })
    };
    numbers.map(authority).collect()
}

/// JWT authorities whose key IDs begin so.
fn jwt(prefix: &str, numbers: std::ops::Range<u32>) -> Vec<Arc<Authority>> {
    let authority = |number: u32| {
        let kid = format!("{prefix}{number:08}");
        Arc::new(Authority {
            id: AuthorityId {
                svid_type: SvidType::Jwt,
                fingerprint: Fingerprint::of(kid.as_bytes()),
            },
            public_key: Some(PublicKeyId::of(kid.as_bytes())),
            key_type: KeyType::EcP256,
            kid: Some(kid.into()),
            certificate: None,
        })
    };
    numbers.map(authority).collect()
}

/// A first bundle of many authorities, and as many others that look like none of them.
fn floods() -> [[Vec<Arc<Authority>>; 2]; 2] {
    [
        [x509("SPIFFE", 0..KEYS), x509("Other", KEYS..2 * KEYS)],
        [jwt("", 0..KEYS), jwt("other-", KEYS..2 * KEYS)],
    ]
}

/// Holds the growth: each of the authorities before and after is formed once a judgement.
fn assert_linear(formed: usize, judgements: u32) {
    let most = usize::try_from(2 * KEYS * judgements).unwrap();
    assert!((1..=most).contains(&formed), "{formed} forms, and {most} at most");
}

#[test]
fn each_authority_is_formed_once_where_a_first_bundle_is_replaced() {
    for [first, second] in floods() {
        let mut domain = Domain::new(Policy::default());
        domain.publishes(&first);
        let (formed, ()) = FORMS.during(|| domain.publishes(&second));
        assert_eq!(domain.standings(), ["contradicted"].into());
        assert_linear(formed, 1);
    }
}

/// What is recorded first is found out, and then what each one is.
#[test]
fn each_authority_is_formed_twice_past_the_budget() {
    for [first, second] in floods() {
        let daily_budget = Budget { events: 1, ..Budget::DEFAULT };
        let mut domain = Domain::new(Policy { daily_budget, ..Policy::default() });
        domain.publishes(&first);
        let (formed, ()) = FORMS.during(|| domain.publishes(&second));
        assert!(domain.state.facts.spent.exceeded);
        assert_linear(formed, 2);
    }
}

#[test]
fn each_authority_is_formed_once_in_an_answer_beside_the_state() {
    for [first, second] in floods() {
        let mut domain = Domain::new(Policy::default());
        domain.publishes(&first);
        let (formed, ()) = FORMS.during(|| domain.answers(0, &second));
        assert_eq!(domain.state.facts.authorities.unconfirmed.len(), second.len());
        assert_linear(formed, 1);
    }
}

#[test]
fn publications_of_one_poll_that_meet_no_date_ask_each_line_once() {
    let mut domain = Domain::new(Policy::default());
    let mut keys = [x509("SPIFFE", 0..1), jwt("", 0..1)].concat();
    domain.publishes(&keys);
    keys.extend(jwt("", 1..1 + KEYS));
    domain.publishes(&keys);
    let lines = domain.state.facts.rotation.lineages.len();
    assert!(usize::try_from(KEYS).unwrap() <= lines, "{lines} lines");
    keys.extend(jwt("", 1 + KEYS..1 + 2 * KEYS));
    let (asked, ()) = LINES.during(|| domain.publishes(&keys));
    assert!((1..=2 * lines).contains(&asked), "{asked} questions to {lines} lines");
}

/// Each key opens a branch, which has a deadline. There are up to 1,024 branches, and one poll shows
/// thousands of keys.
#[test]
fn lineages_that_are_alike_have_their_deadline_derived_once() {
    let mut domain = Domain::new(Policy::default());
    let mut keys = [x509("SPIFFE", 0..1), jwt("", 0..1)].concat();
    domain.publishes(&keys);
    keys.extend(jwt("", 1..1 + KEYS));
    domain.publishes(&keys);
    keys.extend(jwt("", 1 + KEYS..1 + 2 * KEYS));
    let (derived, ()) = DEADLINES.during(|| domain.answers(0, &keys));
    let most = 8 * usize::try_from(KEYS).unwrap();
    assert!((1..=most).contains(&derived), "{derived} deadlines, and {most} at most");
}

#[test]
fn each_publication_looks_through_the_windows_a_few_times_at_most() {
    let mut domain = Domain::new(Policy::default());
    let mut keys = x509("SPIFFE", 0..KEYS);
    domain.publishes(&keys);
    let windows = 2 * domain.state.facts.rotation.first_dates.dates.len();
    keys.extend(jwt("", 0..KEYS));
    let (compared, ()) = WINDOWS.during(|| domain.publishes(&keys));
    assert!(domain.standings().contains("on_time"), "{:?}", domain.standings());
    let most = 6 * windows * usize::try_from(KEYS).unwrap();
    assert!((1..=most).contains(&compared), "{compared} comparisons, and {most} at most");
}

#[test]
fn the_key_ids_on_record_are_gathered_once_for_all_sightings_of_a_batch() {
    let mut domain = Domain::new(Policy::default());
    domain.publishes(&jwt("", 0..KEYS));
    let at = domain.at;
    let mut report_sighting = |kid: String| {
        let sighting = Sighting::of_token(&kid, at, at, at.saturating_add(POLL));
        record(&mut domain.state, at, &Event::KidSighted { sighting, reporter: "file".into() });
    };
    let (gathered, ()) =
        CARRIED.during(|| (0..400).for_each(|one| report_sighting(format!("made up {one}"))));
    assert_eq!(gathered, 1);
    // The key ID of a key that is published since then is not one of those that are made up.
    domain.publishes(&jwt("", 0..KEYS + 1));
    let (known, sighted) = (format!("{KEYS:08}"), domain.at);
    let mut report_sighting = |kid: &str| {
        let sighting = Sighting::of_token(kid, sighted, sighted, sighted.saturating_add(POLL));
        record(&mut domain.state, at, &Event::KidSighted { sighting, reporter: "file".into() });
    };
    report_sighting(&known);
    (400..800).for_each(|one| report_sighting(&format!("made up {one}")));
    assert!(domain.state.facts.token_sighting(Some(&known.as_str().into())).is_some());
}

#[test]
fn removals_of_one_poll_are_laid_aside_once() {
    for [first, second] in floods() {
        let mut domain = Domain::new(Policy::default());
        domain.publishes(&first);
        let (laid_aside, ()) = LAID_ASIDE.during(|| domain.publishes(&second));
        assert_eq!(laid_aside, 1);
    }
}
