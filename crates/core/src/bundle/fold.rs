//! A member's name without its case, as consumers in Go compare it.

use std::borrow::Cow;

/// A name as `encoding/json` compares it with those of ASCII letters that it looks for.
///
/// Go's `foldName` is `bytes.EqualFold`: by Unicode's *simple* folding, one character for one. Of
/// all characters that are not ASCII it makes a letter of two, the long s and the Kelvin sign.
/// A ligature is none of its letters, and a dotless i is no i.
pub fn folded(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
        return Cow::Borrowed(name);
    }
    let fold = |character: char| match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        character => character.to_ascii_lowercase(),
    };
    Cow::Owned(name.chars().map(fold).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_folded_as_in_go() {
        for name in ["KEYS", "keys", "key\u{17f}", "\u{212a}eys"] {
            assert_eq!(folded(name), "keys");
        }
    }

    #[test]
    fn of_what_is_not_ascii_two_characters_are_letters() {
        let folds: String = ('\u{80}'..=char::MAX)
            .filter(|character| folded(&character.to_string()).is_ascii())
            .collect();
        // `go run` of strings.EqualFold over all characters and letters says the same.
        assert_eq!(folds, "\u{17f}\u{212a}");
    }
}
