//! Scalars: one text, one typed value, within the bounds that its key states.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::duration;
use super::fault::Report;
use super::place::quoted;
use super::proxy::Proxy;
use super::reader::Value;
use super::schema::{Key, Kind, one_of, size_text};
use super::setting::Setting;
use super::tree::Tree;
use anchorwatch_core::bundle::{Fingerprint, KeyType};
use anchorwatch_core::spiffe::{EndpointUrl, EndpointUrlError, SpiffeId, TrustDomain};
use anchorwatch_core::time::{Timestamp, duration_text};
use anchorwatch_core::untrusted::UntrustedText;
use anchorwatch_core::watch::PollInterval;

/// The text of a scalar of this key; a fault where it is none.
pub(super) fn text<'t>(value: &Value<'t>, key: &Key, report: &mut Report) -> Option<&'t str> {
    let text = value.as_text();
    if text.is_none() {
        value.misplaced(key.kind.noun(), &key.kind.example(), report);
    }
    text
}

/// What `parse` makes of the text of a scalar of this key; a fault with the key's example where it
/// gives a message.
fn parsed<T>(
    value: &Value<'_>,
    key: &Key,
    report: &mut Report,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    match parse(text(value, key, report)?) {
        Ok(parsed) => Some(parsed),
        Err(message) => {
            value.fault(report, message, key.kind.example());
            None
        }
    }
}

/// Binds a type whose values are scalars to the function that reads it, and to its text.
macro_rules! scalar {
    ($($type:ty: $decode:expr, $show:expr;)*) => {$(
        impl Setting for $type {
            fn decode(value: &Value<'_>, key: &'static Key, report: &mut Report) -> Option<Self> {
                $decode(value, key, report)
            }

            fn show(&self, key: &Key) -> Option<Tree> {
                let show: fn(&Self, &Key) -> Tree = $show;
                Some(show(self, key))
            }
        }
    )*};
}

scalar! {
    bool: switch, |flag, _| Tree::Flag(*flag);
    u8: number, |number, _| Tree::Number((*number).into());
    u64: number, |number, key| count_or_size(*number, key);
    usize: number, |number, key| count_or_size(u64::try_from(*number).unwrap_or(u64::MAX), key);
    Duration: duration, |time, _| Tree::Text(duration_text(*time));
    PollInterval: poll_interval, |interval, _| match interval {
        PollInterval::Auto => Tree::text("auto"),
        PollInterval::Every(interval) => Tree::Text(duration_text(*interval)),
    };
    Fingerprint: fingerprint, |fingerprint, _| Tree::Text(fingerprint.to_string());
    UntrustedText: words, |text, _| Tree::text(text.as_received());
    PathBuf: path, |path, _| Tree::text(path.to_string_lossy());
    TrustDomain: trust_domain, |name, _| Tree::text(name.as_str());
    BTreeSet<TrustDomain>: trust_domains, |names, _| {
        Tree::List(names.iter().map(|name| Tree::text(name.as_str())).collect())
    };
    SpiffeId: spiffe_id, |id, _| Tree::text(id.as_str());
    EndpointUrl: endpoint_url, |url, _| Tree::text(url.as_str());
    // A TLS session with the proxy would be verified as if the proxy were the endpoint.
    Proxy: |value: &_, key, report: &mut _| web_url(value, key, &["http"], report).map(Proxy::new),
        |proxy, _| Tree::Text(proxy.to_string());
    Url: alertmanager_url, |url, _| Tree::text(url.as_str());
    Timestamp: moment, |moment, _| Tree::Text(moment.to_string());
    KeyType: key_type, |kind, _| Tree::Text(kind.to_string());
}

fn count_or_size(number: u64, key: &Key) -> Tree {
    if matches!(key.kind, Kind::Size { .. }) {
        Tree::Text(size_text(number))
    } else {
        Tree::Number(number)
    }
}

/// `true` or `false`.
pub(super) fn switch(value: &Value<'_>, key: &Key, report: &mut Report) -> Option<bool> {
    parsed(value, key, report, |written| match written {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        other => Err(format!("{} is neither true nor false", quoted(other))),
    })
}

