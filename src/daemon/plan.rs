//! What a decision comes to: in words, and as entries of which journals. Nothing is done here.
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not named is left as it is")]

mod announced;

use std::collections::BTreeMap;

use announced::{announce, away};

use crate::web::BackendError;
use anchorwatch_core::bundle::{AuthorityId, Fingerprint, PublicKeyId};
use anchorwatch_core::decision::{Decision, DecisionAction};
use anchorwatch_core::finding::{Finding, FindingId, FindingKind};
use anchorwatch_core::judge;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::untrusted::cut;
use anchorwatch_core::view::{DomainView, View};
use anchorwatch_core::watch::{AuthorityRecord, Event, Lineage, Standing};

/// How much of a finding's evidence is shown, in characters.
const WORDS: usize = 200;
/// How many open findings a refusal lists.
const LISTED: usize = 20;
/// What a decision comes to.
#[derive(Debug)]
pub(super) struct Plan {
    /// In words, a line each.
    pub(super) effect: Vec<String>,
    /// What is journaled of which trust domain.
    pub(super) decisions: BTreeMap<TrustDomain, Decision>,
}

/// What this decision would do to what is known.
pub(super) fn plan(
    view: &View,
    trust_domain: Option<&TrustDomain>,
    decision: &Decision,
) -> Result<Plan, BackendError> {
    let mut plan = match &decision.action {
        DecisionAction::Approve { fingerprint } => {
            approve(view, trust_domain, *fingerprint, decision)
        }
        DecisionAction::Deny { fingerprint, public_key, everywhere, .. } => {
            let (fingerprint, public_key, everywhere) = (*fingerprint, *public_key, *everywhere);
            let key = Denied { fingerprint, public_key, everywhere };
            deny(view, trust_domain, key, decision)
        }
        DecisionAction::Ack { finding } => ack(view, *finding, decision),
        DecisionAction::Announce { announcement } => {
            announce(require_domain(view, trust_domain)?, announcement, decision)
        }
        DecisionAction::AnnounceOutage { outage } => {
            away(require_domain(view, trust_domain)?, outage, decision)
        }
        DecisionAction::Baseline => baseline(require_domain(view, trust_domain)?, decision),
        DecisionAction::RetireLineage { lineage } => {
            retire(require_domain(view, trust_domain)?, *lineage, decision)
        }
        DecisionAction::WithdrawApproval { .. }
        | DecisionAction::WithdrawAnnouncement { .. }
        | DecisionAction::WithdrawOutage { .. } => {
            Err(refused("this is part of the configuration: remove it there"))
        }
    }?;
    for (name, decision) in &plan.decisions {
        if let Some(domain) = view.domain(name) {
            plan.effect.extend(consequences(domain, decision, view));
        }
    }
    Ok(plan)
}

fn refused(why: impl Into<String>) -> BackendError {
    BackendError::Refused(why.into())
}

fn one(domain: &DomainView, decision: &Decision, effect: String) -> Plan {
    let name = domain.endpoint.trust_domain.clone();
    Plan { effect: vec![effect], decisions: BTreeMap::from([(name, decision.clone())]) }
}

/// The trust domain that the request names, or the only one that is watched.
fn require_domain<'a>(
    view: &'a View,
    trust_domain: Option<&TrustDomain>,
) -> Result<&'a DomainView, BackendError> {
    let name = trust_domain.ok_or_else(|| refused("a trust domain is wanted (--trust-domain)"))?;
    let domain = view.domain(name).map(AsRef::as_ref);
    domain.ok_or_else(|| BackendError::NotFound(format!("{name} is not watched")))
}

/// What the judgement makes of a decision: it is tried on a copy.
fn consequences(domain: &DomainView, decision: &Decision, view: &View) -> Vec<String> {
    let mut state = domain.state.clone();
    let name = &domain.endpoint.trust_domain;
    let event = Event::Decided { decision: decision.clone() };
    let events = judge::record(&mut state, view.at, event, &domain.policy);
    let told = events.iter().filter_map(|event| match event {
        Event::FindingEnded { finding, kind, .. } => {
            Some(format!("  ends {kind} {finding} of {name}"))
        }
        Event::FindingRaised { finding } => {
            Some(format!("  raises {} {} of {name}", finding.kind, finding.id))
        }
        _ => None,
    });
    told.collect()
}

/// An authority that a trust domain has shown.
struct Shown<'a> {
    domain: &'a DomainView,
    id: AuthorityId,
    public_key: Option<PublicKeyId>,
    standing: Option<&'a Standing>,
    published: bool,
}

impl Shown<'_> {
    fn is_explained(&self) -> bool {
        self.standing.is_some_and(Standing::is_explained)
    }

    fn words(&self) -> String {
        let standing = self.standing.map_or("not judged", Standing::label);
        let published = if self.published { "published" } else { "not in the bundle" };
        format!("{} of {}: {standing}, {published}", self.id, self.domain.endpoint.trust_domain)
    }
}

