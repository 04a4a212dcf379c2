//! Shapes of a drawing whose width is the reader's: places along it are percentages, heights are
//! pixels, so that a bar stretches and text does not.
//!
//! Invariant: how a shape looks is its class's, in the style sheet. Nothing here is a `style`
//! attribute, which the content security policy forbids.
//!
//! A shape is closed by a tag of its own (`rect … {}`): an element of SVG without one (`rect …;`)
//! would hold all that follows it (HTML, 13.1.2).

use maud::{Markup, html};

/// A drawing of this height that says what it shows in words.
pub(super) fn drawing(class: &str, height: u32, label: &str, shapes: &Markup) -> Markup {
    html! {
        svg class=(class) width="100%" height=(height) role="img" aria-label=(label) { (shapes) }
    }
}

/// A bar from one place to another, in percent; never thinner than can be seen.
pub(super) fn bar(class: &str, from: f64, until: f64, (y, height): (u32, u32)) -> Markup {
    let width = (until - from).max(0.0);
    html! {
        rect class=(class) x=(percent(from)) y=(y) width=(percent(width)) height=(height) {}
    }
}

/// An upright line.
pub(super) fn upright(class: &str, x: f64, (from, until): (u32, u32)) -> Markup {
    let x = percent(x);
    html! { line class=(class) x1=(x) x2=(x) y1=(from) y2=(until) {} }
}

/// A mark around a point, from a path of this source around 0, 0.
pub(super) fn mark(class: &str, x: f64, y: u32, path: &'static str) -> Markup {
    html! {
        svg x=(percent(x)) y=(y) overflow="visible" { path class=(class) d=(path) {} }
    }
}

/// Text at a place, that stays within the drawing: near an edge it grows inwards.
pub(super) fn label(class: &str, x: f64, y: u32, text: &str) -> Markup {
    let anchor = match x {
        ..5.0 => "start",
        95.0.. => "end",
        _ => "middle",
    };
    html! { text class=(class) text-anchor=(anchor) x=(percent(x)) y=(y) { (text) } }
}

fn percent(place: f64) -> String {
    format!("{place:.2}%")
}
