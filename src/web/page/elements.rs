//! Elements that several pages share.

use maud::{Markup, html};

use super::words::{tone, words};
use anchorwatch_core::finding::{Evidence, Finding, Severity};
use anchorwatch_core::spiffe::TrustDomain;

/// A part of a page under a heading of its own, which `id` leads to.
pub(super) fn section(id: &str, heading: &str, content: &Markup) -> Markup {
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (heading) }
            (content)
        }
    }
}

/// A trust domain's name, which leads to its page.
pub(super) fn domain_link(name: &TrustDomain) -> Markup {
    html! { a href={ "/trust-domain/" (name) } { (name) } }
}

/// The kind of a finding, which leads to its page.
pub(super) fn finding_link(finding: &Finding) -> Markup {
    html! { a href={ "/finding/" (finding.id) } { (words(finding.kind.label())) } }
}

/// What a finding rests on.
pub(super) fn evidence(lines: &[Evidence]) -> Markup {
    html! {
        ul {
            @for line in lines {
                li { (line) }
            }
        }
    }
}

/// A word that carries the colour of a class.
pub(super) fn badge(class: &str, word: &str) -> Markup {
    html! { span class={ "badge " (class) } { (word) } }
}

/// A severity as a word that carries its colour.
pub(super) fn severity(of: Severity) -> Markup {
    badge(tone(of), of.label())
}

/// A sentence of this source, in which what stands between backticks is typed rather than read.
pub(super) fn prose(sentence: &'static str) -> Markup {
    html! {
        @for (place, part) in sentence.split('`').enumerate() {
            @if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
