//! What an event says, in words for people: the live table, `events` and the log.
//!
//! Invariant: every line is bounded, and foreign text stands in it as an [`UntrustedText`] is shown.

use std::fmt::Write as _;
use std::time::Duration;

use super::judged;
use super::phrase::words;
pub use super::phrase::{count, name, time_of_day};
use crate::bundle::{Authority, AuthorityId, Irregularity, StatedNumber};
use crate::finding::Finding;
use crate::spiffe::{BundleEndpoint, EndpointProfile};
use crate::time::span;
use crate::untrusted::{UntrustedText, cut};
use crate::watch::{Event, Leaf, TrustOrigin, network_name};

/// How much of a key ID is shown, in bytes: SPIRE's have 32.
const KEY_ID: usize = 64;
/// How much of a URL or a SPIFFE ID is shown.
const NAME: usize = 200;
/// How much of a failure's or an operator's words is shown.
const WORDS: usize = 300;
/// How many kinds of irregularity are named.
const KINDS: usize = 4;
/// How many networks are named.
const NETWORKS: usize = 8;

/// What happened, in one line of at most about 1,000 bytes, without the time and the trust domain.
#[expect(clippy::too_many_lines, reason = "one arm or line for each thing that there is")]
pub fn describe(event: &Event) -> String {
    match event {
        Event::EndpointConfigured { endpoint, previous } => configured(endpoint, previous.as_ref()),
        Event::FirstContact { authenticated_by, bootstrap } => {
            first_contact(*authenticated_by, bootstrap)
        }
        Event::BundleChanged { sequence, refresh_hint, introduced, removed, .. } => {
            bundle_changed(sequence, refresh_hint, introduced.len(), removed.len())
        }
        Event::AuthorityIntroduced { authority, returned_after, .. } => {
            let back = returned_after.map(|r| format!(", back after its removal at {}", r.until));
            let (name, back) = (name(authority.id), back.unwrap_or_default());
            format!("{name} introduced{back}{}", details(authority))
        }
        Event::AuthorityRemoved { authority, .. } => format!("{} removed", name(*authority)),
        Event::AuthorityRelabelled { authority, previous } => {
            let before = previous.as_ref().map_or("none".to_owned(), quoted);
            let name = name(authority.id);
            format!("{name} has another key ID than before, {before}{}", details(authority))
        }
        Event::UnconfirmedAuthoritySeen { authority, .. } => {
            let name = name(authority.id);
            format!(
                "{name} seen in an answer that is not the confirmed state{}",
                details(authority)
            )
        }
        Event::AuthoritySigned { authority, leaf } => signed(*authority, leaf),
        Event::SteppedBack { sequence, lacks, adds, .. } => format!(
            "an answer steps back to {}: it lacks {} and has {} that the state lacks; pending",
            sequence_text(sequence),
            keys(*lacks),
            keys(*adds),
        ),
        Event::StepBackConfirmed { sequence, since, .. } => {
            format!("step back to {} confirmed, seen first at {since}", sequence_text(sequence))
        }
        Event::ConsumersChanged { refusals } => judged::refusals(refusals),
        Event::PolicyChanged { policy } => judged::policy(policy),
        Event::AuthorityJudged { authority, standing } => {
            format!("{} is {}", name(*authority), judged::standing(standing))
        }
        Event::DatesPassed { .. } => "a date passed without a new authority".to_owned(),
        Event::IntermediateSeen { validity } => {
            format!("the endpoint presents an intermediate valid until {}", validity.not_after)
        }
        Event::EndpointShifted { what, .. } => {
            let what: Vec<String> = what.iter().map(ToString::to_string).collect();
            format!("the endpoint changed: {}", words(&what.join(" ")))
        }
        Event::NetworksFound { networks } => {
            let first: Vec<_> = networks.iter().copied().take(NETWORKS).map(network_name).collect();
            let more = match networks.len().saturating_sub(NETWORKS) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("the endpoint has addresses in {}{more}", first.join(", "))
        }
        Event::KidSighted { sighting, .. } => {
            format!("tokens sighted under the key ID {}", quoted(&sighting.kid))
        }
        Event::Decided { decision } => judged::decision(decision),
        Event::FindingRaised { finding } => {
            let evidence = finding.first_sentence();
            let Finding { id, kind, severity, subject, .. } = finding;
            let about = if subject.is_empty() { "" } else { " " };
            let subject = subject.shortened(Finding::SUBJECT);
            format!("{severity}: {kind} {id}{about}{subject}: {}", words(&evidence))
        }
        Event::FindingEnded { finding, kind, ending } => {
            format!("{kind} {finding} ended: {}", judged::ending(ending))
        }
        Event::AddressDiffers { address, sequence, .. } => {
            format!("address {address} answers otherwise, under {}", sequence_text(sequence))
        }
        Event::FailureBegan { reason, detail, .. } => {
            format!("polls fail ({reason}): {}", detail.shortened(WORDS))
        }
        Event::DeniedSignerSeen { authority, address, .. } => {
            let from = address.map(|address| format!(" from {address}")).unwrap_or_default();
            format!(
                "an answer{from} rests on the denied key of {}: nothing of it was taken",
                name(*authority)
            )
        }
        Event::DeniedSignerGone { authority } => {
            format!("no answer rests on the denied key of {} any more", name(*authority))
        }
        Event::Recovered { failures, since } => {
            format!("polls succeed again, after {} since {since}", count(*failures, "failure"))
        }
        Event::WatchGap { after, away } => {
            format!("polling was interrupted for {}, since {after}", span(*away))
        }
        Event::ClockSteppedBack { from } => format!("the wall clock stepped back from {from}"),
        Event::IrregularitiesChanged { irregularities } => irregular(irregularities),
        Event::Rebootstrapped { by, reason, authorities, .. } => format!(
            "re-bootstrapped with {} by {}: {}",
            count(authorities.len(), "X.509 authority"),
            by.shortened(KEY_ID),
            reason.shortened(WORDS),
        ),
        Event::FindingsLeftOut { room, severity, count, waiting } => {
            judged::left_out(*room, *severity, *count, *waiting)
        }
        Event::BudgetExceeded { events, bytes } => format!(
            "daily budget spent after {events} events and {bytes} bytes: changes are recorded in reduced form"
        ),
    }
}

