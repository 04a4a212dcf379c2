//! Authorities that a reviewed configuration explains: approved, or announced.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::fault::{Report, quoted};
use super::reader::{Fields, Value};
use super::scalar;
use super::schema::{
    AWAY_FROM, AWAY_UNTIL, BY, COUNT, FINGERPRINT, KEY_TYPE, Key, Kind, MAX_LIFETIME, MAX_WINDOW,
    NOT_AFTER, NOT_BEFORE, REASON, SHARED_BY, Scope, USE,
};
use anchorwatch_core::bundle::{Fingerprint, KeyType, SvidType};
use anchorwatch_core::decision::{self, Decision, DecisionAction, DecisionSource, SharedAuthority};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::untrusted::UntrustedText;

/// One authority that is explained.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Approval {
    /// Which.
    pub fingerprint: Fingerprint,
    /// Why, at most 1,024 bytes.
    pub reason: UntrustedText,
    /// Who decided; `None` where the configuration does not say.
    pub by: Option<UntrustedText>,
}

/// Authorities that are to come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Announcement {
    /// What they sign.
    pub svid_type: SvidType,
    /// How many, from 1 up.
    pub count: u8,
    /// The earliest moment at which they are published.
    pub not_before: Timestamp,
    /// The latest.
    pub not_after: Timestamp,
    /// What their keys are made of, where that differs from those before.
    pub key_type: Option<KeyType>,
    /// The longest lifetime, where that differs from those before.
    pub max_lifetime: Option<Duration>,
    /// Why, at most 1,024 bytes.
    pub reason: UntrustedText,
    /// Who decided; `None` where the configuration does not say.
    pub by: Option<UntrustedText>,
}

/// An outage that is announced.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outage {
    /// When.
    pub outage: decision::Outage,
    /// Why, at most 1,024 bytes.
    pub reason: UntrustedText,
    /// Who decided; `None` where the configuration does not say.
    pub by: Option<UntrustedText>,
}

impl Outage {
    /// The decision that this line is.
    pub fn decision(&self) -> Decision {
        let action = DecisionAction::AnnounceOutage { outage: self.outage };
        decision(action, self.by.as_ref(), &self.reason)
    }
}

impl Approval {
    /// The decision that this line is.
    pub fn decision(&self) -> Decision {
        let action = DecisionAction::Approve { fingerprint: self.fingerprint };
        decision(action, self.by.as_ref(), &self.reason)
    }
}

impl Announcement {
    /// The decision that this line is.
    pub fn decision(&self) -> Decision {
        let announcement = decision::Announcement {
            svid_type: self.svid_type,
            count: self.count,
            not_before: self.not_before,
            not_after: self.not_after,
            key_type: self.key_type.clone(),
            max_lifetime: self.max_lifetime,
        };
        decision(DecisionAction::Announce { announcement }, self.by.as_ref(), &self.reason)
    }
}

fn decision(
    action: DecisionAction,
    by: Option<&UntrustedText>,
    reason: &UntrustedText,
) -> Decision {
    let (by, reason) = (by.cloned().unwrap_or_default(), reason.clone());
    Decision { action, by, reason, uid: None, source: DecisionSource::Configuration }
}

