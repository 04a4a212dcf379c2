//! Scalars: one text, one typed value, within the bounds that its key states.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::choice::Choice;
use super::duration;
use super::fault::{Report, quoted};
use super::reader::Value;
use super::schema::{Key, Kind, one_of};
use super::suggest;
use anchorwatch_core::bundle::Fingerprint;
use anchorwatch_core::spiffe::{EndpointUrl, EndpointUrlError, SpiffeId, TrustDomain};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::untrusted::UntrustedText;

/// The text of a scalar of this key; a fault where it is none.
pub(super) fn text<'t>(value: &Value<'t>, key: &Key, report: &mut Report) -> Option<&'t str> {
    value.text(key.kind.noun(), &key.kind.example(), report)
}

/// `true` or `false`.
pub(super) fn switch(value: &Value<'_>, key: &'static Key, report: &mut Report) -> Option<bool> {
    match text(value, key, report)? {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        other => {
            let message = format!("{} is neither true nor false", quoted(other));
            value.fault(report, message, key.kind.example());
            None
        }
    }
}

/// A whole number within the key's bounds.
pub(super) fn count<T: TryFrom<u64>>(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<T> {
    let written = text(value, key, report)?;
    let Kind::Count { min, max } = key.kind else { return None };
    bounded(written, written.parse().ok(), (min, max), value, key, report)
}

/// A number of bytes within the key's bounds: `4MiB`, or `4194304`.
pub(super) fn size<T: TryFrom<u64>>(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<T> {
    let written = text(value, key, report)?;
    let Kind::Size { min, max } = key.kind else { return None };
    let digits = written.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let factor = match written.get(digits.len()..).map(str::trim) {
        Some("") => Some(1),
        Some("KiB") => Some(1_u64 << 10),
        Some("MiB") => Some(1 << 20),
        Some("GiB") => Some(1 << 30),
        _ => None,
    };
    let number = factor.and_then(|factor| digits.parse::<u64>().ok()?.checked_mul(factor));
    bounded(written, number, (min, max), value, key, report)
}

/// A size as `size` reads it.
pub(super) fn size_text(bytes: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        let one = 1_u64 << shift;
        if one <= bytes && bytes.is_multiple_of(one) {
            return format!("{}{unit}", bytes / one);
        }
    }
    bytes.to_string()
}

fn bounded<T: TryFrom<u64>>(
    written: &str,
    number: Option<u64>,
    (min, max): (u64, u64),
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<T> {
    let Some(number) = number else {
        let message = format!("{} is not {}", quoted(written), key.kind.noun());
        value.fault(report, message, key.kind.example());
        return None;
    };
    if number < min || max < number {
        let side = if number < min { "below" } else { "above" };
        let message = format!("{} is {side} the bounds", quoted(written));
        value.fault(report, message, format!("{} is allowed", key.kind.bounds()));
        return None;
    }
    T::try_from(number).ok()
}

/// A duration within the key's bounds.
pub(super) fn duration(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<Duration> {
    let written = text(value, key, report)?;
    let (Kind::Duration { min, max } | Kind::PollInterval { min, max }) = key.kind else {
        return None;
    };
    match duration::parse(written) {
        Err(wrong) => {
            value.fault(report, wrong.message, wrong.hint);
            None
        }
        Ok(duration) if duration < min || max < duration => {
            let side = if duration < min { "too short" } else { "too long" };
            let message = format!("{} is {side}", quoted(written));
            value.fault(report, message, format!("{} is allowed", key.kind.bounds()));
            None
        }
        Ok(duration) => Some(duration),
    }
}

/// One word of a closed set.
pub(super) fn choice<T: Choice>(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<T> {
    let written = text(value, key, report)?;
    word(value, written, report)
}

/// The member of a closed set that a word names.
pub(super) fn word<T: Choice>(value: &Value<'_>, written: &str, report: &mut Report) -> Option<T> {
    let found = T::ALL.iter().copied().find(|member| member.word() == written);
    if found.is_none() {
        let words: Vec<_> = T::ALL.iter().map(|member| member.word()).collect();
        let hint = match suggest::nearest(written, &words) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("write {}", one_of(&words)),
        };
        value.fault(report, format!("{} is not known here", quoted(written)), hint);
    }
    found
}

/// A fingerprint in full.
pub(super) fn fingerprint(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<Fingerprint> {
    let written = text(value, key, report)?;
    let found = written.parse().ok();
    if found.is_none() {
        let message = format!("{} is not a fingerprint", quoted(written));
        value.fault(report, message, key.kind.example());
    }
    found
}

/// A text of some length within the key's bound.
pub(super) fn words(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<UntrustedText> {
    let written = text(value, key, report)?;
    let Kind::Text { max } = key.kind else { return None };
    let is_odd = |letter: char| letter.is_control();
    let message = match written.trim() {
        "" => "the text is empty".to_owned(),
        _ if max < written.len() => format!("the text has {} bytes", written.len()),
        _ if written.contains(is_odd) => "the text holds a control character".to_owned(),
        _ => return Some(written.into()),
    };
    value.fault(report, message, format!("write one line of at most {max} bytes"));
    None
}

/// A path; a relative one is relative to the directory of the configuration file.
pub(super) fn path(
    value: &Value<'_>,
    key: &'static Key,
    directory: &Path,
    report: &mut Report,
) -> Option<PathBuf> {
    let written = text(value, key, report)?;
    if written.is_empty() || written.contains('\0') || 4096 < written.len() {
        value.fault(report, format!("{} is not a path", quoted(written)), key.kind.example());
        return None;
    }
    Some(directory.join(written))
}

/// A trust domain name, without `spiffe://`.
pub(super) fn trust_domain(
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

/// A SPIFFE ID that may serve: with a path.
pub(super) fn spiffe_id(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<SpiffeId> {
    let written = text(value, key, report)?;
    let id: SpiffeId = match written.parse() {
        Ok(id) => id,
        Err(error) => {
            value.fault(report, format!("{}: {error}", quoted(written)), key.kind.example());
            return None;
        }
    };
    // X509-SVID, 5.2: a path is what makes a leaf's ID; a root's has none.
    if id.path().is_empty() {
        let hint = format!("write for example {id}/spire/server");
        value.fault(report, format!("{} has no path", quoted(id.as_str())), hint);
        return None;
    }
    Some(id)
}

/// A bundle endpoint's URL. It may hold a password, where it is wrong, so it is never quoted.
pub(super) fn endpoint_url(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<EndpointUrl> {
    let written = text(value, key, report)?;
    let error = match written.parse::<EndpointUrl>() {
        Ok(url) => return Some(url),
        Err(error) => error,
    };
    let hint = match &error {
        EndpointUrlError::UserInfo => "remove what stands before the @".to_owned(),
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

/// A date and time, in RFC 3339.
pub(super) fn moment(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<Timestamp> {
    let written = text(value, key, report)?;
    let moment = written.parse().ok().filter(|_| !written.starts_with('@'));
    if moment.is_none() {
        let message = format!("{} is not an RFC 3339 date and time", quoted(written));
        value.fault(report, message, key.kind.example());
    }
    moment
}
