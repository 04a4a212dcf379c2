//! Shapes of a drawing whose width is the reader's: places along it are percentages, heights are
//! pixels, so that a bar stretches and text does not.
//!
//! Invariant: how a shape looks is its class's, in the style sheet. Nothing here is a `style`
//! attribute, which the content security policy forbids.

use super::html::Html;

/// Opens a drawing of this height that says what it shows in words.
pub(super) fn open(html: &mut Html, class: &'static str, height: u32, label: &str) {
    html.raw("<svg class=\"").raw(class).raw("\" width=\"100%\" height=\"").text(height);
    html.raw("\" role=\"img\" aria-label=\"").text(label).raw("\">");
}

/// A bar from one place to another, in percent; never thinner than can be seen.
pub(super) fn bar(
    html: &mut Html,
    class: &'static str,
    from: f64,
    until: f64,
    (y, height): (u32, u32),
) {
    let width = (until - from).max(0.0);
    html.raw("<rect class=\"").raw(class);
    html.raw("\" x=\"").text(format_args!("{from:.2}%"));
    html.raw("\" y=\"").text(y);
    html.raw("\" width=\"").text(format_args!("{width:.2}%"));
    html.raw("\" height=\"").text(height).raw("\"/>");
}

/// An upright line.
pub(super) fn upright(html: &mut Html, class: &'static str, x: f64, (from, until): (u32, u32)) {
    html.raw("<line class=\"").raw(class);
    html.raw("\" x1=\"").text(format_args!("{x:.2}%"));
    html.raw("\" x2=\"").text(format_args!("{x:.2}%"));
    html.raw("\" y1=\"").text(from).raw("\" y2=\"").text(until).raw("\"/>");
}

/// A mark around a point, from a path of this source around 0, 0.
pub(super) fn mark(html: &mut Html, class: &'static str, x: f64, y: u32, path: &'static str) {
    html.raw("<svg x=\"").text(format_args!("{x:.2}%")).raw("\" y=\"").text(y);
    html.raw("\" overflow=\"visible\"><path class=\"").raw(class).raw("\" d=\"").raw(path);
    html.raw("\"/></svg>");
}

/// Text at a place, that stays within the drawing: near an edge it grows inwards.
pub(super) fn label(html: &mut Html, class: &'static str, x: f64, y: u32, text: &str) {
    let anchor = match x {
        ..5.0 => "start",
        95.0.. => "end",
        _ => "middle",
    };
    html.raw("<text class=\"").raw(class).raw("\" text-anchor=\"").raw(anchor);
    html.raw("\" x=\"").text(format_args!("{x:.2}%")).raw("\" y=\"").text(y).raw("\">");
    html.text(text).raw("</text>");
}
