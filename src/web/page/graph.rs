//! The trust graph: who trusts whose keys, and whose bundle proves whose endpoint.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::elements::{badge, domain_link};
use super::frame::{Frame, Section};
use super::standing::Condition;
use super::table::table;
use super::words::count;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::untrusted::cut;
use anchorwatch_core::view::{DomainView, View};

/// How many trust domains are drawn: the API has all.
const DRAWN: usize = 200;
/// How many links of a chain are followed. A configuration has no circles; this is for safety.
const LINKS: usize = 64;
/// The height of a row of the drawing, and how far each link moves to the right.
const ROW: usize = 44;
const STEP: usize = 28;
/// How wide the drawing is on a narrow screen, and how wide a character of each text: what is longer
/// is cut.
const NARROW: usize = 346;
const NAME: usize = 8;
const NOTE: usize = 6;

/// What proves an endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Proof<'a> {
    /// The bundle that it serves itself.
    Itself,
    /// Another trust domain's bundle.
    Other(&'a TrustDomain),
    /// The Web PKI.
    Web,
}

impl<'a> Proof<'a> {
    fn of(domain: &'a DomainView) -> Self {
        match domain.endpoint.served_by() {
            None => Self::Web,
            Some(_) if domain.endpoint.is_self_serving() => Self::Itself,
            Some(server) => Self::Other(server),
        }
    }
}

/// A trust domain in its place: after the one that proves its endpoint.
#[derive(Debug)]
struct Node<'a> {
    domain: &'a DomainView,
    /// The chain of bundles that its own rests on, itself first.
    chain: Vec<&'a TrustDomain>,
    /// The row of the one that proves it.
    parent: Option<usize>,
}

/// The page.
pub(in crate::web) fn graph(frame: &Frame<'_>, view: &View) -> String {
    let nodes = nodes(view);
    let main = html! {
        h1 { "Trust graph" }
        p {
            "Whoever can put a key into a bundle below can mint "
            "identities that are accepted here."
        }
        @if nodes.is_empty() {
            p { "No trust domain is watched: the configuration names none." }
        } @else {
            figure.graph {
                (drawing(view, &nodes))
                (legend())
            }
            @if DRAWN < view.domains.len() {
                p { (view.domains.len() - DRAWN) " more are in the API." }
            }
            h2 { "The same as a table" }
            (listed(view, &nodes))
        }
    };
    frame.page("Trust graph", Section::Graph, Some("/graph"), &main)
}

fn legend() -> Markup {
    let arrows = [
        ("trusts", "url(#trusts)", "accepts its identities"),
        ("serves", "url(#serves)", "its bundle proves that endpoint"),
    ];
    html! {
        figcaption {
            ul.legend {
                @for (class, end, meaning) in arrows {
                    li {
                        svg width="36" height="18" aria-hidden="true" {
                            path class=(class) d="M2 9H28" marker-end=(end) {}
                        }
                        (meaning)
                    }
                }
            }
        }
    }
}

/// The trust domains, each after the one that proves its endpoint.
fn nodes(view: &View) -> Vec<Node<'_>> {
    let known: BTreeMap<&TrustDomain, &DomainView> =
        view.domains.iter().map(|one| (&one.endpoint.trust_domain, &**one)).collect();
    let mut proved: BTreeMap<&TrustDomain, Vec<&DomainView>> = BTreeMap::new();
    let mut waiting: Vec<(&DomainView, Option<usize>)> = Vec::new();
    for domain in view.domains.iter().rev() {
        match Proof::of(domain) {
            Proof::Other(server) if known.contains_key(server) => {
                proved.entry(server).or_default().push(domain);
            }
            Proof::Itself | Proof::Web | Proof::Other(_) => waiting.push((domain, None)),
        }
    }
    let (mut nodes, mut placed): (Vec<Node<'_>>, BTreeSet<&TrustDomain>) = Default::default();
    while let Some((domain, parent)) = waiting.pop() {
        let name = &domain.endpoint.trust_domain;
        if DRAWN <= nodes.len() || !placed.insert(name) {
            continue;
        }
        let mut chain = vec![name];
        if let Some(parent) = parent.and_then(|row| nodes.get(row)) {
            chain.extend(parent.chain.iter().take(LINKS));
        }
        let row = nodes.len();
        waiting.extend(proved.get(name).into_iter().flatten().map(|one| (*one, Some(row))));
        nodes.push(Node { domain, chain, parent });
    }
    nodes
}

