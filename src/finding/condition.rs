//! The findings that are true now and end by themselves.

use std::time::Duration;

use humantime::format_duration;

use super::{Finding, FindingKind, Severity};
use crate::bundle::{Irregularity, IrregularityKind};
use crate::spiffe::BundleEndpoint;
use crate::time::Timestamp;
use crate::watch::{AuthorityRecord, DomainState, Policy};

/// A missed poll or two must not break anything (Federation, 6.2), so three missed are news.
const STALE_INTERVALS: u32 = 3;
/// One handshake may meet a replica that was started a moment ago; two polls running do not.
const UNAUTHENTICATED_POLLS: u32 = 2;

/// A trust domain as it is judged.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Where its bundle is served.
    pub endpoint: &'a BundleEndpoint,
    /// What is known.
    pub state: &'a DomainState,
    /// What it is judged by.
    pub policy: &'a Policy,
    /// Why the bootstrap file cannot be used, where it is needed and cannot.
    pub bootstrap_fault: Option<&'a str>,
}

/// What is to be said of a trust domain at `at`, most urgent first.
pub fn assess(case: &Case<'_>, at: Timestamp) -> Vec<Finding> {
    let judgements = [
        bootstrap_unusable(case, at),
        bundle_empty(case),
        churn(case, at),
        endpoint_unauthenticated(case, at),
        irregular_document(case),
        private_key_published(case),
        source_stale(case, at),
    ];
    let mut findings: Vec<_> = judgements.into_iter().flatten().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

fn bootstrap_unusable(case: &Case<'_>, at: Timestamp) -> Option<Finding> {
    let fault = case.bootstrap_fault?;
    Some(Finding {
        kind: FindingKind::BootstrapUnusable,
        severity: Severity::Critical,
        since: case.state.facts.failure.as_ref().map_or(at, |run| run.since),
        evidence: vec![
            format!("nothing is stored that could authenticate {}", case.endpoint.url),
            fault.to_owned(),
        ],
    })
}

/// Bundle, 4.1.3: an empty bundle, and one with nothing usable, revokes everything.
fn bundle_empty(case: &Case<'_>) -> Option<Finding> {
    let facts = &case.state.facts;
    let confirmed = facts.confirmed.as_ref()?;
    let usable = |record: &AuthorityRecord| record.authority.key_type.is_known();
    if facts.published().any(usable) {
        return None;
    }
    let listed = facts.published().count();
    Some(Finding {
        kind: FindingKind::BundleEmpty,
        severity: Severity::Critical,
        since: confirmed.since.until,
        evidence: vec![match listed {
            0 => "the bundle lists no authority: every SVID of the trust domain is invalid".into(),
            _ => format!(
                "none of the {listed} listed authorities is of a known key type: to a consumer that does not know them the bundle is empty"
            ),
        }],
    })
}

fn churn(case: &Case<'_>, at: Timestamp) -> Option<Finding> {
    let day = case.state.facts.spent.on(at);
    day.exceeded.then(|| Finding {
        kind: FindingKind::Churn,
        severity: Severity::Critical,
        since: at,
        evidence: vec![format!(
            "{} events and {} bytes were recorded today, and {} changes counted and not recorded",
            day.spent.events, day.spent.bytes, case.state.sight.unrecorded
        )],
    })
}

fn endpoint_unauthenticated(case: &Case<'_>, at: Timestamp) -> Option<Finding> {
    let run = case.state.facts.failure.as_ref()?;
    if !run.reason.is_authentication() || case.state.sight.failures < UNAUTHENTICATED_POLLS {
        return None;
    }
    // While an authority that we hold is valid, the endpoint could have proved who it is. Once
    // none is, nobody could authenticate it with what we hold.
    let last = case.state.facts.published().filter_map(not_after).max();
    let severity =
        if last.is_some_and(|last| last < at) { Severity::Warning } else { Severity::Critical };
    let polls = case.state.sight.failures;
    let mut evidence =
        vec![format!("{polls} polls running failed: {}: {}", run.reason, run.detail)];
    evidence
        .extend(last.map(|last| format!("the last X.509 authority held is valid until {last}")));
    Some(Finding {
        kind: FindingKind::EndpointUnauthenticated,
        severity,
        since: run.since,
        evidence,
    })
}

fn not_after(record: &AuthorityRecord) -> Option<Timestamp> {
    record.authority.certificate.as_ref().map(|certificate| certificate.validity.not_after)
}

fn irregular_document(case: &Case<'_>) -> Option<Finding> {
    let facts = &case.state.facts;
    if facts.irregularities.is_empty() {
        return None;
    }
    Some(Finding {
        kind: FindingKind::IrregularDocument,
        severity: Severity::Info,
        since: facts.confirmed.as_ref().map(|confirmed| confirmed.since.until)?,
        evidence: facts.irregularities.iter().map(ToString::to_string).collect(),
    })
}

/// Whoever reads the bundle can sign with a private key in it.
fn private_key_published(case: &Case<'_>) -> Option<Finding> {
    let facts = &case.state.facts;
    let secret = |one: &&Irregularity| {
        matches!(one.kind, IrregularityKind::PrivateMembers { .. } | IrregularityKind::SymmetricKey)
    };
    let evidence: Vec<_> =
        facts.irregularities.iter().filter(secret).map(ToString::to_string).collect();
    if evidence.is_empty() {
        return None;
    }
    Some(Finding {
        kind: FindingKind::PrivateKeyPublished,
        severity: Severity::Critical,
        since: facts.confirmed.as_ref().map(|confirmed| confirmed.since.until)?,
        evidence,
    })
}

fn source_stale(case: &Case<'_>, at: Timestamp) -> Option<Finding> {
    let sight = &case.state.sight;
    let run = case.state.facts.failure.as_ref()?;
    let since = sight.last_success.unwrap_or(run.since);
    let silent = at.since(since)?;
    if silent <= sight.interval * STALE_INTERVALS {
        return None;
    }
    let whole = Duration::from_secs(silent.as_secs());
    Some(Finding {
        kind: FindingKind::SourceStale,
        severity: Severity::Warning,
        since,
        evidence: vec![
            format!("no good poll for {}, at an interval of {}", format_duration(whole), {
                format_duration(sight.interval)
            }),
            format!("{} polls running failed: {}: {}", sight.failures, run.reason, run.detail),
        ],
    })
}
