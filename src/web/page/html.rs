//! Markup while it is written: the one place where text becomes a page.
//!
//! Invariant: markup is a literal of this source, and everything else is escaped. What an endpoint
//! says can neither open a tag nor leave an attribute, and cannot turn the direction of writing.

use std::fmt::{self, Display, Write as _};

use anchorwatch_core::untrusted::escape_line;

/// A piece of a page.
#[derive(Clone, Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// A piece of plain text.
    pub(super) fn of(text: impl Display) -> Self {
        let mut html = Self::default();
        html.text(text);
        html
    }

    /// Markup, which only this source can hold.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text: it may stand between tags and in an attribute in double quotes.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Self {
        // Writing to a string does not fail.
        let _ = write!(Escaped(&mut self.0), "{text}");
        self
    }

    /// A sentence of this source, in which what stands between backticks is typed rather than read.
    pub(super) fn prose(&mut self, sentence: &'static str) -> &mut Self {
        for (place, part) in sentence.split('`').enumerate() {
            if place % 2 == 1 {
                self.raw("<code>").text(part).raw("</code>");
            } else {
                self.text(part);
            }
        }
        self
    }

    /// A piece that was written before.
    pub(super) fn add(&mut self, piece: &Self) -> &mut Self {
        self.0.push_str(&piece.0);
        self
    }

    /// Whether nothing was written.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The page.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Escapes what is written through it.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // What is not seen, or turns the direction of writing, is shown, whoever wrote it.
        for character in escape_line(text).chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                _ => self.0.push(character),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Html;
    use anchorwatch_core::untrusted::is_hidden;

    #[test]
    fn foreign_text_cannot_become_markup() {
        assert_eq!(
            Html::of("<img src=x onerror='a(\"&\")'>").into_string(),
            "&lt;img src=x onerror=&#39;a(&quot;&amp;&quot;)&#39;&gt;"
        );
    }

    #[test]
    fn what_hides_or_turns_writing_is_shown() {
        let text =
            "a\u{202e}b\u{200b}c\u{feff}d\u{e0041}e\u{1b}[2J\u{85}\u{3164}\u{fe0f}\u{fff9}\n";
        let shown = Html::of(text).into_string();
        assert!(shown.is_ascii(), "{shown}");
        assert!(shown.contains("\\u{202e}") && shown.contains("\\u{1b}"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_text_holds_a_character_that_ends_text_or_attribute(text in ".*") {
            let shown = Html::of(&text).into_string();
            prop_assert!(!shown.contains(['<', '>', '"', '\'']));
            prop_assert!(!shown.chars().any(is_hidden));
        }
    }
}