/// A number within the key's bounds: a whole one, a number of bytes such as `4MiB`, or one of
/// redirects.
pub(super) fn number<T: TryFrom<u64>>(
    value: &Value<'_>,
    key: &Key,
    report: &mut Report,
) -> Option<T> {
    let written = text(value, key, report)?;
    let (number, min, max) = match (key.kind, written) {
        (Kind::Count { min, max }, _) => (written.parse().ok(), min, max),
        (Kind::Size { min, max }, _) => (size(written), min, max),
        (Kind::Redirects { .. }, "false") => (Some(0), 0, 0),
        (Kind::Redirects { max }, "true") => (Some(max.into()), 0, max.into()),
        (Kind::Redirects { max }, _) => (written.parse().ok(), 0, max.into()),
        _ => return None,
    };
    match number {
        None => {
            let message = format!("{} is not {}", quoted(written), key.kind.noun());
            value.fault(report, message, key.kind.example());
            None
        }
        Some(number) if !(min..=max).contains(&number) => {
            let side = if number < min { "below" } else { "above" };
            let message = format!("{} is {side} the bounds", quoted(written));
            let hint = if matches!(key.kind, Kind::Redirects { .. }) {
                key.kind.example()
            } else {
                format!("{} is allowed", key.kind.bounds())
            };
            value.fault(report, message, hint);
            None
        }
        Some(number) => T::try_from(number).ok(),
    }
}