fn keys(number: u32) -> String {
    count(number, "authority")
}

fn quoted(text: &UntrustedText) -> String {
    text.quoted(KEY_ID)
}

fn endpoint_text(endpoint: &BundleEndpoint) -> String {
    let url = cut(endpoint.url.as_str(), NAME);
    match &endpoint.profile {
        EndpointProfile::HttpsSpiffe { endpoint_spiffe_id } => {
            format!("{url} (https_spiffe as {})", cut(endpoint_spiffe_id.as_str(), NAME))
        }
        EndpointProfile::HttpsWeb => format!("{url} (https_web)"),
    }
}

fn configured(endpoint: &BundleEndpoint, previous: Option<&BundleEndpoint>) -> String {
    let now = endpoint_text(endpoint);
    match previous {
        None => format!("polling of {now} begins"),
        Some(previous) => format!("endpoint changed to {now} from {}", endpoint_text(previous)),
    }
}

fn first_contact(authenticated_by: Option<TrustOrigin>, bootstrap: &[AuthorityId]) -> String {
    let by = match authenticated_by {
        None => "the Web PKI".to_owned(),
        Some(TrustOrigin::Bootstrap) => {
            format!("the bootstrap file with {}", count(bootstrap.len(), "X.509 authority"))
        }
        Some(TrustOrigin::Rebootstrap) => "an operator's re-bootstrap".to_owned(),
        Some(TrustOrigin::Latest | TrustOrigin::LastConfirmed) => "a stored bundle".to_owned(),
    };
    format!("first bundle, authenticated by {by}")
}

fn sequence_text(sequence: &StatedNumber) -> String {
    match sequence {
        StatedNumber::Absent => "no sequence number".to_owned(),
        StatedNumber::Given(number) => format!("sequence {number}"),
        StatedNumber::Unusable(text) => format!("an unusable sequence number {}", quoted(text)),
    }
}

