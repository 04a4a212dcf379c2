//! `anchorwatch announce`, `approve`, `deny`, `ack`, `baseline`, `retire-lineage`: decisions.

mod arguments;

use arguments::NamedAuthority;
pub(super) use arguments::*;

use super::output::{complain, print};
use super::source::{self, StateSource};
use super::{Exit, Global, runtime};
use crate::web::AdminClient;
use crate::web::api::{Decided, OpenFinding};
use anchorwatch_core::bundle::Fingerprint;
use anchorwatch_core::decision::{Announcement, DecisionAction, Outage};
use anchorwatch_core::finding::{FindingKind, IncidentId};
use anchorwatch_core::spiffe::TrustDomain;

pub(super) fn announce(global: &Global, arguments: &Announce) -> Exit {
    let Announce { svid_type, count, not_before, not_after, max_lifetime, .. } = *arguments;
    if not_after <= not_before {
        complain("the window ends before it begins: swap --not-before and --not-after?");
        return Exit::Usage;
    }
    let action = match svid_type {
        Some(svid_type) => {
            let key_type = arguments.key_type.clone();
            let announcement =
                Announcement { svid_type, count, not_before, not_after, key_type, max_lifetime };
            DecisionAction::Announce { announcement }
        }
        None => DecisionAction::AnnounceOutage { outage: Outage { not_before, not_after } },
    };
    one(global, Some(&arguments.trust_domain), action, &arguments.words)
}

pub(super) fn approve(global: &Global, arguments: &Approve) -> Exit {
    let action = |fingerprint| DecisionAction::Approve { fingerprint };
    authorities(
        global,
        arguments.trust_domain.as_ref(),
        &arguments.target,
        action,
        &arguments.words,
    )
}

pub(super) fn deny(global: &Global, arguments: &Deny) -> Exit {
    let everywhere = arguments.everywhere;
    let action = |fingerprint| DecisionAction::Deny {
        fingerprint,
        public_key: None,
        everywhere,
        denied_at: None,
    };
    authorities(
        global,
        arguments.trust_domain.as_ref(),
        &arguments.target,
        action,
        &arguments.words,
    )
}

pub(super) fn ack(global: &Global, arguments: &Ack) -> Exit {
    let Findings { finding, incident } = &arguments.target;
    with_daemon(global, async |client: &AdminClient| {
        let deeds = match (finding, incident) {
            (Some(finding), _) => vec![DecisionAction::Ack { finding: *finding }],
            (None, incident) => {
                let open = of_incident(client, *incident).await?;
                let unexpected = FindingKind::UnexpectedAuthority.label();
                for one in open.iter().filter(|one| one.kind == unexpected) {
                    let key = one.fingerprint.map_or_else(String::new, |key| format!(" {key}"));
                    print(&format!("left open: {} {unexpected}{key}: approve or deny it", one.id));
                }
                let rest = open.iter().filter(|one| one.kind != unexpected);
                rest.map(|one| DecisionAction::Ack { finding: one.id }).collect()
            }
        };
        carry_out(client, None, deeds, &arguments.words).await
    })
}

pub(super) fn baseline(global: &Global, arguments: &Baseline) -> Exit {
    one(global, Some(&arguments.trust_domain), DecisionAction::Baseline, &arguments.words)
}

pub(super) fn retire_lineage(global: &Global, arguments: &RetireLineage) -> Exit {
    let action = DecisionAction::RetireLineage { lineage: arguments.lineage };
    one(global, Some(&arguments.trust_domain), action, &arguments.words)
}

fn one(
    global: &Global,
    trust_domain: Option<&TrustDomain>,
    action: DecisionAction,
    words: &Words,
) -> Exit {
    with_daemon(global, async |client: &AdminClient| {
        carry_out(client, trust_domain, vec![action], words).await
    })
}

