//! One of each piece of evidence: its tag, its form in JSON, its sentence.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;
use crate::bundle::consumer::Consumer;
use crate::bundle::{
    AuthorityId, Digest, Fingerprint, Irregularity, IrregularityKind, KeyType, PublicKeyId,
    SvidType, Validity,
};
use crate::finding::FindingKind;
use crate::spiffe::TrustDomain;
use crate::time::{Bracket, Timestamp, Window};
use crate::untrusted::UntrustedText;

/// The files of the themes. Each line of four spaces and a capital letter begins a variant.
const THEMES: &[&str] = &[
    include_str!("authority.rs"),
    include_str!("removal.rs"),
    include_str!("schedule.rs"),
    include_str!("outage.rs"),
    include_str!("endpoint.rs"),
    include_str!("sequence.rs"),
    include_str!("sharing.rs"),
    include_str!("document.rs"),
    include_str!("token.rs"),
    include_str!("flood.rs"),
    include_str!("self_watch.rs"),
];

/// The names of the variants of the enumeration that is tagged by `type`.
fn variants() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for text in THEMES {
        let (_, theme) = text.split_once("#[serde(tag = \"type\"").unwrap();
        let (theme, _) = theme.split_once("\n}\n").unwrap();
        for line in theme.lines() {
            let Some(name) = line.strip_prefix("    ") else { continue };
            if name.starts_with(|letter: char| letter.is_ascii_uppercase()) {
                let end = name.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap();
                assert!(names.insert(snake(&name[..end])), "{name} stands in two themes");
            }
        }
    }
    names
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix(1_800_000_000 + second)
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

fn fingerprint() -> Fingerprint {
    format!("sha256:{}", "0123456789abcdef".repeat(4)).parse().unwrap()
}

fn id() -> AuthorityId {
    AuthorityId { svid_type: SvidType::Jwt, fingerprint: fingerprint() }
}

fn name() -> TrustDomain {
    "a.example".parse().unwrap()
}

fn text() -> UntrustedText {
    "by alice: \u{202e}planned".into()
}

