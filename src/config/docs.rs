//! `docs/configuration.md`, made from the table of keys.

use std::fmt::Write as _;

use super::schema::{Absent, Key, Kind, Reload, Scope};
use super::table::{DEFAULTS, RELATIONSHIP, TOP};
use anchorwatch_core::finding::FindingKind;

const INTRO: &str = include_str!("docs/intro.md");
const OUTRO: &str = include_str!("docs/outro.md");

/// The whole page.
pub fn render() -> String {
    let mut page = String::from(
        "<!-- Generated from src/config/table. UPDATE_EXPECT=1 cargo test --test config rewrites \
         it. -->\n\n",
    );
    page.push_str(INTRO);
    for scope in TOP.with_all_below() {
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
    // The settings of a relationship are those of `defaults`, and are described there.
    let is_relationship = scope.name == RELATIONSHIP.name;
    let mut keys =
        scope.keys().filter(|key| !is_relationship || DEFAULTS.key(key.name).is_none()).peekable();
    if keys.peek().is_none() {
        return;
    }
    page.push_str("\n| key | type | default | bounds | meaning |\n");
    page.push_str("|---|---|---|---|---|\n");
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
    if let Some(scope) = key.kind.scope() {
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
    format!("| `{}` | {noun} | {default} | {bounds} | {meaning} |\n", key.name)
}

fn link(scope: &Scope) -> String {
    format!("[`{}`](#{})", scope.name, scope.anchor())
}