fn bundle_changed(
    sequence: &StatedNumber,
    hint: &StatedNumber,
    introduced: usize,
    removed: usize,
) -> String {
    let keys = |number: usize| keys(u32::try_from(number).unwrap_or(u32::MAX));
    let mut text = match (introduced, removed) {
        (0, 0) => "bundle changed, but no key was added or removed".to_owned(),
        (_, 0) => format!("bundle changed: {} introduced", keys(introduced)),
        (0, _) => format!("bundle changed: {} removed", keys(removed)),
        (_, _) => {
            format!("bundle changed: {} introduced and {removed} removed", keys(introduced))
        }
    };
    // Writing to a string does not fail.
    let _ = write!(text, "; {}", sequence_text(sequence));
    let _ = match hint {
        StatedNumber::Absent => write!(text, ", no refresh hint"),
        StatedNumber::Given(seconds) => {
            write!(text, ", refresh hint {}", span(Duration::from_secs(*seconds)))
        }
        StatedNumber::Unusable(hint) => write!(text, ", an unusable refresh hint {}", quoted(hint)),
    };
    text
}

/// What is worth knowing of a key beside its name, last, since it may be cut.
fn details(authority: &Authority) -> String {
    let mut text = format!(" ({}", cut(&authority.key_type.to_string(), KEY_ID));
    // SPIRE gives X.509 authorities no key ID.
    if let Some(kid) = &authority.kid {
        let _ = write!(text, ", key ID {}", quoted(kid));
    }
    if let Some(certificate) = &authority.certificate {
        let _ = write!(text, ", until {}", certificate.validity.not_after);
    }
    text.push(')');
    text
}

fn signed(authority: AuthorityId, leaf: &Leaf) -> String {
    format!(
        "{} signed the endpoint's SVID, valid from {} to {}",
        name(authority),
        leaf.validity.not_before,
        leaf.validity.not_after,
    )
}

