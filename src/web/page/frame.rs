//! What stands around every page: head, navigation, state of the watch, foot.

use super::html::Html;
use super::words::moment;
use anchorwatch_core::time::Timestamp;

/// The shortest and the longest time after which a page that is asked to reloads, in seconds.
const REFRESH: (u32, u32) = (5, 3_600);
/// How often the link offers it.
const OFFERED: u32 = 30;

/// Which part of the site a page belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::web) enum Section {
    /// All trust domains, and what belongs to one.
    Overview,
    /// The journal.
    Events,
    /// Who trusts whom.
    Graph,
    /// The watch itself.
    About,
}

const SECTIONS: [(Section, &str, &str); 4] = [
    (Section::Overview, "/", "Overview"),
    (Section::Graph, "/graph", "Trust graph"),
    (Section::Events, "/events", "Events"),
    (Section::About, "/about", "About"),
];

/// What every page shows around its content.
#[derive(Clone, Copy, Debug)]
pub(in crate::web) struct Frame<'a> {
    /// The moment that the page shows.
    pub(in crate::web) at: Timestamp,
    /// Why anchorwatch is not ready.
    pub(in crate::web) unready: &'a [String],
    /// After how many seconds the page reloads, where the reader asked for it.
    pub(in crate::web) refresh: Option<u32>,
}

impl Frame<'_> {
    /// The whole page. `path` is where it is served, without a query; `None` where it must not be
    /// reloaded by itself.
    pub(super) fn page(
        &self,
        title: &str,
        section: Section,
        path: Option<&str>,
        main: &Html,
    ) -> String {
        let refresh = self.refresh.map(|seconds| seconds.clamp(REFRESH.0, REFRESH.1));
        let mut html = Html::default();
        html.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
        html.raw("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
        html.raw("<meta name=\"color-scheme\" content=\"light dark\">");
        if let Some(seconds) = refresh.filter(|_| path.is_some()) {
            html.raw("<meta http-equiv=\"refresh\" content=\"").text(seconds).raw("\">");
        }
        html.raw("<title>").text(title).raw(" · anchorwatch</title>");
        html.raw("<link rel=\"icon\" href=\"/favicon.svg\" type=\"image/svg+xml\">");
        html.raw("<link rel=\"stylesheet\" href=\"/style.css?v=").text(env!("CARGO_PKG_VERSION"));
        html.raw("\"></head><body><a class=\"skip\" href=\"#main\">Skip to the content</a>");
        html.raw("<header><a class=\"brand\" href=\"/\">anchorwatch</a>");
        html.raw("<nav aria-label=\"Pages\"><ul>");
        for (one, target, name) in SECTIONS {
            html.raw("<li><a href=\"").raw(target).raw("\"");
            html.raw(if one == section { " aria-current=\"page\">" } else { ">" });
            html.raw(name).raw("</a></li>");
        }
        html.raw("</ul></nav></header>");
        if !self.unready.is_empty() {
            html.raw("<p class=\"notice critical\" role=\"alert\">Not ready: ");
            html.text(self.unready.join("; ")).raw("</p>");
        }
        html.raw("<main id=\"main\" tabindex=\"-1\">").add(main).raw("</main>");
        self.foot(&mut html, refresh, path);
        html.raw("</body></html>\n");
        html.into_string()
    }

    fn foot(&self, html: &mut Html, refresh: Option<u32>, path: Option<&str>) {
        html.raw("<footer><p>As of ").add(&moment(self.at)).raw(". ");
        if self.unready.is_empty() {
            html.raw("anchorwatch is ready. ");
        }
        match (path, refresh) {
            (Some(path), Some(seconds)) => {
                html.text(format_args!("Reloads every {seconds} s: ")).raw("<a href=\"");
                html.text(path).raw("\">stop</a>.");
            }
            (Some(path), None) => {
                html.raw("<a href=\"").text(path).raw("?refresh=").text(OFFERED).raw("\">");
                html.text(format_args!("Reload every {OFFERED} s")).raw("</a>.");
            }
            (None, _) => (),
        }
        html.raw("</p><ul><li><a href=\"/api/v1/openapi.json\">API</a></li>");
        html.raw("<li><a href=\"/metrics\">Metrics</a></li>");
        html.raw("<li><a href=\"/-/ready\">Readiness</a></li></ul></footer>");
    }
}
