//! The alert of a kind of finding.

use super::{Alert, GRAFANA, JOB};
use crate::finding::{FindingKind, FindingScope, Severity};

/// What tells an alert from another of its name. Not the severity: a finding that grows urgent is
/// the same one. Not the instance: a daemon that moved is the same one.
const IDENTITY: &str = "job, trust_domain, kind, use, subject";
/// How long the last word of a daemon that went away is held. The daemon shows an ended finding
/// for longer than this ([`Ended::SHOWN_FOR`](crate::view::Ended::SHOWN_FOR)), so that what ended
/// is not held.
const HELD: &str = "24h";

/// What an alert is about, in words: the values themselves, or their places in a template.
#[derive(Clone, Copy, Debug)]
pub enum About<'a> {
    /// The labels of a rule's alert, which Prometheus fills in.
    Labels,
    /// The values of one finding; use and subject are empty where there is none.
    Values {
        /// The trust domain; empty where it is a matter of several.
        trust_domain: &'a str,
        /// The use, as in metrics.
        svid_type: &'a str,
        /// What exactly.
        subject: &'a str,
    },
}

impl About<'_> {
    fn trust_domain(&self) -> &str {
        match self {
            Self::Labels => "{{ $labels.trust_domain }}",
            Self::Values { trust_domain, .. } => trust_domain,
        }
    }

    /// The trust domain, and what follows where there is any. A matter of several trust domains is
    /// named by its subject.
    fn words(&self, scope: FindingScope) -> String {
        match self {
            Self::Labels if scope == FindingScope::Federation => {
                "{{ $labels.subject }}{{ with $labels.use }}, {{ . }}{{ end }}".to_owned()
            }
            Self::Values { svid_type, subject, .. } if scope == FindingScope::Federation => {
                let separator = if svid_type.is_empty() { "" } else { ", " };
                format!("{subject}{separator}{svid_type}")
            }
            Self::Labels => format!(
                "{}{{{{ with $labels.use }}}}, {{{{ . }}}}{{{{ end }}}}{{{{ with $labels.subject }}}}, {{{{ . }}}}{{{{ end }}}}",
                self.trust_domain()
            ),
            Self::Values { trust_domain, svid_type, subject } => {
                let mut words = (*trust_domain).to_owned();
                for one in [svid_type, subject].into_iter().filter(|one| !one.is_empty()) {
                    words.push_str(", ");
                    words.push_str(one);
                }
                words
            }
        }
    }
}

/// The name of the alert about this kind of finding, by rule and by push: `Anchorwatch` and the
/// kind in camel case.
pub fn name(kind: FindingKind) -> String {
    let mut name = String::from("Anchorwatch");
    for word in kind.label().split('_') {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

/// What all alerts about this kind of finding say.
pub fn summary(kind: FindingKind) -> &'static str {
    kind.raised()
}

/// What one alert says: what it is about, what to do first, what ends it and where the evidence is.
pub fn description(kind: FindingKind, about: About<'_>) -> String {
    if kind.scope() == FindingScope::Watch {
        return format!(
            "{} Look first: {} It ends {}. `anchorwatch findings --kind {kind}` has the evidence.",
            kind.raised(),
            kind.first_step(),
            kind.clears(),
        );
    }
    let of = match kind.scope() {
        FindingScope::TrustDomain => format!("--trust-domain {} ", about.trust_domain()),
        FindingScope::Federation | FindingScope::Watch => String::new(),
    };
    format!(
        "{}: {} Look first: {} It ends {}. `anchorwatch findings {of}--kind {kind}` has the evidence.",
        about.words(kind.scope()),
        kind.raised(),
        kind.first_step(),
        kind.clears(),
    )
}

pub(super) fn alert(kind: FindingKind) -> Alert {
    Alert {
        name: name(kind),
        expr: expr(kind),
        // What must survive a restart waits for nothing: Prometheus forgets what is pending.
        hold: None,
        labels: Vec::new(),
        summary: summary(kind),
        description: description(kind, About::Labels),
        dashboard: match kind.scope() {
            FindingScope::TrustDomain => format!(
                "{GRAFANA}/d/anchorwatch-trust-domain?var-trust_domain={{{{ $labels.trust_domain }}}}"
            ),
            FindingScope::Federation | FindingScope::Watch => {
                format!("{GRAFANA}/d/anchorwatch-overview")
            }
        },
    }
}

/// What is open now by any instance; else what was, where none says anything of it. One alert a
/// finding, under the most urgent severity that it has.
fn expr(kind: FindingKind) -> String {
    let series = |matcher: &str| {
        format!("anchorwatch_finding_open{{job=\"{JOB}\", kind=\"{kind}\"{matcher}}}")
    };
    let most_urgent = |margin: &str, value: &dyn Fn(String) -> String| {
        let one = |severity: &Severity| {
            let value = value(series(&format!(", severity=\"{severity}\"")));
            format!("{margin}  max by ({IDENTITY}, severity) ({value}) == 1\n")
        };
        let each: Vec<String> = Severity::ALL.iter().rev().map(one).collect();
        each.join(&format!("{margin}or on ({IDENTITY})\n"))
    };
    let now = most_urgent("  ", &|series| series);
    let held = most_urgent("    ", &|series| format!("last_over_time({series}[{HELD}])"));
    format!("(\n{now})\nor\n(\n  (\n{held}  )\n  unless on ({IDENTITY})\n    {}\n)", series(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_named_after_its_kind() {
        assert_eq!(name(FindingKind::UnexpectedAuthority), "AnchorwatchUnexpectedAuthority");
        assert_eq!(name(FindingKind::Churn), "AnchorwatchChurn");
    }

    #[test]
    fn a_pushed_alert_says_what_the_rule_says() {
        let about = About::Values { trust_domain: "b.example", svid_type: "jwt-svid", subject: "" };
        let pushed = description(FindingKind::Rollback, about);
        assert!(
            pushed.starts_with("b.example, jwt-svid: The sequence number decreased"),
            "{pushed}"
        );
        let ruled = description(FindingKind::Rollback, About::Labels);
        assert!(ruled.ends_with(
            "`anchorwatch findings --trust-domain {{ $labels.trust_domain }} --kind rollback` has the evidence."
        ));
    }
}
