//! The commands that look into a finding, and those that decide it.

use anchorwatch_core::bundle::Fingerprint;
use anchorwatch_core::finding::{Finding, FindingKind, Nature};
use anchorwatch_core::view::DomainView;

/// A command as it is typed, and when it is the right one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct RemedyCommand {
    pub(super) when: &'static str,
    pub(super) line: String,
}

/// What every decision carries.
const WORDS: &str = "--by YOUR-NAME --reason 'WHY'";

impl RemedyCommand {
    fn new(when: &'static str, line: String) -> Self {
        Self { when, line }
    }
}

/// What can be looked at, the most telling first.
pub(super) fn looks(
    finding: &Finding,
    domain: &DomainView,
    about: Option<Fingerprint>,
) -> Vec<RemedyCommand> {
    let name = &domain.endpoint.trust_domain;
    let mut commands = Vec::new();
    if let Some(fingerprint) = about {
        let line = format!("anchorwatch show {fingerprint}");
        commands.push(RemedyCommand::new("everything on record of the authority", line));
    }
    if let FindingKind::ConsumerRejects
    | FindingKind::IrregularDocument
    | FindingKind::RefreshHint = finding.kind
    {
        let line = format!("anchorwatch lint {}", quoted(domain.endpoint.url.as_str()));
        commands.push(RemedyCommand::new("the place in the document, and the clause", line));
    }
    let line = format!("anchorwatch events --trust-domain {name}");
    commands.push(RemedyCommand::new("what happened before and after", line));
    commands
}

/// What decides it; empty where it ends by itself.
pub(super) fn decisions(
    finding: &Finding,
    domain: &DomainView,
    about: Option<Fingerprint>,
) -> Vec<RemedyCommand> {
    let name = &domain.endpoint.trust_domain;
    let mut commands = Vec::new();
    if let (true, Some(fingerprint)) = (is_about_a_key(finding.kind), about) {
        let line = format!("anchorwatch approve {fingerprint} --trust-domain {name} {WORDS}");
        commands.push(RemedyCommand::new("the partner confirms this whole fingerprint", line));
        let line = format!("anchorwatch deny {fingerprint} --trust-domain {name} {WORDS}");
        commands.push(RemedyCommand::new("the partner does not know it", line));
    }
    if finding.kind == FindingKind::RotationOverdue {
        for line in overdue(finding, domain) {
            let line = format!("anchorwatch retire-lineage {name} {line} {WORDS}");
            commands.push(RemedyCommand::new("the server was taken away on purpose", line));
        }
    }
    if finding.kind == FindingKind::BaselineMissing {
        let line = format!("anchorwatch baseline {name} {WORDS}");
        commands.push(RemedyCommand::new("the fingerprints are those of the partner", line));
    }
    if let FindingKind::LockoutImminent
    | FindingKind::LockedOut
    | FindingKind::EndpointUnauthenticated
    | FindingKind::BootstrapUnusable = finding.kind
    {
        let line = format!("anchorwatch rebootstrap {name} FILE {WORDS}");
        commands.push(RemedyCommand::new("you got the partner's bundle out of band", line));
    }
    let waits =
        finding.kind.nature() == Nature::Event && finding.kind != FindingKind::UnexpectedAuthority;
    if waits || finding.kind == FindingKind::SvidTypeVanished {
        let line = format!("anchorwatch ack {} {WORDS}", finding.id);
        commands.push(RemedyCommand::new("it was looked at, and is understood", line));
    }
    commands
}

/// Whether a decision about a key ends a finding of this kind.
fn is_about_a_key(kind: FindingKind) -> bool {
    matches!(
        kind,
        FindingKind::UnexpectedAuthority
            | FindingKind::KeyRebound
            | FindingKind::AuthorityResurrected
            | FindingKind::ForeignAuthority
            | FindingKind::AuthorityShared
    )
}

/// The lineages that this finding may be about.
fn overdue(finding: &Finding, domain: &DomainView) -> Vec<u32> {
    let lines = domain.state.facts.rotation.lineages.iter().filter(|line| line.is_overdue());
    let of_use = lines.filter(|line| finding.svid_type.is_none_or(|of| of == line.svid_type));
    let numbers: Vec<u32> = of_use.map(|line| line.number).collect();
    let named = |number: &&u32| finding.subject == *format!("lineage {number}");
    numbers.iter().find(named).map_or_else(|| numbers.clone(), |number| vec![*number])
}

/// A word for a shell, whatever stands in it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_foreign_word_is_one_word_to_a_shell() {
        assert_eq!(quoted("https://a/$(id)"), "'https://a/$(id)'");
        assert_eq!(quoted("a'; id #"), "'a'\\''; id #'");
    }
}
