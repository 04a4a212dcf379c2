//! Named particulars of one thing: a list of terms.

use std::fmt::Display;

use maud::{Markup, html};

/// Particulars, one after the other.
#[derive(Debug, Default)]
pub(super) struct Particulars(Vec<(&'static str, Markup)>);

impl Particulars {
    /// None yet.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub(super) fn add(&mut self, name: &'static str, value: Markup) -> &mut Self {
        self.0.push((name, value));
        self
    }

    /// One more, in plain text.
    pub(super) fn say(&mut self, name: &'static str, value: impl Display) -> &mut Self {
        self.add(name, html! { (value) })
    }

    /// One more, that is typed rather than read.
    pub(super) fn code(&mut self, name: &'static str, value: impl Display) -> &mut Self {
        self.add(name, html! { code { (value) } })
    }

    /// The list.
    pub(super) fn list(&self) -> Markup {
        html! {
            dl.facts {
                @for (name, value) in &self.0 {
                    div { dt { (name) } dd { (value) } }
                }
            }
        }
    }
}
