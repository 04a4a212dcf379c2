//! The trust graph: who trusts whose keys, and whose bundle proves whose endpoint.

use std::collections::{BTreeMap, BTreeSet};

use super::frame::{Frame, Section};
use super::html::Html;
use super::standing::Condition;
use super::table::HtmlTable;
use super::words::{badge, count};
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
    let mut html = Html::default();
    html.raw("<h1>Trust graph</h1><p>Whoever can put a key into a bundle below can mint ");
    html.raw("identities that are accepted here.</p>");
    if nodes.is_empty() {
        html.raw("<p>No trust domain is watched: the configuration names none.</p>");
        return frame.page("Trust graph", Section::Graph, Some("/graph"), &html);
    }
    html.raw("<figure class=\"graph\">").add(&drawing(view, &nodes));
    html.raw("<figcaption><ul class=\"legend\"><li><svg width=\"36\" height=\"18\" ");
    html.raw("aria-hidden=\"true\"><path class=\"trusts\" d=\"M2 9H28\" ");
    html.raw("marker-end=\"url(#trusts)\"/></svg>accepts its identities</li>");
    html.raw("<li><svg width=\"36\" height=\"18\" aria-hidden=\"true\"><path class=\"serves\" ");
    html.raw("d=\"M2 9H28\" marker-end=\"url(#serves)\"/></svg>its bundle proves that endpoint");
    html.raw("</li></ul></figcaption></figure>");
    if let Some(more) = view.domains.len().checked_sub(DRAWN).filter(|more| 0 < *more) {
        html.raw("<p>").text(more).raw(" more are in the API.</p>");
    }
    html.raw("<h2>The same as a table</h2>").add(&table(view, &nodes));
    frame.page("Trust graph", Section::Graph, Some("/graph"), &html)
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

fn drawing(view: &View, nodes: &[Node<'_>]) -> Html {
    let mut html = Html::default();
    html.raw(
        "<svg role=\"img\" aria-labelledby=\"graph-title graph-desc\" width=\"100%\" height=\"",
    );
    html.text(ROW * (nodes.len() + 1)).raw("\"><title id=\"graph-title\">Trust graph</title>");
    html.raw("<desc id=\"graph-desc\">").text(watcher(view));
    html.text(format_args!(" accepts identities of {} trust domains.", nodes.len()));
    html.raw(" The table below says who proves whom.</desc><defs>");
    for (id, open) in [("trusts", "<marker id=\"trusts\""), ("serves", "<marker id=\"serves\"")] {
        html.raw(open).raw(" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" ");
        html.raw("markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">");
        html.raw("<path class=\"head ").raw(id).raw("\" d=\"M0 0L8 4L0 8Z\"/></marker>");
    }
    html.raw("</defs>");
    html.raw("<circle class=\"node watcher\" cx=\"12\" cy=\"20\" r=\"7\"/>");
    text(&mut html, "name", 26, 18, watcher(view));
    text(&mut html, "note", 26, 34, "accepts identities of");
    for (row, node) in nodes.iter().enumerate() {
        let y = ROW * (row + 1) + 20;
        let x = place(node);
        trusts(&mut html, x, y);
        if let Some(parent) = node.parent.and_then(|row| Some((row, nodes.get(row)?))) {
            serves(&mut html, place(parent.1), ROW * (parent.0 + 1) + 20, x, y);
        }
        let tone = Condition::of(node.domain).tone();
        html.raw("<circle class=\"node ").raw(tone).raw("\" cx=\"").text(x).raw("\" cy=\"");
        html.text(y).raw("\" r=\"7\"/>");
        text(&mut html, "name", x + 14, y - 2, node.domain.endpoint.trust_domain.as_str());
        text(&mut html, "note", x + 14, y + 14, &proof(node));
    }
    html.raw("</svg>");
    html
}

/// Where a trust domain stands: one step to the right for each link of its chain.
fn place(node: &Node<'_>) -> usize {
    52 + STEP * node.chain.len().saturating_sub(1).min(6)
}

/// From the watch, down the left edge.
fn trusts(html: &mut Html, x: usize, y: usize) {
    html.raw("<path class=\"trusts\" marker-end=\"url(#trusts)\" d=\"M12 27V");
    html.text(y.saturating_sub(6)).raw("Q12 ").text(y).raw(" 18 ").text(y);
    html.raw("H").text(x.saturating_sub(9)).raw("\"/>");
}

/// From the one that proves it, down and then to the right.
fn serves(html: &mut Html, from_x: usize, from_y: usize, x: usize, y: usize) {
    html.raw("<path class=\"serves\" marker-end=\"url(#serves)\" d=\"M").text(from_x);
    html.raw(" ").text(from_y + 7).raw("V").text(y.saturating_sub(14));
    html.raw("Q").text(from_x).raw(" ").text(y.saturating_sub(5)).raw(" ");
    html.text(x.saturating_sub(8)).raw(" ").text(y.saturating_sub(4)).raw("\"/>");
}

fn text(html: &mut Html, class: &'static str, x: usize, y: usize, words: &str) {
    let wide = if class == "name" { NAME } else { NOTE };
    let room = NARROW.saturating_sub(x) / wide;
    html.raw("<text class=\"").raw(class).raw("\" x=\"").text(x).raw("\" y=\"").text(y);
    // As much of a name as fits; the table has all of it. The mark of a cut is three bytes wide, and
    // one character.
    html.raw("\">").text(cut(words, room.saturating_add(2))).raw("</text>");
}

fn table(view: &View, nodes: &[Node<'_>]) -> Html {
    const HEADINGS: &[&str] = &["trust domain", "trusted by", "proof", "chain", "state"];
    let mut table = HtmlTable::new("Who trusts whom, and what proves each endpoint", HEADINGS);
    for node in nodes {
        let name = &node.domain.endpoint.trust_domain;
        let mut link = Html::default();
        link.raw("<a href=\"/trust-domain/").text(name).raw("\">").text(name).raw("</a>");
        let chain: Vec<&str> = node.chain.iter().map(|one| one.as_str()).collect();
        let condition = Condition::of(node.domain);
        table.row(&[
            link,
            Html::of(watcher(view)),
            Html::of(proof(node)),
            Html::of(chain.join(" ← ")),
            badge(condition.tone(), condition.word()),
        ]);
    }
    table.into_html()
}
