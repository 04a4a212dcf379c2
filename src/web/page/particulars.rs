//! Named particulars of one thing: a list of terms.

use std::fmt::Display;

use super::html::Html;

/// Particulars, one after the other.
#[derive(Debug)]
pub(super) struct Particulars(Html);

impl Particulars {
    /// None yet.
    pub(super) fn new() -> Self {
        let mut html = Html::default();
        html.raw("<dl class=\"facts\">");
        Self(html)
    }

    /// One more.
    pub(super) fn add(&mut self, name: &'static str, value: &Html) -> &mut Self {
        self.0.raw("<div><dt>").raw(name).raw("</dt><dd>").add(value).raw("</dd></div>");
        self
    }

    /// One more, in plain text.
    pub(super) fn say(&mut self, name: &'static str, value: impl Display) -> &mut Self {
        self.add(name, &Html::of(value))
    }

    /// One more, that is typed rather than read.
    pub(super) fn code(&mut self, name: &'static str, value: impl Display) -> &mut Self {
        let mut html = Html::default();
        html.raw("<code>").text(value).raw("</code>");
        self.add(name, &html)
    }

    /// The list.
    pub(super) fn into_html(mut self) -> Html {
        self.0.raw("</dl>");
        self.0
    }
}