/// One of each; of those with several sentences, one for each sentence.
#[expect(clippy::too_many_lines, reason = "one entry for each piece of evidence")]
fn all() -> Vec<Evidence> {
    use AuthorityEvidence as A;
    use DocumentEvidence as D;
    use EndpointEvidence as E;
    use FloodEvidence as F;
    use OutageEvidence as O;
    use RemovalEvidence as R;
    use ScheduleEvidence as S;
    use SelfWatchEvidence as W;
    use SequenceEvidence as N;
    use SharingEvidence as H;
    use TokenEvidence as T;
    let bracket = Bracket::new(Some(at(0)), at(300));
    let (jwt, x509) = (SvidType::Jwt, SvidType::X509);
    let url = || "https://bundle.a.example/".parse().unwrap();
    let shape = KeyIdForm { length: 32, characters: KeyIdCharacters::Alphanumeric };
    let other = KeyIdForm { length: 9, characters: KeyIdCharacters::Others };
    let differences = vec![
        FormDifference::SelfSigned { own: false },
        FormDifference::Subject { own: text(), usual: text() },
        FormDifference::UriNames { own: 0, usual: 1 },
        FormDifference::Ca { own: true },
        FormDifference::PathLength { own: Some(1), usual: None },
        FormDifference::KeyUsage { own: true },
        FormDifference::KeyId { own: shape, usual: other },
    ];
    let contradictions = [
        Contradiction::Backdated { by: minutes(9) },
        Contradiction::KeyType { own: KeyType::EcP384, siblings: KeyType::EcP256 },
        Contradiction::Profile { differences },
        Contradiction::ForeignName { name: text() },
        Contradiction::Lifetime { own: minutes(5_000_000), siblings: minutes(4) },
        Contradiction::SequenceStood { sequence: 7 },
    ];
    let patterns = [
        PublicationPattern::RestartOrScaleOut,
        PublicationPattern::ForcedRotation,
        PublicationPattern::RootChange,
        PublicationPattern::Unknown,
    ];
    let authority = [
        A::KeyDenied { decision: text() },
        A::AuthorityApproved { decision: text() },
        A::NotDue { svid_type: jwt, seen: at(0), due: Some(at(38)) },
        A::NotDue { svid_type: x509, seen: at(50), due: Some(at(38)) },
        A::NotDue { svid_type: SvidType::Wit, seen: at(50), due: None },
        A::FirstDateOpen { date: at(0), seen: at(3_000) },
        A::MayHaveDrifted,
        A::FirstDateContested { with: vec![fingerprint(), fingerprint()] },
        A::OnTime { lineage: 2 },
        A::Late { lineage: 2 },
        A::Announced,
        A::ScheduleUnknown,
        A::NotInBootstrapFile,
        A::KnownBefore,
        A::Published { published: bracket },
        A::Published { published: Bracket::new(None, at(1)) },
        A::Companions { count: 0 },
        A::Companions { count: 1 },
        A::Companions { count: 3 },
        A::SignsForEndpoint { since: at(0) },
        A::DoesNotSignForEndpoint,
        A::NoNewRoot,
        A::SequenceChanged { from: 4, to: 6 },
        A::UsualForm,
        A::Ambiguous { others: 1 },
        A::Ambiguous { others: 2 },
        A::PolicyPinned,
        A::NotInConfirmedState,
        A::Identity { id: id(), kid: Some(text()), key_type: KeyType::EcP256 },
        A::RemovedSince { removed: at(0), published_for: minutes(3) },
        A::MayHaveSigned { until: at(5) },
        A::LineageContinued,
        A::KeyIdTwice { kid: text() },
        A::KeyIdMoved { kid: text(), since: at(0), before: fingerprint() },
        A::KeyIdRisk,
        A::PublishedAgain { removed: at(0), since: at(90) },
        A::HadBeenRemovedEarly,
    ];
    let authority = authority
        .into_iter()
        .chain(contradictions.map(A::Contradicts))
        .chain(patterns.map(|pattern| A::Causes { pattern }));
    let rejected = |certain, least_percent| R::SvidsRejected {
        svid_type: jwt,
        certain,
        least_percent,
        most_percent: 100,
        until: at(0),
    };
    let longest = |svid_type, source| R::LongestLifetime {
        svid_type,
        lifetime: minutes(60),
        source,
        leeway: minutes(2),
    };
    let laws = [Law::PublishFirst, Law::Retain, Law::Either, Law::Tokens];
    let missed = |law| R::LawMissed {
        law,
        short_by: minutes(1),
        consumer: Consumer::Spire,
        delay: minutes(4),
    };
    let removal = [
        rejected(true, 73),
        rejected(false, 100),
        R::Removed { removed: bracket },
        R::SuccessorPublished { successor: fingerprint(), least: minutes(1), most: minutes(2) },
        R::NoSuccessor,
        R::SuccessorUnknown,
        longest(x509, TtlSource::Declared),
        longest(jwt, TtlSource::Sighted),
        longest(jwt, TtlSource::Assumed),
        R::TaintBefore,
        R::RemovedBeforeExpiry {
            svid_type: jwt,
            after_successor: Duration::from_secs(57),
            valid_for: Duration::from_secs(95),
        },
        R::LastRemoved { svid_type: x509 },
        R::SignedUntil { retired: at(0), valid_for: minutes(62) },
        R::EndpointStillChained {
            svid_type: x509,
            last: at(0),
            expires: at(1),
            valid_for: minutes(62),
        },
    ];
    let removal =
        removal.into_iter().chain(laws.map(|law| R::LawBroken { law })).chain(laws.map(missed));
    let lead = |source| S::LeadTooShort {
        lead: minutes(1),
        source,
        consumer: Consumer::Istio,
        delay: minutes(9),
    };
    let period = |configured| S::LearnedInFirstPeriod { mode: "upstream".into(), configured };
    let due = |width| Window::new(at(0), at(width));
    let schedule = [
        S::IntervalExceeded { last: at(0), expected_within: minutes(70) },
        S::LearnedInterval { count: 9, median: minutes(60), longest: minutes(65) },
        S::LineageOverdue { lineage: 1, due: due(1), deadline: at(9) },
        S::LineageOverdue { lineage: 1, due: due(99), deadline: at(9) },
        S::NewestAuthority { id: id(), published: at(0) },
        S::NewestUnknown,
        S::OthersOnTime { count: 0 },
        S::OthersOnTime { count: 1 },
        S::OthersOnTime { count: 2 },
        S::NewestExpires { at: at(0) },
        S::LifetimeChanged { from: minutes(60), to: minutes(30) },
        S::LifetimeChangeCauses,
        S::LearnedFromPublications,
        S::LearnedInFirstInterval { interval: minutes(60) },
        S::SelfSignedIssuer,
        period(true),
        period(false),
        S::AcceptedUnlearned { count: 1, authorities: vec![fingerprint()] },
        S::AcceptedUnlearned { count: 3, authorities: vec![fingerprint()] },
        S::PollingInterrupted { lasting: minutes(5) },
        S::UnseenChanges,
        lead(LeadSource::Declared),
        lead(LeadSource::Modelled),
        S::ExpectedToSign { from: at(0) },
    ];
    let ahead = |basis| O::LockoutAhead { limit: at(0), left: minutes(5), basis };
    let outage = [
        O::PollsFailed { polls: 3, reason: "timeout".into(), detail: text() },
        O::NoGoodPoll { lasting: minutes(30), interval: minutes(5) },
        O::ChangesMissed { lasting: minutes(130) },
        ahead(LockoutBasis::NextActivation),
        ahead(LockoutBasis::LastExpiry),
        O::LastAnchorExpires { at: at(0) },
        O::LockoutIn { limit: at(0), left: minutes(5) },
        O::LockoutPassed { limit: at(0) },
        O::LockedOut { limit: at(0), basis: LockoutBasis::NextActivation },
        O::LockedOut { limit: at(0), basis: LockoutBasis::LastExpiry },
        O::ConsumersLockedOut { since: at(0), last_good: Some(at(0)) },
        O::ConsumersLockedOut { since: at(0), last_good: None },
        O::RebootstrapCommands { server: "b.example".parse().unwrap() },
        O::CouldAuthenticate { until: at(0) },
        O::CannotAuthenticate { until: at(0) },
    ];
    let differences = [
        EndpointDifference::CertificateKey { before: None, now: Some(KeyType::EcP256) },
        EndpointDifference::CertificateIssuer { before: Some(text()), now: None },
        EndpointDifference::RedirectTarget { before: Some(text()), now: None },
        EndpointDifference::Network { network: "198.51.100.0/24".into() },
    ];
    let presented = |leaf, known: Option<UntrustedText>| E::CertificatePresented {
        leaf,
        fingerprint: Some(fingerprint()),
        subject: known.clone(),
        issuer: known.clone(),
        uri_names: known.into_iter().collect(),
        validity: Validity { not_before: at(0), not_after: at(99) },
    };
    let decision = Some(Denied { at: at(0), words: text() });
    let endpoint = [
        E::KeysInSamePoll { changed: true },
        E::KeysInSamePoll { changed: false },
        E::UnlistedAuthority { authority: "0a1b".into(), lasting: minutes(5) },
        E::UnlistedAuthorityRisk,
        E::OlderCertificate { authority: fingerprint(), older: at(0), newer: at(9) },
        E::DeniedSigner { authority: id(), since: at(0), address: "192.0.2.1".parse().ok() },
        E::AuthorityDenied { fingerprint: fingerprint(), decision },
        E::AuthorityDenied { fingerprint: fingerprint(), decision: None },
        presented(true, Some(text())),
        presented(false, None),
        E::MoreCertificates { count: 2 },
        E::DeniedEverywhere,
        E::DeniedSometimes,
        E::NoGoodPollSince,
        E::AllTrustDenied { server: name(), url: url() },
        E::RebootstrapNeeded { server: name() },
        E::NothingStored { url: url() },
        E::BootstrapFault { why: "it is empty".into() },
        E::BaselineUnconfirmed,
        E::BaselineAuthority(id()),
        E::EmptyBundle,
        E::NoKnownKeyType { listed: 1 },
        E::NoKnownKeyType { listed: 2 },
        E::UseRemoved { svid_type: jwt, since: at(0) },
        E::AddressesDiffer { since: at(0) },
        E::AddressAnswer { address: "192.0.2.1".parse().unwrap(), sequence: None },
        E::Alternates { count: 4, lasting: minutes(9) },
        E::AlternationCauses,
    ];
    let endpoint = endpoint.into_iter().chain(differences.map(E::Differs));
    let digest = Digest::of(b"a");
    let sequence = [
        N::TwoKeySets { sequence: 4, one: digest, other: digest },
        N::EquivocationCauses,
        N::HiddenChanges { from: 1, to: 5, seen: 1 },
        N::HiddenChangeCauses,
        N::BetweenPolls { polls: bracket },
        N::BetweenPolls { polls: Bracket::new(None, at(0)) },
        N::SequenceDecreased { from: Some(4), to: None, since: at(0), confirmed: at(9) },
        N::KeySetAfterDecrease { known: true },
        N::KeySetAfterDecrease { known: false },
        N::HighWaterMark { mark: Some(u64::MAX) },
        N::HighWaterMark { mark: None },
    ];
    let publishers = |count| TrustDomains { count, names: vec![name()] };
    let key = PublicKeyId::from_bytes([7; 32]);
    let sharing = [
        H::NamesOtherTrustDomain { name: text() },
        H::SharedAuthority(id()),
        H::KeyPublishedBy { key, publishers: publishers(7), now: false },
        H::KeyPublishedBy { key, publishers: publishers(7), now: true },
        H::SharedKeyRisk,
        H::SharingUndeclared,
        H::SharingDeclared { by: Some(text()), reason: text() },
        H::SharingDeclared { by: None, reason: text() },
        H::NotCovered { publishers: publishers(1) },
        H::NotCovered { publishers: publishers(2) },
        H::KeyUnderTwoUses { key, trust_domain: name(), first: x509, second: jwt },
        H::TwoUsesRisk,
        H::KeySetOfAnother { common: 3, total: 4, trust_domain: name() },
        H::KeySetOfAnotherCauses,
        H::SinceFirstBundle { trust_domain: name() },
    ];
    let budget = D::BudgetExceeded {
        events: 1_000,
        bytes: 9_000_000,
        allowed_events: 999,
        allowed_bytes: 8_000_000,
    };
    let expired = |count| D::ExpiredPublished {
        count,
        expired_for: minutes(2_000),
        authorities: vec![fingerprint()],
    };
    let irregular = Irregularity { entry: Some(1), kind: IrregularityKind::MissingKeyId };
    let document = [
        budget,
        D::BudgetEffect,
        D::Irregular(irregular),
        D::PrivateKeyRisk,
        D::ConsumerRejects { consumer: Consumer::GoSpiffe, why: "no kid".into() },
        D::ConsumerRejectsEffect,
        D::NoRefreshHint,
        D::UnusableRefreshHint { value: text() },
        D::ZeroRefreshHint,
        D::LongRefreshHint { hint: minutes(1_500), longest: minutes(1_440) },
        D::RaisedRefreshHint { from: minutes(5), to: minutes(50) },
        expired(1),
        expired(2),
        D::PruningCauses,
        D::WeakKey { key_type: KeyType::Rsa { bits: 1024 } },
        D::IssuedInFuture { authority: fingerprint(), ahead: minutes(5), allowed: minutes(1) },
        D::ClockEffect,
        D::Expires { at: at(0), left: minutes(5), lifetime: minutes(60) },
        D::Expired { at: at(0) },
        D::ExpiryEffect,
        D::NewerUnexplained { authority: fingerprint(), published: bracket, expires: at(0) },
    ];
    let token = [
        T::KeyIdNeverListed { kid: text(), trust_domain: name(), waited: minutes(62) },
        T::KeyIdRemoved { kid: text(), trust_domain: name(), removed: at(0) },
        T::TokenIssued { at: at(0) },
        T::LifetimeExceeded { sighted: minutes(90), declared: minutes(60) },
    ];
    let by_use = vec![UseCount { svid_type: jwt, count: 1_900 }];
    let kind = FindingKind::UnexpectedAuthority;
    let flood = [
        F::NotListed { kind, count: 1_900, by_use, since: Some(at(0)) },
        F::NotListed { kind, count: 1, by_use: Vec::new(), since: None },
        F::KeysNotRecorded { x509: 1, jwt: 2_000, wit: 3 },
        F::ListingRule { most: 64 },
    ];
    let watch = [
        W::SchedulerStopped { since: at(0) },
        W::NothingPolled,
        W::WritesFail { since: at(0), why: "disk full".into() },
        W::WritesFailEffect,
        W::EventsLost { count: 1 },
        W::EventsLost { count: 2 },
        W::StoreFault { since: at(0), detail: "entry 4 was changed".into() },
        W::MoreFaults { count: 2 },
        W::StoreFaultEffect,
    ];
    let mut all: Vec<Evidence> = Vec::new();
    all.extend(authority.map(Evidence::from));
    all.extend(removal.map(Evidence::from));
    all.extend(schedule.map(Evidence::from));
    all.extend(outage.map(Evidence::from));
    all.extend(endpoint.map(Evidence::from));
    all.extend(sequence.map(Evidence::from));
    all.extend(sharing.map(Evidence::from));
    all.extend(document.map(Evidence::from));
    all.extend(token.map(Evidence::from));
    all.extend(flood.map(Evidence::from));
    all.extend(watch.map(Evidence::from));
    all
}

