//! What stands around every page: head, navigation, state of the watch, foot.

use maud::{DOCTYPE, Markup, html};

use super::words::moment;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::untrusted::escape_markup;

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
        main: &Markup,
    ) -> String {
        let refresh = self.refresh.map(|seconds| seconds.clamp(REFRESH.0, REFRESH.1));
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width,initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    @if let Some(seconds) = refresh.filter(|_| path.is_some()) {
                        meta http-equiv="refresh" content=(seconds);
                    }
                    title { (title) " · anchorwatch" }
                    link rel="icon" href="/favicon.svg" type="image/svg+xml";
                    link rel="stylesheet" href={ "/style.css?v=" (env!("CARGO_PKG_VERSION")) };
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    header {
                        a.brand href="/" { "anchorwatch" }
                        (navigation(section))
                    }
                    @if !self.unready.is_empty() {
                        p.notice.critical role="alert" { "Not ready: " (self.unready.join("; ")) }
                    }
                    main #main tabindex="-1" { (main) }
                    (self.foot(refresh, path))
                }
            }
        };
        escape_markup(&page.into_string()).into_owned() + "\n"
    }

    fn foot(&self, refresh: Option<u32>, path: Option<&str>) -> Markup {
        html! {
            footer {
                p {
                    "As of " (moment(self.at)) ". "
                    @if self.unready.is_empty() { "anchorwatch is ready. " }
                    @match (path, refresh) {
                        (Some(path), Some(seconds)) => {
                            "Reloads every " (seconds) " s: " a href=(path) { "stop" } "."
                        }
                        (Some(path), None) => {
                            a href={ (path) "?refresh=" (OFFERED) } {
                                "Reload every " (OFFERED) " s"
                            }
                            "."
                        }
                        (None, _) => {}
                    }
                }
                ul {
                    li { a href="/api/v1/openapi.json" { "API" } }
                    li { a href="/metrics" { "Metrics" } }
                    li { a href="/-/ready" { "Readiness" } }
                }
            }
        }
    }
}

fn navigation(section: Section) -> Markup {
    html! {
        nav aria-label="Pages" {
            ul {
                @for (one, target, name) in SECTIONS {
                    li {
                        a href=(target) aria-current=[(one == section).then_some("page")] {
                            (name)
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use maud::html;
    use proptest::prelude::*;

    use super::{Frame, Section};
    use anchorwatch_core::time::Timestamp;
    use anchorwatch_core::untrusted::is_hidden;

    /// A page that shows this text wherever one can stand.
    fn page(text: &str) -> String {
        let unready = [text.to_owned()];
        let frame = Frame { at: Timestamp::from_unix(0), unready: &unready, refresh: Some(5) };
        let main = html! { p title=(text) { (text) } };
        frame.page(text, Section::About, Some(text), &main)
    }

    /// Its tags, with the names of their attributes.
    fn markup(page: &str) -> Vec<String> {
        let tags = page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap());
        tags.map(|tag| tag.split('"').step_by(2).collect()).collect()
    }

    #[test]
    fn foreign_text_cannot_become_markup() {
        let page = page("<img src=x onerror='a(\"&\")'>");
        assert!(
            page.contains("title=\"&lt;img src=x onerror='a(&quot;&amp;&quot;)'&gt;\">&lt;img")
        );
        assert!(!page.contains("<img"), "{page}");
    }

    #[test]
    fn what_hides_or_turns_writing_is_shown() {
        let unseen = "\u{200b}\u{feff}\u{e0041}\u{85}\u{3164}\u{fe0f}\u{fff9}\n";
        let page = page(&format!("a\u{202e}b\u{1b}[2J{unseen}"));
        assert!(page.chars().all(|c| c.is_ascii() || c == '·'), "{page}");
        assert_eq!(page.matches('\n').count(), 1, "the page is one line: {page}");
        for shown in ["<p title=\"a\\u{202e}b", ">a\\u{202e}b", "\\u{1b}[2J"] {
            assert!(page.contains(shown), "{shown}: {page}");
        }
    }

    proptest! {
        #[test]
        fn no_text_ends_what_it_stands_in(text in ".*") {
            let shown = page(&text);
            prop_assert_eq!(markup(&shown), markup(&page("text")));
            // The page ends with a line's end of ours.
            prop_assert!(!shown.trim_end().chars().any(is_hidden));
        }
    }
}