fn watcher(view: &View) -> &str {
    view.trust_domain.as_ref().map_or("whoever runs this watch", TrustDomain::as_str)
}

/// How many links lie between a bundle and what its proof rests on.
fn proof(node: &Node<'_>) -> String {
    match Proof::of(node.domain) {
        Proof::Itself => "proves itself by its own bundle".to_owned(),
        Proof::Web => "proved by the Web PKI".to_owned(),
        Proof::Other(server) => {
            let links = count(node.chain.len().saturating_sub(1), "link", "links");
            format!("a chain of {links}: proved by {server}")
        }
    }
}

fn drawing(view: &View, nodes: &[Node<'_>]) -> Markup {
    html! {
        svg role="img" aria-labelledby="graph-title graph-desc" width="100%"
            height=(ROW * (nodes.len() + 1)) {
            title #graph-title { "Trust graph" }
            desc #graph-desc {
                (watcher(view)) " accepts identities of " (nodes.len()) " trust domains."
                " The table below says who proves whom."
            }
            defs {
                (arrow_head("trusts"))
                (arrow_head("serves"))
            }
            circle.node.watcher cx="12" cy="20" r="7" {}
            (text("name", 26, 18, watcher(view)))
            (text("note", 26, 34, "accepts identities of"))
            @for (row, node) in nodes.iter().enumerate() {
                @let (x, y) = (place(node), height(row));
                (trusts(x, y))
                @if let Some(parent) = node.parent && let Some(above) = nodes.get(parent) {
                    (serves((place(above), height(parent)), (x, y)))
                }
                circle class={ "node " (Condition::of(node.domain).tone()) } cx=(x) cy=(y) r="7" {}
                (text("name", x + 14, y - 2, node.domain.endpoint.trust_domain.as_str()))
                (text("note", x + 14, y + 14, &proof(node)))
            }
        }
    }
}

fn arrow_head(id: &str) -> Markup {
    html! {
        marker id=(id) viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"
            markerUnits="userSpaceOnUse" orient="auto" {
            path class={ "head " (id) } d="M0 0L8 4L0 8Z" {}
        }
    }
}

/// How far down the trust domain of a row stands.
fn height(row: usize) -> usize {
    ROW * (row + 1) + 20
}

/// Where a trust domain stands: one step to the right for each link of its chain.
fn place(node: &Node<'_>) -> usize {
    52 + STEP * node.chain.len().saturating_sub(1).min(6)
}

/// From the watch, down the left edge.
fn trusts(x: usize, y: usize) -> Markup {
    let (above, before) = (y.saturating_sub(6), x.saturating_sub(9));
    let line = format_args!("M12 27V{above}Q12 {y} 18 {y}H{before}");
    html! { path.trusts marker-end="url(#trusts)" d=(line) {} }
}

/// From the one that proves it, down and then to the right.
fn serves((from_x, from_y): (usize, usize), (x, y): (usize, usize)) -> Markup {
    let (start, bend, end) = (from_y + 7, y.saturating_sub(14), x.saturating_sub(8));
    let (control, below) = (y.saturating_sub(5), y.saturating_sub(4));
    let line = format_args!("M{from_x} {start}V{bend}Q{from_x} {control} {end} {below}");
    html! { path.serves marker-end="url(#serves)" d=(line) {} }
}

fn text(class: &str, x: usize, y: usize, words: &str) -> Markup {
    let wide = if class == "name" { NAME } else { NOTE };
    let room = NARROW.saturating_sub(x) / wide;
    // As much of a name as fits; the table has all of it. The mark of a cut is three bytes wide, and
    // one character.
    html! { text class=(class) x=(x) y=(y) { (cut(words, room.saturating_add(2))) } }
}

fn listed(view: &View, nodes: &[Node<'_>]) -> Markup {
    let row = |node: &Node<'_>| {
        let chain: Vec<&str> = node.chain.iter().map(|one| one.as_str()).collect();
        let condition = Condition::of(node.domain);
        [
            domain_link(&node.domain.endpoint.trust_domain),
            html! { (watcher(view)) },
            html! { (proof(node)) },
            html! { (chain.join(" ← ")) },
            badge(condition.tone(), condition.word()),
        ]
    };
    let rows: Vec<_> = nodes.iter().map(row).collect();
    let headings = ["trust domain", "trusted by", "proof", "chain", "state"];
    table("Who trusts whom, and what proves each endpoint", headings, &rows)
}
