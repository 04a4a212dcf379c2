//! How a trust domain's server rotates its keys.

use std::time::Duration;

use super::fault::{Report, quoted};
use super::reader::{Fields, Value};
use super::scalar;
use super::schema::{
    CA_TTL, INTERVAL, ISSUER_DECLARED, ISSUER_DECLARED_SECTION, ISSUER_MODELS, ISSUER_SPIRE,
    ISSUER_SPIRE_SECTION, Key, LEAD, MODE,
};
use super::yaml::NodeKind;
use anchorwatch_core::watch::IssuerModel;

/// A word, or a mapping with one key.
pub(super) fn issuer(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<IssuerModel> {
    match value.as_text() {
        Some("spire") => return Some(IssuerModel::default()),
        Some("learned") => return Some(IssuerModel::Learned),
        Some("declared") => {
            let message = "a declared issuer needs its interval";
            value.fault(report, message, "write {declared: {interval: 30d}}");
            return None;
        }
        Some(other) => {
            let message = format!("{} is no issuer model", quoted(other));
            value.fault(report, message, key.kind.example());
            return None;
        }
        None => (),
    }
    if !matches!(value.node.kind, NodeKind::Mapping(_)) {
        value.misplaced(key.kind.noun(), &key.kind.example(), report);
        return None;
    }
    let fields = Fields::open(value, &ISSUER_MODELS, report)?;
    match (fields.get(&ISSUER_SPIRE_SECTION), fields.get(&ISSUER_DECLARED_SECTION)) {
        (Some(spire), None) => self::spire(spire, report),
        (None, Some(declared)) => self::declared(declared, report),
        (Some(_), Some(_)) => {
            value.fault(report, "two issuer models stand here", "keep one of them");
            None
        }
        (None, None) => {
            value.fault(report, "no issuer model stands here", key.kind.example());
            None
        }
    }
}

fn spire(value: &Value<'_>, report: &mut Report) -> Option<IssuerModel> {
    if matches!(value.node.kind, NodeKind::Null) {
        return Some(IssuerModel::default());
    }
    let fields = Fields::open(value, &ISSUER_SPIRE, report)?;
    let ca_ttl = fields.read(&CA_TTL, report, scalar::duration);
    let mode = fields.read(&MODE, report, scalar::choice);
    let lead = fields.read(&LEAD, report, scalar::duration);
    within(&fields, lead, ca_ttl, "ca_ttl", report);
    Some(IssuerModel::Spire { ca_ttl, mode, lead })
}

fn declared(value: &Value<'_>, report: &mut Report) -> Option<IssuerModel> {
    let fields = Fields::open(value, &ISSUER_DECLARED, report)?;
    let interval = fields.read(&INTERVAL, report, scalar::duration);
    let lead = fields.read(&LEAD, report, scalar::duration);
    within(&fields, lead, interval, "interval", report);
    Some(IssuerModel::Declared { interval: interval?, lead })
}

/// A key that signs only after the next one is due was never the newest.
fn within(
    fields: &Fields<'_>,
    lead: Option<Duration>,
    period: Option<Duration>,
    name: &str,
    report: &mut Report,
) {
    if let (Some(lead), Some(period)) = (lead, period)
        && period <= lead
        && let Some(value) = fields.get(&LEAD)
    {
        let message = format!("the lead is not shorter than the {name}");
        value.fault(report, message, format!("write less than the {name}, or remove the key"));
    }
}
