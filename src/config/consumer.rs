//! Who uses a bundle, and by which rules.

use std::fmt;
use std::time::Duration;

use super::fault::{Report, quoted};
use super::reader::{Fields, Value};
use super::schema::{CACHE, CACHE_CONSUMER, Key};
use super::{duration, scalar, suggest};

/// A consumer of the bundle: how soon it sees a new key, and what it refuses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConsumerProfile {
    /// SPIRE of any version: the strictest of each rule.
    Spire,
    /// SPIRE of one version.
    SpireAt(Version),
    /// A program that polls with go-spiffe.
    GoSpiffe,
    /// Istio, which asks every 30 minutes, whatever the refresh hint.
    Istio,
    /// Anything that holds a copy for a time.
    Cache(Duration),
}

/// A version of SPIRE.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
    /// The third number.
    pub patch: u16,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl ConsumerProfile {
    /// Who is meant where nobody is named: the consumer that the watch is for.
    pub const DEFAULT: &'static [Self] = &[Self::Spire];

    /// The words that name a consumer.
    const WORDS: &'static [&'static str] = &["spire", "go-spiffe", "istio"];
}

impl fmt::Display for ConsumerProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spire => f.write_str("spire"),
            Self::SpireAt(version) => write!(f, "spire@{version}"),
            Self::GoSpiffe => f.write_str("go-spiffe"),
            Self::Istio => f.write_str("istio"),
            Self::Cache(held) => write!(f, "{{cache: {}}}", duration::text(*held)),
        }
    }
}

/// A list of consumers.
pub(super) fn consumers(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<Vec<ConsumerProfile>> {
    let elements = value.elements(key.kind.noun(), &key.kind.example(), report)?;
    if elements.is_empty() {
        let hint = "name one at least, or remove the key";
        value.fault(report, "the list of consumers is empty", hint);
        return None;
    }
    let mut consumers = Vec::with_capacity(elements.len());
    let mut all = true;
    for element in &elements {
        match consumer(element, report) {
            Some(consumer) if consumers.contains(&consumer) => {
                let message = format!("{} is there twice", quoted(&consumer.to_string()));
                element.fault(report, message, "remove one");
            }
            Some(consumer) => consumers.push(consumer),
            None => all = false,
        }
    }
    all.then_some(consumers)
}

fn consumer(value: &Value<'_>, report: &mut Report) -> Option<ConsumerProfile> {
    let Some(written) = value.as_text() else {
        let fields = Fields::open(value, &CACHE_CONSUMER, report)?;
        return fields.read(&CACHE, report, scalar::duration).map(ConsumerProfile::Cache);
    };
    let (name, version) = match written.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (written, None),
    };
    match (name, version.map(version_of)) {
        ("spire", None) => return Some(ConsumerProfile::Spire),
        ("spire", Some(Some(version))) => return Some(ConsumerProfile::SpireAt(version)),
        ("go-spiffe", None) => return Some(ConsumerProfile::GoSpiffe),
        ("istio", None) => return Some(ConsumerProfile::Istio),
        ("spire", Some(None)) => {
            let message = format!("{} names no version of SPIRE", quoted(written));
            value.fault(report, message, "write for example spire@1.15.3");
        }
        ("go-spiffe" | "istio", Some(_)) => {
            let message = format!("{} names a version, and {name} is one profile", quoted(written));
            value.fault(report, message, format!("write {name}"));
        }
        _ => {
            let hint = match suggest::nearest(written, ConsumerProfile::WORDS) {
                Some(near) => format!("did you mean {near}?"),
                None => "write spire, spire@1.15.3, go-spiffe, istio or {cache: 10m}".to_owned(),
            };
            value.fault(report, format!("{} is no known consumer", quoted(written)), hint);
        }
    }
    None
}

fn version_of(written: &str) -> Option<Version> {
    let mut numbers = written.split('.').map(|number| {
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| number.parse().ok()).flatten()
    });
    let version =
        Version { major: numbers.next()??, minor: numbers.next()??, patch: numbers.next()?? };
    numbers.next().is_none().then_some(version)
}
