//! What no key alone can have wrong: two keys that contradict each other, and elements of a list
//! that are the same. What a key has wrong alone is reported already, and is passed over here.

use std::time::Duration;

use url::Url;

use super::{
    ALERTMANAGER_CA_FILE, ALERTMANAGER_URL, CERT_FILE, FINGERPRINT, KEY_FILE, LEAD, NOT_AFTER,
    NOT_BEFORE, PASSWORD_FILE, USERNAME,
};
use super::{DeclaredIssuer, SpireIssuer};
use crate::config::alertmanager::Alertmanager;
use crate::config::duration;
use crate::config::fault::Report;
use crate::config::intent::{AnnouncementEntry, ApprovalEntry, OutageEntry};
use crate::config::reader::{Fields, Value};
use crate::config::schema::Key;
use crate::config::setting::Coherence;
use anchorwatch_core::bundle::Fingerprint;
use anchorwatch_core::decision::{self, SharedAuthority};
use anchorwatch_core::time::Timestamp;

/// The text under a key, and where it is.
fn text<'f, 't>(fields: &'f Fields<'t>, key: &Key) -> Option<(&'t str, &'f Value<'t>)> {
    let value = fields.get(key)?;
    Some((value.as_text()?, value))
}

fn fingerprint<'f, 't>(fields: &'f Fields<'t>) -> Option<(String, &'f Value<'t>)> {
    let (text, value) = text(fields, &FINGERPRINT)?;
    Some((text.parse::<Fingerprint>().ok()?.to_string(), value))
}

impl Coherence for ApprovalEntry {
    const TWICE: (&'static str, &'static str) =
        ("this fingerprint is approved twice", "remove one");

    fn identity<'f, 't>(fields: &'f Fields<'t>) -> Option<(String, &'f Value<'t>)> {
        fingerprint(fields)
    }
}

impl Coherence for SharedAuthority {
    const TWICE: (&'static str, &'static str) = ("this fingerprint is declared twice", "join them");

    fn identity<'f, 't>(fields: &'f Fields<'t>) -> Option<(String, &'f Value<'t>)> {
        fingerprint(fields)
    }
}

impl Coherence for AnnouncementEntry {
    fn check(fields: &Fields<'_>, report: &mut Report) {
        window(fields, decision::Announcement::LONGEST, report);
    }
}

impl Coherence for OutageEntry {
    fn check(fields: &Fields<'_>, report: &mut Report) {
        window(fields, decision::Outage::LONGEST, report);
    }
}

fn window(fields: &Fields<'_>, longest: Duration, report: &mut Report) {
    let moment = |key| {
        let (text, value) = text(fields, key)?;
        let moment: Timestamp = text.parse().ok().filter(|_| !text.starts_with('@'))?;
        Some((moment, value))
    };
    let (Some((from, _)), Some((until, value))) = (moment(&NOT_BEFORE), moment(&NOT_AFTER)) else {
        return;
    };
    let days = longest.as_secs() / 86_400;
    match until.since(from) {
        None | Some(Duration::ZERO) => {
            let hint = "the window ends after it begins: swap not_before and not_after?";
            value.fault(report, "not_after is not later than not_before", hint);
        }
        Some(window) if longest < window => {
            let hint = format!("an announcement is for a date that is known: at most {days} days");
            value.fault(report, format!("the window is longer than {days} days"), hint);
        }
        Some(_) => (),
    }
}

impl Coherence for SpireIssuer {
    fn check(fields: &Fields<'_>, report: &mut Report) {
        lead(fields, "ca_ttl", report);
    }
}

impl Coherence for DeclaredIssuer {
    fn check(fields: &Fields<'_>, report: &mut Report) {
        lead(fields, "interval", report);
    }
}

/// A key that signs only after the next one is due was never the newest.
fn lead(fields: &Fields<'_>, period: &str, report: &mut Report) {
    let written = |value: &Value<'_>| duration::parse(value.as_text()?).ok();
    let Some(value) = fields.get(&LEAD) else { return };
    if let (Some(lead), Some(longest)) = (written(value), fields.named(period).and_then(written))
        && longest <= lead
    {
        let message = format!("the lead is not shorter than the {period}");
        value.fault(report, message, format!("write less than the {period}, or remove the key"));
    }
}

impl Coherence for Alertmanager {
    const TWICE: (&'static str, &'static str) = ("this Alertmanager is listed twice", "remove one");

    fn check(fields: &Fields<'_>, report: &mut Report) {
        together(fields, &USERNAME, &PASSWORD_FILE, report);
        together(fields, &CERT_FILE, &KEY_FILE, report);
        if url(fields).is_none_or(|(url, _)| url.scheme() != "http") {
            return;
        }
        for value in
            [&ALERTMANAGER_CA_FILE, &CERT_FILE].into_iter().filter_map(|key| fields.get(key))
        {
            value.fault(report, "the URL is http", "write https in the url, or remove the key");
        }
    }

    fn identity<'f, 't>(fields: &'f Fields<'t>) -> Option<(String, &'f Value<'t>)> {
        let (url, value) = url(fields)?;
        Some((url.into(), value))
    }
}

fn url<'f, 't>(fields: &'f Fields<'t>) -> Option<(Url, &'f Value<'t>)> {
    let (text, value) = text(fields, &ALERTMANAGER_URL)?;
    Some((Url::parse(text).ok()?, value))
}

/// Neither of two keys has a meaning without the other.
fn together(fields: &Fields<'_>, one: &'static Key, other: &'static Key, report: &mut Report) {
    for (given, missing) in [(one, other), (other, one)] {
        if let (Some(value), None) = (fields.get(given), fields.get(missing)) {
            let message = format!("{} is missing beside it", missing.name);
            value.fault(report, message, format!("write {} too", missing.name));
        }
    }
}