fn authorities(
    global: &Global,
    trust_domain: Option<&TrustDomain>,
    target: &Target,
    action: impl Fn(Fingerprint) -> DecisionAction,
    words: &Words,
) -> Exit {
    with_daemon(global, async |client: &AdminClient| {
        let fingerprints = match &target.fingerprint {
            Some(NamedAuthority::Whole(fingerprint)) => vec![*fingerprint],
            Some(NamedAuthority::Beginning(digits)) => return Err(not_whole(client, digits).await),
            None => {
                let open = of_incident(client, target.incident).await?;
                let about = open.iter().filter(|one| is_decided_by_key(&one.kind));
                let mut about: Vec<_> = about.filter_map(|one| one.fingerprint).collect();
                about.sort_unstable();
                about.dedup();
                about
            }
        };
        if fingerprints.is_empty() {
            complain("the incident names no authority that could be decided on");
            return Err(Exit::Warning);
        }
        let deeds = fingerprints.into_iter().map(&action).collect();
        carry_out(client, trust_domain, deeds, words).await
    })
}

/// Whether a finding of this kind is about a key that can be approved or denied.
fn is_decided_by_key(kind: &str) -> bool {
    let kinds = [
        FindingKind::UnexpectedAuthority,
        FindingKind::KeyRebound,
        FindingKind::AuthorityResurrected,
        FindingKind::ForeignAuthority,
        FindingKind::AuthorityShared,
    ];
    kinds.iter().any(|one| one.label() == kind)
}

/// Says that the beginning of a fingerprint decides nothing, and which one may be meant.
async fn not_whole(client: &AdminClient, digits: &str) -> Exit {
    let all = super::authorities::asked(client, None).await;
    let mut meant: Vec<String> =
        all.unwrap_or_default().iter().map(|one| one.fingerprint.to_string()).collect();
    meant.retain(|one| one.strip_prefix("sha256:").is_some_and(|whole| whole.starts_with(digits)));
    meant.sort_unstable();
    meant.dedup();
    let hint = match meant.as_slice() {
        [only] => format!("; on record is {only}: compare all of it with the partner's first"),
        _ => String::new(),
    };
    complain(&format!(
        "{digits} is the beginning of a fingerprint: a decision takes all of it{hint}"
    ));
    Exit::Usage
}

/// The open findings of an incident.
async fn of_incident(
    client: &AdminClient,
    incident: Option<IncidentId>,
) -> Result<Vec<OpenFinding>, Exit> {
    let open: Vec<OpenFinding> =
        client.get("/api/v1/findings").await.map_err(|why| source::unanswered(&why))?;
    let of: Vec<_> = open.into_iter().filter(|one| Some(one.incident) == incident).collect();
    if of.is_empty() {
        complain("no open finding belongs to this incident: `anchorwatch findings` lists them");
        return Err(Exit::Warning);
    }
    Ok(of)
}

fn with_daemon(
    global: &Global,
    decide: impl AsyncFnOnce(&AdminClient) -> Result<(), Exit>,
) -> Exit {
    let config = match source::load(global) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    runtime(async {
        match source::find(&config).await {
            StateSource::Daemon(client) => decide(&client).await.err().unwrap_or(Exit::Ok),
            StateSource::Store(_) => {
                let socket = config.admin_socket.display();
                complain(&format!("no daemon answers on {socket}: a decision needs one"));
                Exit::CannotLook
            }
        }
    })
}

/// Prints what the decisions would do, asks where someone can answer, and does all of it or nothing.
async fn carry_out(
    client: &AdminClient,
    trust_domain: Option<&TrustDomain>,
    deeds: Vec<DecisionAction>,
    words: &Words,
) -> Result<(), Exit> {
    let ask = async |preview: bool| {
        let body = serde_json::json!({
            "trust_domain": trust_domain,
            "preview": preview,
            "by": words.by,
            "reason": words.reason,
            "decisions": deeds,
        });
        let decided = client.post::<Decided>("/admin/v1/decisions", &body).await;
        decided.map_err(|why| source::unanswered(&why))
    };
    print(&ask(true).await?.effect);
    if !words.confirmed() {
        return Err(Exit::Warning);
    }
    match ask(false).await?.at_risk {
        None => print("decided, and journaled"),
        Some(why) => complain(&why),
    }
    Ok(())
}