/// The elements of a list, each a mapping of one scope.
pub(super) fn list<T>(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
    mut decode: impl FnMut(&Fields<'_>, &mut Report) -> Option<T>,
) -> Option<Vec<T>> {
    let Kind::List { scope, max } = key.kind else { return None };
    let elements = value.elements(key.kind.noun(), &key.kind.example(), report)?;
    if max < elements.len() {
        let message = format!("the list has {} elements", elements.len());
        value.fault(report, message, format!("at most {max} are allowed"));
        return None;
    }
    let mut one = |element: &Value<'_>| open(element, scope, report, &mut decode);
    Some(elements.iter().filter_map(&mut one).collect())
}

fn open<T>(
    value: &Value<'_>,
    scope: &'static Scope,
    report: &mut Report,
    decode: impl FnOnce(&Fields<'_>, &mut Report) -> Option<T>,
) -> Option<T> {
    let fields = Fields::open(value, scope, report)?;
    decode(&fields, report)
}

/// `approved`
pub(super) fn approvals(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<Vec<Approval>> {
    let mut seen: BTreeMap<Fingerprint, usize> = BTreeMap::new();
    list(value, key, report, |fields, report| {
        let fingerprint = fields.read(&FINGERPRINT, report, scalar::fingerprint);
        let reason = fields.read(&REASON, report, scalar::words);
        let by = fields.read(&BY, report, scalar::words);
        let fingerprint = fingerprint?;
        if let Some(value) = fields.get(&FINGERPRINT) {
            if let Some(line) = seen.get(&fingerprint) {
                let message = "this fingerprint is approved twice";
                value.fault(report, message, format!("it stands in line {line}, so remove one"));
            }
            seen.insert(fingerprint, value.place().line);
        }
        Some(Approval { fingerprint, reason: reason?, by })
    })
}

/// `shared_authorities`
pub(super) fn shared_authorities(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<Vec<SharedAuthority>> {
    let mut seen: BTreeMap<Fingerprint, usize> = BTreeMap::new();
    list(value, key, report, |fields, report| {
        let fingerprint = fields.read(&FINGERPRINT, report, scalar::fingerprint);
        let trust_domains = fields.read(&SHARED_BY, report, trust_domains);
        let reason = fields.read(&REASON, report, scalar::words);
        let by = fields.read(&BY, report, scalar::words);
        // A list that cannot be read does not mean "any".
        if fields.get(&SHARED_BY).is_some() && trust_domains.is_none() {
            return None;
        }
        let fingerprint = fingerprint?;
        if let Some(value) = fields.get(&FINGERPRINT) {
            if let Some(line) = seen.get(&fingerprint) {
                let message = "this fingerprint is declared twice";
                value.fault(report, message, format!("it stands in line {line}, so join them"));
            }
            seen.insert(fingerprint, value.place().line);
        }
        Some(SharedAuthority { fingerprint, trust_domains, reason: reason?, by })
    })
}

/// Names of trust domains, each once. One alone shares nothing.
fn trust_domains(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<BTreeSet<TrustDomain>> {
    let Kind::TrustDomains { max } = key.kind else { return None };
    let elements = value.elements(key.kind.noun(), &key.kind.example(), report)?;
    if !(2..=max).contains(&elements.len()) {
        let message = format!("the list has {} elements", elements.len());
        value.fault(report, message, format!("2 to {max} trust domains share an authority"));
        return None;
    }
    let mut names = BTreeSet::new();
    for element in &elements {
        let written = scalar::text(element, key, report)?;
        let name = scalar::trust_domain(written, |message, hint| {
            element.fault(report, message, hint);
        })?;
        if !names.insert(name) {
            element.fault(report, "this trust domain is named twice", "remove one");
        }
    }
    Some(names)
}

/// `announced`
pub(super) fn announcements(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<Vec<Announcement>> {
    list(value, key, report, |fields, report| {
        let svid_type = fields.read(&USE, report, svid_type);
        let count = fields.read(&COUNT, report, scalar::count);
        let not_before = fields.read(&NOT_BEFORE, report, scalar::moment);
        let not_after = fields.read(&NOT_AFTER, report, scalar::moment);
        let key_type = fields.read(&KEY_TYPE, report, key_type);
        let max_lifetime = fields.read(&MAX_LIFETIME, report, scalar::duration);
        let reason = fields.read(&REASON, report, scalar::words);
        let by = fields.read(&BY, report, scalar::words);
        let (not_before, not_after) = (not_before?, not_after?);
        window(fields, &NOT_AFTER, not_before, not_after, MAX_WINDOW, report);
        Some(Announcement {
            svid_type: svid_type?,
            count: count.unwrap_or(1),
            not_before,
            not_after,
            key_type,
            max_lifetime,
            reason: reason?,
            by,
        })
    })
}

/// `outages`
pub(super) fn outages(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<Vec<Outage>> {
    list(value, key, report, |fields, report| {
        let not_before = fields.read(&AWAY_FROM, report, scalar::moment);
        let not_after = fields.read(&AWAY_UNTIL, report, scalar::moment);
        let reason = fields.read(&REASON, report, scalar::words);
        let by = fields.read(&BY, report, scalar::words);
        let (not_before, not_after) = (not_before?, not_after?);
        window(fields, &AWAY_UNTIL, not_before, not_after, decision::Outage::LONGEST, report);
        let outage = decision::Outage { not_before, not_after };
        Some(Outage { outage, reason: reason?, by })
    })
}

fn window(
    fields: &Fields<'_>,
    end: &'static Key,
    from: Timestamp,
    until: Timestamp,
    most: Duration,
    report: &mut Report,
) {
    let Some(value) = fields.get(end) else { return };
    let days = most.as_secs() / 86_400;
    match until.since(from) {
        None | Some(Duration::ZERO) => {
            let hint = "the window ends after it begins: swap not_before and not_after?";
            value.fault(report, "not_after is not later than not_before", hint);
        }
        Some(window) if most < window => {
            let hint = format!("an announcement is for a date that is known: at most {days} days");
            value.fault(report, format!("the window is longer than {days} days"), hint);
        }
        Some(_) => (),
    }
}

fn svid_type(value: &Value<'_>, key: &'static Key, report: &mut Report) -> Option<SvidType> {
    let written = scalar::text(value, key, report)?;
    let found = SvidType::from_label(written);
    if found.is_none() {
        value.fault(report, format!("{} is no use", quoted(written)), key.kind.example());
    }
    found
}

fn key_type(value: &Value<'_>, key: &'static Key, report: &mut Report) -> Option<KeyType> {
    // Shorter keys are broken, and no SPIFFE implementation makes longer ones.
    const RSA_BITS: std::ops::RangeInclusive<u32> = 1024..=16_384;
    let written = scalar::text(value, key, report)?;
    let found = match written {
        "ec-p256" => Some(KeyType::EcP256),
        "ec-p384" => Some(KeyType::EcP384),
        "ec-p521" => Some(KeyType::EcP521),
        _ => written
            .strip_prefix("rsa-")
            .and_then(|bits| bits.parse().ok())
            .filter(|bits| RSA_BITS.contains(bits))
            .map(|bits| KeyType::Rsa { bits }),
    };
    if found.is_none() {
        value.fault(report, format!("{} is no key type", quoted(written)), key.kind.example());
    }
    found
}
