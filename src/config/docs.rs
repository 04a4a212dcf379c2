//! `docs/configuration.md`, made from the schema.

use std::fmt::Write as _;

use super::schema::{
    ALERTMANAGER, ANNOUNCEMENT, APPROVAL, Absent, CACHE_CONSUMER, DEFAULTS, HTTPS_SPIFFE,
    HTTPS_WEB, ISSUER_DECLARED, ISSUER_MODELS, ISSUER_SPIRE, Key, Kind, LIMITS, METRICS, OUTAGE,
    PROFILE, RELATIONSHIP, RETENTION, Reload, SETTINGS, SHARED_AUTHORITY, STORE, Scope, TOP,
};
use anchorwatch_core::finding::FindingKind;

/// Every scope, in the order of the documentation.
pub const SCOPES: &[&Scope] = &[
    &TOP,
    &STORE,
    &LIMITS,
    &METRICS,
    &RETENTION,
    &SHARED_AUTHORITY,
    &ALERTMANAGER,
    &RELATIONSHIP,
    &PROFILE,
    &HTTPS_SPIFFE,
    &HTTPS_WEB,
    &DEFAULTS,
    &CACHE_CONSUMER,
    &ISSUER_MODELS,
    &ISSUER_SPIRE,
    &ISSUER_DECLARED,
    &APPROVAL,
    &ANNOUNCEMENT,
    &OUTAGE,
];

const INTRO: &str = include_str!("docs/intro.md");
const OUTRO: &str = include_str!("docs/outro.md");

/// The whole page.
pub fn render() -> String {
    let mut page = String::from(
        "<!-- Generated from src/config/schema. UPDATE_EXPECT=1 cargo test --test config rewrites \
         it. -->\n\n",
    );
    page.push_str(INTRO);
    for scope in SCOPES {
        section(scope, &mut page);
    }
    page.push_str("\n### Kinds of findings\n\n");
    page.push_str("What `severity` may name:\n\n");
    for kind in FindingKind::ALL.iter().filter(|kind| !kind.is_about_the_watch()) {
        let _ = writeln!(page, "- `{kind}`");
    }
    page.push('\n');
    page.push_str(OUTRO);
    page
}

fn section(scope: &Scope, page: &mut String) {
    let title = match scope.name {
        "the file" => "The file".to_owned(),
        name => format!("`{name}`"),
    };
    let _ = writeln!(page, "\n### {title}\n\n{}", scope.intro);
    // The settings of a relationship are those of `defaults`, and stand there.
    let is_relationship = std::ptr::eq(scope, &raw const RELATIONSHIP);
    let mut keys = scope
        .keys()
        .filter(|key| !is_relationship || !SETTINGS.iter().any(|one| one.name == key.name))
        .peekable();
    if keys.peek().is_none() {
        return;
    }
    page.push_str("\n| key | type | default | bounds | meaning | since |\n");
    page.push_str("|---|---|---|---|---|---|\n");
    for key in keys {
        page.push_str(&row(key));
    }
}

fn row(key: &Key) -> String {
    let default = match key.absent {
        Absent::Fault => "required".to_owned(),
        Absent::Value(value) => format!("`{value}`"),
        Absent::Words(words) => words.to_owned(),
    };
    let mut meaning = key.meaning.to_owned();
    if let Some(scope) = below(&key.kind) {
        let _ = write!(meaning, " Keys: see {}.", link(scope));
    }
    if key.reload == Reload::Restart {
        meaning.push_str(" *Restart.*");
    }
    let noun = key.kind.noun().trim_start_matches("a ").trim_start_matches("an ");
    let bounds = if let Kind::Choice(words) = &key.kind {
        words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
    } else {
        key.kind.bounds()
    };
    format!("| `{}` | {noun} | {default} | {bounds} | {meaning} | {} |\n", key.name, key.since)
}

/// The scope of the keys below a key.
fn below(kind: &Kind) -> Option<&'static Scope> {
    match kind {
        Kind::Mapping(scope)
        | Kind::List { scope, .. }
        | Kind::Relationships(scope)
        | Kind::Issuer(scope) => Some(scope),
        Kind::Consumers => Some(&CACHE_CONSUMER),
        Kind::Choice(_)
        | Kind::Count { .. }
        | Kind::Duration { .. }
        | Kind::EndpointUrl
        | Kind::Fingerprint
        | Kind::KeyType
        | Kind::Moment
        | Kind::Path
        | Kind::PollInterval { .. }
        | Kind::ProxyUrl
        | Kind::Redirects { .. }
        | Kind::Severities
        | Kind::Size { .. }
        | Kind::SpiffeId
        | Kind::Switch
        | Kind::Text { .. }
        | Kind::TrustDomain
        | Kind::TrustDomains { .. }
        | Kind::Url => None,
    }
}

fn link(scope: &Scope) -> String {
    // As GitHub makes anchors of headings.
    let kept = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
    let anchor: String = scope.name.to_ascii_lowercase().chars().filter(kept).collect();
    format!("[`{}`](#{anchor})", scope.name)
}
