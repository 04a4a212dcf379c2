//! A table that is one on a wide screen, and a card a row on a narrow one.

use maud::{Markup, html};

/// A table with a caption that is read out before it, and a cell for each heading in every row; the
/// first names the row.
///
/// The roles are written out, since a table that is laid out as cards loses those that it has by
/// itself in some browsers.
pub(super) fn table<const N: usize>(
    caption: &str,
    headings: [&str; N],
    rows: &[[Markup; N]],
) -> Markup {
    html! {
        table role="table" {
            caption { (caption) }
            thead role="rowgroup" {
                tr role="row" {
                    @for heading in headings {
                        th role="columnheader" scope="col" { (heading) }
                    }
                }
            }
            tbody role="rowgroup" {
                @for row in rows {
                    tr role="row" {
                        @for (place, (heading, cell)) in headings.iter().zip(row).enumerate() {
                            @if place == 0 {
                                th role="rowheader" scope="row" data-label=(heading) {
                                    span { (cell) }
                                }
                            } @else {
                                td role="cell" data-label=(heading) { span { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
