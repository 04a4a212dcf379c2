//! A table that is one on a wide screen, and a card a row on a narrow one.

use super::html::Html;

/// A table, row by row.
///
/// The roles are written out, since a table that is laid out as cards loses those that it has by
/// itself in some browsers.
pub(super) struct HtmlTable {
    headings: &'static [&'static str],
    html: Html,
    rows: usize,
}

impl HtmlTable {
    /// A table with this caption, read out before it, and these columns.
    pub(super) fn new(caption: &str, headings: &'static [&'static str]) -> Self {
        let mut html = Html::default();
        html.raw("<table role=\"table\"><caption>").text(caption).raw("</caption>");
        html.raw("<thead role=\"rowgroup\"><tr role=\"row\">");
        for heading in headings {
            html.raw("<th role=\"columnheader\" scope=\"col\">").raw(heading).raw("</th>");
        }
        html.raw("</tr></thead><tbody role=\"rowgroup\">");
        Self { headings, html, rows: 0 }
    }

    /// One more row, a cell for each heading; the first names the row.
    pub(super) fn row(&mut self, cells: &[Html]) {
        self.rows += 1;
        self.html.raw("<tr role=\"row\">");
        for (place, (heading, cell)) in self.headings.iter().zip(cells).enumerate() {
            let (open, close) = if place == 0 {
                ("<th role=\"rowheader\" scope=\"row\" data-label=\"", "</th>")
            } else {
                ("<td role=\"cell\" data-label=\"", "</td>")
            };
            self.html.raw(open).raw(heading).raw("\"><span>").add(cell).raw("</span>").raw(close);
        }
        self.html.raw("</tr>");
    }

    /// The table; nothing where it has no rows.
    pub(super) fn into_html(mut self) -> Html {
        if self.rows == 0 {
            return Html::default();
        }
        self.html.raw("</tbody></table>");
        self.html
    }
}
