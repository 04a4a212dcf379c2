//! `docs/findings.md` says what the catalogue says.

#![cfg(test)]

use std::fmt::Write as _;

use anchorwatch_core::finding::{FindingKind, Nature};

const PAGE: &str = "docs/findings.md";

fn page() -> String {
    let mut page = String::from(
        "<!-- Generated from crates/core/src/finding/kind.rs. UPDATE_EXPECT=1 cargo test --test findings_page rewrites it. -->\n\n\
         # Findings\n\n\
         An *event finding* is a fact that someone must look at: it is journaled when it is raised, survives restarts, and\n\
         ends by a decision or by an explanation that arrives; a warning also ends unreviewed after 30 days. A *condition*\n\
         is true now and ends by itself. `severity` in the configuration overrides any of them, but not those about anchorwatch itself.\n\n\
         | finding | nature | at most | raised when |\n|---|---|---|---|\n",
    );
    let nature = |kind: FindingKind| match kind.nature() {
        Nature::Event => "event",
        Nature::Condition => "condition",
    };
    for kind in FindingKind::ALL {
        let _ = writeln!(
            page,
            "| [`{kind}`](#{kind}) | {} | {} | {} |",
            nature(kind),
            kind.severity(),
            kind.raised()
        );
    }
    for kind in FindingKind::ALL {
        let _ = write!(
            page,
            "\n## {kind}\n\n{} At most {}.\n\nEnds {}.\n\nLook first: {}\n",
            kind.raised(),
            kind.severity(),
            kind.clears(),
            kind.first_step()
        );
    }
    page
}

#[test]
fn the_page_on_the_findings_is_up_to_date() {
    let page = page();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let there = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert_eq!(there, page, "{PAGE} (UPDATE_EXPECT=1 rewrites it)");
}