/// Who has shown this authority, and as what.
fn shown_by(view: &View, is: impl Fn(Fingerprint, Option<PublicKeyId>) -> bool) -> Vec<Shown<'_>> {
    let mut found = Vec::new();
    for domain in &view.domains {
        let facts = &domain.state.facts;
        for record in &facts.authorities.records {
            if is(record.id().fingerprint, record.authority.public_key) {
                found.push(Shown {
                    domain,
                    id: record.id(),
                    public_key: record.authority.public_key,
                    standing: record.standing.as_ref(),
                    published: record.removed.is_none(),
                });
            }
        }
        for unconfirmed_authority in &facts.authorities.unconfirmed {
            if is(
                unconfirmed_authority.authority.id.fingerprint,
                unconfirmed_authority.authority.public_key,
            ) {
                found.push(Shown {
                    domain,
                    id: unconfirmed_authority.authority.id,
                    public_key: unconfirmed_authority.authority.public_key,
                    standing: unconfirmed_authority.standing.as_ref(),
                    published: false,
                });
            }
        }
    }
    found
}

fn approve(
    view: &View,
    trust_domain: Option<&TrustDomain>,
    fingerprint: Fingerprint,
    decision: &Decision,
) -> Result<Plan, BackendError> {
    let mut effect = Vec::new();
    let mut decisions = BTreeMap::new();
    let wanted = |name: &TrustDomain| trust_domain.is_none_or(|wanted| wanted == name);
    for shown in shown_by(view, |other, _| other == fingerprint) {
        let name = &shown.domain.endpoint.trust_domain;
        if wanted(name) {
            effect.push(format!("explained from now on: {}", shown.words()));
            decisions.insert(name.clone(), decision.clone());
        }
    }
    // A later approval with a reason overrides a denial, wherever that was journaled
    // (docs/judgement.md#denials).
    for domain in &view.domains {
        let name = &domain.endpoint.trust_domain;
        let mut denials = domain.state.facts.decisions.denials.iter();
        if wanted(name)
            && let Some(denial) = denials.find(|denial| denial.fingerprint == fingerprint)
        {
            effect.push(format!("overrides a denial in {name}, {}", denial.words.shortened(WORDS)));
            decisions.insert(name.clone(), decision.clone());
        }
    }
    if decisions.is_empty() {
        let domain = require_domain(view, trust_domain).map_err(|why| match why {
            BackendError::Refused(_) => BackendError::NotFound(format!(
                "no watched trust domain has shown {fingerprint}: name one (--trust-domain) to approve it beforehand"
            )),
            other => other,
        })?;
        let name = domain.endpoint.trust_domain.clone();
        effect.push(format!("{name} has not shown {fingerprint}: it is explained once it does"));
        decisions.insert(name, decision.clone());
    }
    Ok(Plan { effect, decisions })
}

/// The key that a denial binds, and how far.
#[derive(Clone, Copy)]
struct Denied {
    fingerprint: Fingerprint,
    /// As it is on record, where no trust domain shows it now.
    public_key: Option<PublicKeyId>,
    /// Whether it binds trust domains too in which the key stands explained.
    everywhere: bool,
}

fn deny(
    view: &View,
    trust_domain: Option<&TrustDomain>,
    denied: Denied,
    decision: &Decision,
) -> Result<Plan, BackendError> {
    let Denied { fingerprint, public_key, everywhere } = denied;
    if let Some(name) = trust_domain {
        require_domain(view, Some(name))?;
    }
    let named = shown_by(view, |other, _| other == fingerprint);
    let public_key = named.iter().find_map(|one| one.public_key).or(public_key);
    let bound = shown_by(view, |other, key| {
        other == fingerprint || (public_key.is_some() && key == public_key)
    });
    // A partner could publish someone else's key: denying it must not page the other one.
    let about = trust_domain.or_else(|| guilty(&bound));
    let innocent: Vec<&Shown<'_>> = bound
        .iter()
        .filter(|one| one.published && one.is_explained())
        .filter(|one| Some(&one.domain.endpoint.trust_domain) != about)
        .collect();
    if !innocent.is_empty() && !everywhere {
        let list: Vec<String> = innocent.iter().map(|one| format!("\n  {}", one.words())).collect();
        return Err(refused(format!(
            "another trust domain has this key as explained, and a denial binds it everywhere: if that is intended, add --everywhere{}",
            list.concat()
        )));
    }
    let action = DecisionAction::Deny { fingerprint, public_key, everywhere, denied_at: None };
    let decision = Decision { action, ..decision.clone() };
    let watched = view.domains.iter().map(|domain| domain.endpoint.trust_domain.clone());
    let decisions: BTreeMap<_, _> = watched.map(|name| (name, decision.clone())).collect();
    let count = decisions.len();
    let mut effect = vec![match public_key {
        Some(key) => format!(
            "the public key {key} of {fingerprint} is denied permanently, in all {count} watched trust domains"
        ),
        None => format!(
            "{fingerprint} is denied permanently, in all {count} watched trust domains; its public key was never seen, so another certificate for it is not bound"
        ),
    }];
    effect.extend(bound.iter().map(|one| format!("  {}", one.words())));
    Ok(Plan { effect, decisions })
}

