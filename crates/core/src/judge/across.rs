//! One key in several trust domains or under two uses, and one trust domain's keys in another.

use super::Case;
use super::draft::Draft;
use super::key_index::{KeySetTwin, SharedKey, TwoUses};
use crate::finding::{Finding, FindingKind, Severity, SubjectId};
use crate::untrusted::shown;

/// `authority_shared`, `foreign_authority`
pub(super) fn events(case: &Case<'_>, drafts: &mut Vec<Draft>) {
    let keys = case.shared.keys.iter().map(shared);
    let uses = case.shared.two_uses.iter().map(|one| two_uses(case, one));
    // While it is open it is one thing to decide on, whoever else comes to publish the key.
    drafts.extend(keys.chain(uses).filter(|draft| !draft.is_open(case)));
    // It stays one thing to decide on while the other's keys rotate.
    if !case.is_open(FindingKind::ForeignAuthority) {
        drafts.extend(case.shared.twin.as_ref().map(twin));
    }
    let facts = case.facts();
    let published = facts.published().map(|record| (&record.authority, record.published));
    let glimpsed = facts.authorities.glimpsed.iter().map(|unconfirmed_authority| {
        (&unconfirmed_authority.authority, unconfirmed_authority.seen)
    });
    for (authority, seen) in published.chain(glimpsed) {
        let own = &case.endpoint.trust_domain;
        let Some(name) = crate::watch::foreign_uri(authority, own) else { continue };
        drafts.push(
            Draft::new(FindingKind::ForeignAuthority, Severity::Critical, seen.until)
                .about(authority.id)
                .because(format!(
                    "its certificate names another trust domain: {}",
                    shown(name, 128)
                ))
                .because(authority.id.to_string()),
        );
    }
}

/// A shared key is said to be as urgent as it is now, and published by whom it is now: what the
/// journal has of it is as of when it was raised.
pub(super) fn refresh(case: &Case<'_>, findings: &mut [Finding]) {
    for key in &case.shared.keys {
        let is_it = |finding: &&mut Finding| {
            finding.kind == FindingKind::AuthorityShared
                && finding.svid_type.is_none()
                && finding.public_key() == Some(key.key)
        };
        let Some(finding) = findings.iter_mut().find(is_it) else { continue };
        finding.severity = severity(key);
        let known = std::mem::take(&mut finding.evidence);
        let mut fresh = evidence(key);
        if known.first() == fresh.first() {
            finding.evidence = fresh;
        } else {
            // When it was raised, then now.
            finding.evidence.extend(known.into_iter().take(1));
            if let Some(first) = fresh.first_mut() {
                first.insert_str(0, "Now: ");
            }
            finding.evidence.extend(fresh);
        }
    }
}

fn shared(key: &SharedKey) -> Draft {
    Draft::new(FindingKind::AuthorityShared, severity(key), key.since)
        .names(SubjectId::PublicKey(key.key))
        .because_all(evidence(key))
}

/// A declared sharing is worth knowing and no more, as long as nobody else takes part in it.
fn severity(key: &SharedKey) -> Severity {
    if key.declared.is_some() && key.undeclared.count == 0 {
        Severity::Info
    } else {
        Severity::Warning
    }
}

fn evidence(key: &SharedKey) -> Vec<String> {
    let mut sentences = vec![
        format!(
            "Public key {} is published by {} trust domains: {}.",
            key.key.short(),
            key.publishers.count,
            key.publishers
        ),
        "Whoever holds its private key can mint identities of each of them.".to_owned(),
    ];
    sentences.push(match &key.declared {
        None => "Possible causes: a corporate root that these trust domains share (declare it in \
                 `shared_authorities`), or a key that was copied from one to another."
            .to_owned(),
        Some(declared) => {
            format!("The sharing is declared in the configuration {}.", declared.words())
        }
    });
    match key.undeclared.count {
        0 => (),
        1 => sentences.push(format!("Not covered by that declaration: {}.", key.undeclared)),
        count => sentences.push(format!(
            "{count} trust domains are not covered by that declaration: {}.",
            key.undeclared
        )),
    }
    sentences
}

/// One key under two uses: what a relying party of the one accepts, the other's signer can make.
fn two_uses(case: &Case<'_>, key: &TwoUses) -> Draft {
    let TwoUses { key, first, second, since } = key;
    let name = &case.endpoint.trust_domain;
    let (first, second_label) = (first.label(), second.label());
    Draft::new(FindingKind::AuthorityShared, Severity::Warning, *since)
        .of(*second)
        .names(SubjectId::PublicKey(*key))
        .because(format!(
            "{name} publishes public key {} under two uses: {first} and {second_label}.",
            key.short()
        ))
        .because("Whoever can have the one signed can forge the other.")
}

/// Most of what is served here is another trust domain's: a swapped URL, or an impersonation.
fn twin(twin: &KeySetTwin) -> Draft {
    let KeySetTwin { trust_domain, common, total, since, from_the_first } = twin;
    let draft = Draft::new(FindingKind::ForeignAuthority, Severity::Critical, *since)
        .because(format!(
            "{common} of the {total} keys served here are also published by {trust_domain}, which published them before: its key set is served under this name."
        ))
        .because(
            "Possible causes: two URLs that were swapped in a configuration, a load balancer's mistake, or an endpoint in between.",
        );
    if !from_the_first {
        return draft;
    }
    draft.because(format!(
        "The first bundle that was seen here had them already, so it may be the URL of {trust_domain} that is wrong."
    ))
}