fn tag(evidence: &Evidence) -> String {
    let value = serde_json::to_value(evidence).unwrap();
    value["type"].as_str().unwrap().to_owned()
}

#[test]
fn each_has_its_own_tag_and_stands_here() {
    let mut variants_of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for evidence in all() {
        let name = format!("{evidence:?}");
        let (theme, rest) = name.split_once('(').unwrap();
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap();
        let variant = format!("{theme}::{}", &rest[..end]);
        variants_of.entry(tag(&evidence)).or_default().insert(variant);
    }
    for (tag, variants) in &variants_of {
        assert_eq!(variants.len(), 1, "{tag} stands for several: {variants:?}");
    }
    let tags: BTreeSet<String> = variants_of.into_keys().collect();
    assert_eq!(tags, variants(), "each variant, by its tag");
}

#[test]
fn each_is_read_back_as_it_was_written() {
    for evidence in all() {
        let text = serde_json::to_string(&evidence).unwrap();
        assert!(text.len() < 2_000, "{text}");
        assert_eq!(serde_json::from_str::<Evidence>(&text).unwrap(), evidence, "{text}");
        let stated = StatedEvidence::from(&evidence);
        let text = serde_json::to_string(&stated).unwrap();
        assert_eq!(serde_json::from_str::<StatedEvidence>(&text).unwrap(), stated, "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["text"], evidence.to_string());
        assert_eq!(value["type"], tag(&evidence));
    }
}

/// What makes a sentence of ours one.
const VERBS: &[&str] = &[
    "is",
    "are",
    "was",
    "were",
    "has",
    "have",
    "had",
    "can",
    "cannot",
    "could",
    "may",
    "would",
    "did",
    "does",
    "expires",
    "explains",
    "names",
    "changed",
    "signed",
    "lists",
    "list",
    "publishes",
    "answers",
    "happened",
    "contained",
    "continued",
    "failed",
    "accept",
    "fits",
    "keeps",
    "lost",
    "presents",
    "presented",
    "account",
    "verify",
    "alternate",
    "confirmed",
    "get",
    "decreased",
    "compare",
    "notice",
    "rests",
    "rest",
    "revoke",
    "sees",
    "stays",
    "follow",
    "differ",
    "needs",
    "helps",
];
/// Forms of the old dialect, in lower case.
const BANNED: &[&str] = &[
    "it went",
    "it came",
    "that came",
    "that went",
    "came back",
    "looks so",
    "look so",
    "reads like",
    "is told",
    "be told",
    "told apart",
    "stands in",
    "stands under",
    "stands twice",
    "stands still",
    "lives ",
    "died",
    " alive",
    "is said",
    "to be said",
    "what is held",
    "another way",
    "was away",
    "the watch ",
    "runs out",
    "whoever",
    "undecidable",
    " anew",
    "of late",
    "obey",
    "goes on",
    "polls running",
    "for ever",
    "somebody",
    "mended",
    "rhythm",
];

#[test]
fn each_sentence_is_one_that_is_read_once() {
    for evidence in all() {
        let sentence = evidence.to_string();
        let words: Vec<&str> = sentence
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        assert!(words.iter().any(|word| VERBS.contains(word)), "no verb: {sentence}");
        assert!(sentence.ends_with('.') && !sentence.ends_with(".."), "no full stop: {sentence}");
        assert!(
            !sentence.starts_with(|letter: char| letter.is_ascii_lowercase())
                || ["a.example", "go-spiffe"].iter().any(|name| sentence.starts_with(name)),
            "no capital letter: {sentence}"
        );
        assert!(words.len() < 70, "too long: {sentence}");
        let lower = sentence.to_lowercase();
        for form in BANNED {
            assert!(!lower.contains(form), "{form:?}: {sentence}");
        }
        assert!(!sentence.contains('\u{202e}'), "not escaped: {sentence:?}");
    }
}

#[test]
fn the_sentences_of_the_target_are_what_is_read() {
    let said = |evidence: Evidence| evidence.to_string();
    let lifetime = Contradiction::Lifetime { own: minutes(5_219_000), siblings: minutes(4) };
    assert_eq!(
        said(AuthorityEvidence::Contradicts(lifetime).into()),
        "Certificate lifetime is 9 years 11 months; the longest of this trust domain's other authorities is 4 min."
    );
    let (svid_type, seen) = (SvidType::Jwt, at(0));
    assert_eq!(
        said(AuthorityEvidence::NotDue { svid_type, seen, due: Some(at(38)) }.into()),
        "No JWT key was due: published 38 s before the next expected rotation (2027-01-15T08:00:38Z)."
    );
    let after_successor = Duration::from_secs(57);
    let valid_for = Duration::from_secs(95);
    assert_eq!(
        said(RemovalEvidence::RemovedBeforeExpiry { svid_type, after_successor, valid_for }.into()),
        "It was removed 57 s after its successor was published; tokens it signed before then stay valid for up to 1 min 35 s."
    );
    let (lifetime, leeway, source) = (minutes(60), minutes(2), TtlSource::Assumed);
    assert_eq!(
        said(RemovalEvidence::LongestLifetime { svid_type, lifetime, source, leeway }.into()),
        "Longest token lifetime is 1 h (assumed: `max_jwt_svid_ttl` is not set); validators accept tokens up to 2 min past expiry."
    );
    let rejected = RemovalEvidence::SvidsRejected {
        svid_type,
        certain: true,
        least_percent: 73,
        most_percent: 100,
        until: at(0),
    };
    assert_eq!(
        said(rejected.into()),
        "73 % to 100 % of the unexpired tokens signed by this JWT key are now rejected, until 2027-01-15T08:00:00Z."
    );
    let lasting = minutes(5);
    assert_eq!(
        said(ScheduleEvidence::PollingInterrupted { lasting }.into()),
        "Polling was interrupted for 5 min."
    );
}