/// The trust domain that a denial is about, where nobody says: the only one that shows the key
/// unexplained, else the only one that shows it.
fn guilty<'a>(bound: &[Shown<'a>]) -> Option<&'a TrustDomain> {
    let names = |of: &dyn Fn(&Shown<'a>) -> bool| {
        let mut names: Vec<&TrustDomain> = bound
            .iter()
            .filter(|one| of(one))
            .map(|one| &one.domain.endpoint.trust_domain)
            .collect();
        names.dedup();
        names
    };
    for names in [names(&|one| !one.is_explained()), names(&|_| true)] {
        if let [only] = names.as_slice() {
            return Some(only);
        }
    }
    None
}

fn ack(view: &View, id: FindingId, decision: &Decision) -> Result<Plan, BackendError> {
    let mut open = Vec::new();
    for domain in &view.domains {
        let ledger = domain.state.facts.ledger.open.iter();
        for finding in domain.findings.iter().chain(ledger) {
            if finding.id == id {
                return acked(domain, finding, decision);
            }
            let name = &domain.endpoint.trust_domain;
            let line = format!("\n  {}", named(name, finding));
            if open.len() < LISTED && !open.contains(&line) {
                open.push(line);
            }
        }
    }
    let open = if open.is_empty() { "none is".to_owned() } else { open.concat() };
    Err(BackendError::NotFound(format!("no finding {id} is open; open: {open}")))
}

fn acked(
    domain: &DomainView,
    finding: &Finding,
    decision: &Decision,
) -> Result<Plan, BackendError> {
    if finding.kind == FindingKind::UnexpectedAuthority && !is_done_with(domain, finding) {
        return Err(refused(format!(
            "{} {} is decided on by the key: `approve` or `deny` it by its whole fingerprint; once a denied key is gone its finding can be acknowledged",
            finding.kind, finding.id
        )));
    }
    let name = &domain.endpoint.trust_domain;
    let evidence = finding.first_sentence();
    let effect = format!("looked at: {}: {}", named(name, finding), cut(&evidence, WORDS));
    let mut plan = one(domain, decision, effect);
    if finding.kind == FindingKind::Rollback {
        plan.effect.push("  moves the high-water mark to the sequence as it is now".to_owned());
    }
    Ok(plan)
}

/// Whether the key that a finding is about was denied and is gone: then it can be laid aside.
fn is_done_with(domain: &DomainView, finding: &Finding) -> bool {
    let facts = &domain.state.facts;
    let about = |id: AuthorityId| finding.is_about(id);
    let gone = !facts.published().any(|record| about(record.id()));
    let mut denials = facts.decisions.denials.iter();
    gone && denials.any(|denial| finding.names(denial.fingerprint))
}

fn named(name: &TrustDomain, finding: &Finding) -> String {
    let Finding { id, kind, severity, subject, .. } = finding;
    let about = if subject.is_empty() { "" } else { " " };
    format!("{id} {severity} {kind}{about}{} of {name}", subject.shortened(Finding::SUBJECT))
}

fn baseline(domain: &DomainView, decision: &Decision) -> Result<Plan, BackendError> {
    let (name, facts) = (&domain.endpoint.trust_domain, &domain.state.facts);
    if facts.endpoint.first_contact.is_none() {
        return Err(refused(format!("{name} was never read: there is no bundle to begin with")));
    }
    let effect = format!("the first bundle of {name} is its baseline; of it stand:");
    let mut plan = one(domain, decision, effect);
    let list = |of: &dyn Fn(&AuthorityRecord) -> bool| -> Vec<String> {
        facts.published().filter(|one| of(one)).map(|one| format!("  {}", one.id())).collect()
    };
    plan.effect.extend(list(&|one| one.standing == Some(Standing::Baseline)));
    let unexplained = list(&|one| !one.is_explained());
    if !unexplained.is_empty() {
        plan.effect.push("not of it, and unexplained as before:".to_owned());
        plan.effect.extend(unexplained);
    }
    Ok(plan)
}

fn retire(domain: &DomainView, number: u32, decision: &Decision) -> Result<Plan, BackendError> {
    let (name, rotation) = (&domain.endpoint.trust_domain, &domain.state.facts.rotation);
    let words = |line: &Lineage| {
        let newest = line.newest.map_or_else(|| "none seen yet".to_owned(), |id| id.to_string());
        let late = if line.is_overdue() { ", overdue" } else { "" };
        format!("{} ({}), newest {newest}{late}", line.number, line.svid_type.label())
    };
    let line = rotation.lineage(number).filter(|line| line.is_established());
    let Some(line) = line else {
        let lines: Vec<String> = rotation
            .lineages
            .iter()
            .filter(|line| line.is_established())
            .take(LISTED)
            .map(|line| format!("\n  {}", words(line)))
            .collect();
        let lines = if lines.is_empty() { "none".to_owned() } else { lines.concat() };
        return Err(BackendError::NotFound(format!(
            "{name} has no lineage {number}; it has: {lines}"
        )));
    };
    let effect = format!("lineage {} of {name} has ended: its date is not waited for", words(line));
    Ok(one(domain, decision, effect))
}