fn irregular(irregularities: &[Irregularity]) -> String {
    if irregularities.is_empty() {
        return "the document is in order again".to_owned();
    }
    let mut kinds: Vec<&str> = irregularities.iter().map(|it| it.kind.label()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let more = kinds.len().saturating_sub(KINDS);
    kinds.truncate(KINDS);
    let mut text = format!(
        "the document departs from the standard in {}: {}",
        count(irregularities.len(), "place"),
        kinds.join(", ")
    );
    if 0 < more {
        let _ = write!(text, " and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::bundle::consumer::Consumer;
    use crate::bundle::{Digest, Fingerprint, IrregularityKind, KeyType, SvidType, Validity};
    use crate::decision::{Decision, DecisionAction, DecisionSource};
    use crate::finding::evidence::{AuthorityEvidence, Contradiction, EndpointDifference};
    use crate::finding::{Ending, FindingId, FindingKind, Grade, IncidentId, Room, Severity};
    use crate::time::{Bracket, Timestamp};
    use crate::untrusted::is_hidden;
    use crate::watch::{ConsumerRefusal, FailureReason, Sighting, Standing};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_800_000_000 + seconds)
    }

    fn id(svid_type: SvidType) -> AuthorityId {
        AuthorityId { svid_type, fingerprint: Fingerprint::from_bytes([0x3f; 32]) }
    }

    fn jwt(kid: &str) -> Arc<Authority> {
        Arc::new(Authority {
            id: id(SvidType::Jwt),
            public_key: None,
            key_type: KeyType::EcP256,
            kid: Some(kid.into()),
            certificate: None,
        })
    }

    fn endpoint(url: &str) -> BundleEndpoint {
        BundleEndpoint {
            trust_domain: "b.example".parse().unwrap(),
            url: url.parse().unwrap(),
            profile: EndpointProfile::HttpsSpiffe {
                endpoint_spiffe_id: "spiffe://b.example/spire/server".parse().unwrap(),
            },
        }
    }

    /// One event of every kind, with text that an endpoint made up.
    #[expect(clippy::too_many_lines, reason = "one for each kind")]
    fn one_of_each(foreign: &str) -> Vec<Event> {
        let digest = Digest::of(b"");
        let (content, body, sequence) = (digest, digest, StatedNumber::Unusable(foreign.into()));
        let bracket = Bracket::new(Some(at(0)), at(1));
        let authority = jwt(foreign);
        let validity = Validity { not_before: at(0), not_after: at(9) };
        let mut events = vec![
            Event::EndpointConfigured {
                endpoint: endpoint("https://b.example/"),
                previous: Some(endpoint("https://a.example/")),
            },
            Event::FirstContact { authenticated_by: None, bootstrap: Vec::new() },
            Event::BundleChanged {
                content,
                body,
                length: 9,
                sequence: sequence.clone(),
                refresh_hint: sequence.clone(),
                after: None,
                address: None,
                first_shown: at(1),
                introduced: vec![id(SvidType::X509), id(SvidType::Jwt)],
                removed: vec![id(SvidType::X509)],
                unrecorded: None,
            },
            Event::AuthorityIntroduced {
                authority: Arc::clone(&authority),
                published: bracket,
                returned_after: Some(bracket),
            },
            Event::AuthorityRemoved { authority: authority.id, removed: bracket },
            Event::AuthorityRelabelled {
                authority: Arc::clone(&authority),
                previous: Some(foreign.into()),
            },
            Event::UnconfirmedAuthoritySeen { authority: Arc::clone(&authority), seen: bracket },
            Event::AuthoritySigned {
                authority: id(SvidType::X509),
                leaf: Leaf { seen_at: at(1), validity },
            },
            Event::SteppedBack {
                content,
                body,
                length: 9,
                unstored: false,
                sequence: sequence.clone(),
                address: None,
                lacks: 1,
                adds: 0,
            },
            Event::StepBackConfirmed { content, sequence: sequence.clone(), since: at(0) },
            Event::AddressDiffers { address: [127, 0, 0, 1].into(), content, sequence },
            Event::FailureBegan {
                reason: FailureReason::Tls,
                detail: foreign.into(),
                address: None,
                presented: None,
                denied: Vec::new(),
            },
            Event::DeniedSignerSeen {
                authority: id(SvidType::X509),
                address: Some([127, 0, 0, 1].into()),
                presented: None,
            },
            Event::DeniedSignerGone { authority: id(SvidType::X509) },
            Event::Recovered { failures: 3, since: at(0) },
            Event::WatchGap { after: at(0), away: Duration::from_mins(5) },
            Event::ClockSteppedBack { from: at(0) },
            Event::IrregularitiesChanged {
                irregularities: vec![Irregularity {
                    entry: Some(1),
                    kind: IrregularityKind::MissingUse,
                }],
            },
            Event::ConsumersChanged {
                refusals: vec![ConsumerRefusal { consumer: Consumer::Spire, why: foreign.into() }],
            },
            Event::Rebootstrapped {
                by: foreign.into(),
                uid: None,
                reason: foreign.into(),
                authorities: vec![Arc::clone(&authority)],
            },
        ];
        events.extend(judged(foreign, authority.id));
        events.push(Event::FindingsLeftOut {
            room: Room {
                kind: FindingKind::UnexpectedAuthority,
                svid_type: Some(SvidType::Jwt),
                grade: Grade::Unscheduled,
            },
            severity: Severity::Critical,
            count: 7,
            waiting: 9,
        });
        events.push(Event::BudgetExceeded { events: 1, bytes: 2 });
        events
    }

    /// One event of every kind that a judgement or an operator makes.
    fn judged(foreign: &str, authority: AuthorityId) -> Vec<Event> {
        let name = foreign.into();
        let standing = Standing::Contradicted { by: vec![Contradiction::ForeignName { name }] };
        let action = DecisionAction::Approve { fingerprint: authority.fingerprint };
        let (by, reason) = (foreign.into(), foreign.into());
        let decision = Decision { action, by, reason, uid: None, source: DecisionSource::Operator };
        let kind = FindingKind::UnlistedSigner;
        let finding = Finding {
            id: FindingId::new(None, kind, None, foreign, at(0)),
            incident: IncidentId::new(None, at(0)),
            kind,
            severity: Severity::Critical,
            svid_type: Some(SvidType::Jwt),
            subject: foreign.into(),
            subject_id: None,
            since: at(0),
            evidence: vec![AuthorityEvidence::KeyIdTwice { kid: foreign.into() }.into()],
        };
        let ending = Ending::Explanation { reason: foreign.into() };
        let shift = EndpointDifference::RedirectTarget { before: None, now: Some(foreign.into()) };
        let sighting = Sighting::of_token(foreign, at(0), at(0), at(2));
        vec![
            Event::PolicyChanged { policy: Box::default() },
            Event::AuthorityJudged { authority, standing },
            Event::DatesPassed { good: at(1) },
            Event::IntermediateSeen { validity: Validity { not_before: at(0), not_after: at(9) } },
            Event::EndpointShifted { what: vec![shift], with_keys: true },
            Event::NetworksFound { networks: vec![std::net::IpAddr::from([192, 0, 2, 0])] },
            Event::KidSighted { sighting, reporter: "file".into() },
            Event::Decided { decision },
            Event::FindingRaised { finding: finding.clone() },
            Event::FindingEnded { finding: finding.id, kind, ending },
        ]
    }

    #[test]
    fn no_event_lets_foreign_text_through() {
        let foreign = "\u{1b}[2J\r\n\u{202e}\u{e9}\0\\ ".repeat(500);
        let events = one_of_each(&foreign);
        let names: Vec<_> = events.iter().map(Event::name).collect();
        assert_eq!(names, Event::NAMES, "every kind is here");
        for event in &events {
            let text = describe(event);
            assert!(text.len() <= 1000, "{}: {} bytes", event.name(), text.len());
            assert!(!text.chars().any(is_hidden), "{}: {text:?}", event.name());
        }
    }

    #[test]
    fn an_event_reads_as_a_sentence() {
        let published = Bracket::new(None, at(0));
        let introduced = |returned_after| Event::AuthorityIntroduced {
            authority: jwt("k1"),
            published,
            returned_after,
        };
        let changed = |introduced: usize, removed: usize, sequence| Event::BundleChanged {
            content: Digest::of(b""),
            body: Digest::of(b""),
            length: 0,
            sequence,
            refresh_hint: StatedNumber::Given(15),
            after: None,
            address: None,
            first_shown: at(1),
            introduced: vec![id(SvidType::X509); introduced],
            removed: vec![id(SvidType::X509); removed],
            unrecorded: None,
        };
        for (event, text) in [
            (introduced(None), "JWT key 3f3f3f3f3f3f3f3f introduced (ec-p256, key ID \"k1\")"),
            (
                introduced(Some(published)),
                "JWT key 3f3f3f3f3f3f3f3f introduced, back after its removal at \
                 2027-01-15T08:00:00Z (ec-p256, key ID \"k1\")",
            ),
            (
                Event::AuthorityRemoved { authority: id(SvidType::X509), removed: published },
                "X.509 authority 3f3f3f3f3f3f3f3f removed",
            ),
            (
                changed(2, 1, StatedNumber::Given(7)),
                "bundle changed: 2 authorities introduced and 1 removed; sequence 7, refresh hint \
                 15 s",
            ),
            (
                changed(0, 0, StatedNumber::Absent),
                "bundle changed, but no key was added or removed; no sequence number, refresh hint \
                 15 s",
            ),
            (
                Event::FirstContact {
                    authenticated_by: Some(TrustOrigin::Bootstrap),
                    bootstrap: vec![id(SvidType::X509)],
                },
                "first bundle, authenticated by the bootstrap file with 1 X.509 authority",
            ),
            (
                Event::Recovered { failures: 1, since: at(0) },
                "polls succeed again, after 1 failure since 2027-01-15T08:00:00Z",
            ),
            (
                Event::IrregularitiesChanged { irregularities: Vec::new() },
                "the document is in order again",
            ),
        ] {
            assert_eq!(describe(&event), text);
        }
    }

    #[test]
    fn numbers_and_times_are_for_people() {
        assert_eq!(time_of_day(at(3)), "08:00:03");
        assert_eq!(time_of_day(Timestamp::from_unix(-1)), "23:59:59");
        assert_eq!(count(2_u32, "authority"), "2 authorities");
        assert_eq!(count(0_u32, "key"), "0 keys");
    }
}
