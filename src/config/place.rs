//! The place of something in a file, and how its text is quoted.

use anchorwatch_core::untrusted::UntrustedText;

/// The place of something in a file: line and column, counted from 1, in characters.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

/// Text of the file as it may appear in a message: quoted, escaped, cut to 64 bytes, and
/// without what is between `://` and `@`, which may be a password.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 64;
    let secret = text.split_once("://").and_then(|(scheme, rest)| {
        let (_, host) = rest.rsplit_once('@')?;
        Some(format!("{scheme}://***@{host}"))
    });
    let text = secret.as_deref().unwrap_or(text);
    UntrustedText::from(text).quoted(MOST)
}