fn size(written: &str) -> Option<u64> {
    let digits = written.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let shift = match written.get(digits.len()..)?.trim() {
        "" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// A duration within the key's bounds.
pub(super) fn duration(value: &Value<'_>, key: &Key, report: &mut Report) -> Option<Duration> {
    let written = text(value, key, report)?;
    let (Kind::Duration { min, max } | Kind::PollInterval { min, max }) = key.kind else {
        return None;
    };
    match duration::parse(written) {
        Err(wrong) => value.fault(report, wrong.message, wrong.hint),
        Ok(duration) if duration < min || max < duration => {
            let side = if duration < min { "too short" } else { "too long" };
            let message = format!("{} is {side}", quoted(written));
            value.fault(report, message, format!("{} is allowed", key.kind.bounds()));
        }
        Ok(duration) => return Some(duration),
    }
    None
}

fn poll_interval(value: &Value<'_>, key: &Key, report: &mut Report) -> Option<PollInterval> {
    match text(value, key, report)? {
        "auto" => Some(PollInterval::Auto),
        _ => duration(value, key, report).map(PollInterval::Every),
    }
}

fn fingerprint(value: &Value<'_>, key: &Key, report: &mut Report) -> Option<Fingerprint> {
    let wrong = |written: &str| format!("{} is not a fingerprint", quoted(written));
    parsed(value, key, report, |written| written.parse().map_err(|_| wrong(written)))
}

/// One line of text within the key's bound.
fn words(value: &Value<'_>, key: &Key, report: &mut Report) -> Option<UntrustedText> {
    let written = text(value, key, report)?;
    let Kind::Text { max } = key.kind else { return None };
    let is_odd = |letter: char| letter.is_control();
    let message = match written.trim() {
        "" => "the text is empty".to_owned(),
        _ if max < written.len() => format!("the text has {} bytes", written.len()),
        _ if written.contains(is_odd) => "the text contains a control character".to_owned(),
        _ => return Some(written.into()),
    };
    value.fault(report, message, format!("write one line of at most {max} bytes"));
    None
}

/// A path; a relative one is relative to the directory of the configuration file.
pub(super) fn path(value: &Value<'_>, key: &Key, report: &mut Report) -> Option<PathBuf> {
    let directory = report.directory().to_owned();
    parsed(value, key, report, |written| {
        if written.is_empty() || written.contains('\0') || 4096 < written.len() {
            return Err(format!("{} is not a path", quoted(written)));
        }
        Ok(directory.join(written))
    })
}

fn trust_domain(value: &Value<'_>, key: &Key, report: &mut Report) -> Option<TrustDomain> {
    let written = text(value, key, report)?;
    trust_domain_name(written, |message, hint| value.fault(report, message, hint))
}

/// A trust domain name, without `spiffe://`.
pub(super) fn trust_domain_name(
    written: &str,
    fault: impl FnOnce(String, String),
) -> Option<TrustDomain> {
    let wrong = match written.parse() {
        Ok(name) => return Some(name),
        Err(wrong) => wrong,
    };
    let scheme = written.get(..9).filter(|scheme| scheme.eq_ignore_ascii_case("spiffe://"));
    let rest = scheme.and_then(|scheme| written.get(scheme.len()..));
    let lower = written.to_ascii_lowercase();
    match rest.map(|rest| rest.split('/').next().unwrap_or(rest)) {
        Some(name) if name.parse::<TrustDomain>().is_ok() => fault(
            format!("{} is a SPIFFE ID, not a trust domain name", quoted(written)),
            format!("drop the scheme, and write {name}"),
        ),
        _ if lower.parse::<TrustDomain>().is_ok() => {
            fault(format!("{} is not in lower case", quoted(written)), format!("write {lower}"));
        }
        _ => fault(
            format!("{} is not a trust domain name: {wrong}", quoted(written)),
            "write for example example.org".to_owned(),
        ),
    }
    None
}

/// Names of trust domains, each once. One alone shares nothing.
fn trust_domains(
    value: &Value<'_>,
    key: &Key,
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
        if !names.insert(trust_domain(element, key, report)?) {
            element.fault(report, "this trust domain is named twice", "remove one");
        }
    }
    Some(names)
}

/// The SPIFFE ID of an endpoint: with a path.
fn spiffe_id(value: &Value<'_>, key: &Key, report: &mut Report) -> Option<SpiffeId> {
    let id: SpiffeId = parsed(value, key, report, |written| {
        written.parse().map_err(|error| format!("{}: {error}", quoted(written)))
    })?;
    // X509-SVID, 5.2: a path is what makes a leaf's ID; a root's has none.
    if id.path().is_empty() {
        let hint = format!("write for example {id}/spire/server");
        value.fault(report, format!("{} has no path", quoted(id.as_str())), hint);
        return None;
    }
    Some(id)
}

/// A bundle endpoint's URL. It may contain a password, where it is wrong, so it is never quoted.
fn endpoint_url(value: &Value<'_>, key: &Key, report: &mut Report) -> Option<EndpointUrl> {
    let written = text(value, key, report)?;
    let error = match written.parse::<EndpointUrl>() {
        Ok(url) => return Some(url),
        Err(error) => error,
    };
    let hint = match &error {
        EndpointUrlError::UserInfo => "remove what is before the @".to_owned(),
        EndpointUrlError::Scheme if written.starts_with("http://") => {
            "write https instead of http".to_owned()
        }
        EndpointUrlError::Scheme | EndpointUrlError::Malformed | EndpointUrlError::NoHost => {
            key.kind.example()
        }
    };
    value.fault(report, error.to_string(), hint);
    None
}

/// A URL with a host, under one of these schemes. It may contain a password, so it is never quoted.
fn web_url(value: &Value<'_>, key: &Key, schemes: &[&str], report: &mut Report) -> Option<Url> {
    parsed(value, key, report, |written| match Url::parse(written) {
        Ok(url) if !schemes.contains(&url.scheme()) => {
            Err(format!("the scheme is not {}", one_of(schemes)))
        }
        Ok(url) if url.host_str().is_none_or(str::is_empty) => {
            Err("the URL names no host".to_owned())
        }
        Ok(url) => Ok(url),
        Err(_) => Err("this is not a URL".to_owned()),
    })
}

fn alertmanager_url(value: &Value<'_>, key: &Key, report: &mut Report) -> Option<Url> {
    let url = web_url(value, key, &["http", "https"], report)?;
    if !url.username().is_empty() || url.password().is_some() {
        let message = "the URL must not contain a user name or a password";
        value.fault(report, message, "remove what is before the @, and write username");
        return None;
    }
    // It is shown in metrics, and a path is put behind it.
    if url.query().is_some() || url.fragment().is_some() {
        let message = "the URL must not contain a query or a fragment";
        value.fault(report, message, "remove the ? or the # and what follows");
        return None;
    }
    Some(url)
}

/// A date and time, in RFC 3339.
fn moment(value: &Value<'_>, key: &Key, report: &mut Report) -> Option<Timestamp> {
    parsed(value, key, report, |written| {
        let moment = written.parse().ok().filter(|_| !written.starts_with('@'));
        moment.ok_or_else(|| format!("{} is not an RFC 3339 date and time", quoted(written)))
    })
}

fn key_type(value: &Value<'_>, key: &Key, report: &mut Report) -> Option<KeyType> {
    // Shorter keys are broken, and no SPIFFE implementation makes longer ones.
    const RSA_BITS: std::ops::RangeInclusive<u32> = 1024..=16_384;
    parsed(value, key, report, |written| {
        let found = match written {
            "ec-p256" => Some(KeyType::EcP256),
            "ec-p384" => Some(KeyType::EcP384),
            "ec-p521" => Some(KeyType::EcP521),
            "ed25519" => Some(KeyType::Ed25519),
            _ => written
                .strip_prefix("rsa-")
                .and_then(|bits| bits.parse().ok())
                .filter(|bits| RSA_BITS.contains(bits))
                .map(|bits| KeyType::Rsa { bits }),
        };
        found.ok_or_else(|| format!("{} is no key type", quoted(written)))
    })
}
