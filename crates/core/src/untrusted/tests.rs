use proptest::prelude::*;

use super::*;

/// Characters that are nobody's letters, and some that are.
fn texts() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        '\0',
        '\u{7}',
        '\n',
        '\r',
        '\t',
        '\u{1b}',
        '\u{7f}',
        '\u{85}',
        '\u{9b}',
        '\u{a0}',
        '\u{ad}',
        '\u{301}',
        '\u{34f}',
        '\u{61c}',
        '\u{115f}',
        '\u{180b}',
        '\u{200b}',
        '\u{200f}',
        '\u{2028}',
        '\u{202e}',
        '\u{2066}',
        '\u{20dd}',
        '\u{2800}',
        '\u{3164}',
        '\u{e000}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{fff9}',
        '\u{ffff}',
        '\u{e0041}',
        '\u{e01ef}',
        '\u{10fffd}',
        '\\',
        '"',
        '{',
        'u',
        'n',
        'é',
        'ß',
        '中',
        '😀',
        '…',
    ]);
    prop::collection::vec(prop_oneof![odd, any::<char>()], 0..40)
        .prop_map(|characters| characters.into_iter().collect())
}

/// Reads what was shown; `None` where it is no text that could be shown.
fn read(shown: &str) -> Option<String> {
    let (mut text, mut rest) = (String::new(), shown.chars());
    while let Some(character) = rest.next() {
        text.push(match character {
            '\\' => match rest.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '\\' => '\\',
                'u' => {
                    let (code, after) = rest.as_str().strip_prefix('{')?.split_once('}')?;
                    rest = after.chars();
                    char::from_u32(u32::from_str_radix(code, 16).ok()?)?
                }
                _ => return None,
            },
            character => character,
        });
    }
    Some(text)
}

#[track_caller]
fn assert_shown(text: &str) {
    assert!(!text.chars().any(is_hidden), "{}", text.escape_unicode());
    assert!(!text.chars().any(char::is_control), "{}", text.escape_unicode());
    let mut marks = 9;
    for character in text.chars() {
        let is_mark = Sighted::of(character);
        marks = if is_mark { marks + 1 } else { 0 };
        assert!(!is_mark || marks <= 3, "{}", text.escape_unicode());
    }
}

struct Sighted;

impl Sighted {
    fn of(character: char) -> bool {
        !is_hidden(character) && !character.is_ascii() && character.escape_debug().count() != 1
    }
}

#[test]
fn what_is_seen_stays_and_what_is_not_is_escaped() {
    for (text, shown) in [
        ("", ""),
        ("SPIRE's 3f9c \"x\"", "SPIRE's 3f9c \"x\""),
        ("Zoë, 中文, עברית, 😀, e\u{301}", "Zoë, 中文, עברית, 😀, e\u{301}"),
        ("a\nb\r\tc\\n", "a\\nb\\r\\tc\\\\n"),
        ("\u{1b}[2J\u{7}\u{7f}\u{9b}", "\\u{1b}[2J\\u{7}\\u{7f}\\u{9b}"),
        ("\u{202e}\u{2066}\u{200f}\u{61c}", "\\u{202e}\\u{2066}\\u{200f}\\u{61c}"),
        ("\u{200b}\u{feff}\u{ad}\u{34f}", "\\u{200b}\\u{feff}\\u{ad}\\u{34f}"),
        ("\u{115f}\u{3164}\u{ffa0}\u{2800}", "\\u{115f}\\u{3164}\\u{ffa0}\\u{2800}"),
        ("\u{fe0f}\u{e0100}\u{e0041}", "\\u{fe0f}\\u{e0100}\\u{e0041}"),
        ("\u{fff9}\u{2028}\u{e000}\u{ffff}", "\\u{fff9}\\u{2028}\\u{e000}\\u{ffff}"),
        ("\u{378}\u{a0}\u{3000}\u{180e}", "\\u{378}\\u{a0}\\u{3000}\\u{180e}"),
        ("\u{301}a", "\\u{301}a"),
        ("a\u{301}\u{302}\u{303}\u{304}\u{305}b", "a\u{301}\u{302}\u{303}\\u{304}\\u{305}b"),
    ] {
        assert_eq!(UntrustedText::from(text).to_string(), shown);
        assert_eq!(escape_line(shown), shown, "what was shown is not escaped twice");
    }
    assert_eq!(format!("{:?}", UntrustedText::from("a\"\\\u{1b}")), r#""a\"\\\u{1b}""#);
    assert_eq!(UntrustedText::from("a\"b").quoted(9), r#""a\"b""#);
}

#[test]
fn a_text_is_cut_at_the_edge_of_a_character_and_says_so() {
    assert_eq!(cut("plain", 5), "plain");
    assert_eq!(cut("plainer", 6), "pla…");
    assert_eq!(cut("ééé", 5), "é…");
    assert_eq!(cut("ééé", 4), "…");
    assert_eq!(cut("ééé", 2), "");
    assert_eq!(shown("ab\u{1b}cd", 8), "ab…");
    assert_eq!(shown("a\\b", 4), "a\\\\b");
    assert_eq!(
        UntrustedText::new(&"a".repeat(9999), 9999).as_received().len(),
        UntrustedText::LONGEST
    );
    let long = serde_json::to_string(&"é".repeat(9999)).unwrap();
    let long: UntrustedText = serde_json::from_str(&long).unwrap();
    assert!(
        long.as_received().len() <= UntrustedText::LONGEST && long.as_received().ends_with('…')
    );
}

#[test]
fn lines_of_ours_keep_their_ends_and_json_its_value() {
    assert_eq!(escape_lines("a\nb\u{202e}\\u{1b}"), "a\nb\\u{202e}\\u{1b}");
    assert_eq!(escape_line("a\nb"), "a\\nb");
    let json = "{\n  \"a\u{e0041}\": \"\u{301}\u{3164}\u{7f}\\n\"\n}";
    assert_eq!(escape_json(json), "{\n  \"a\\udb40\\udc41\": \"\\u0301\\u3164\\u007f\\n\"\n}");
}

#[test]
fn markup_stays_and_no_mark_stands_on_it() {
    let page = "<b title=\"\u{301}a\u{301}\">\u{301}\u{202e}e\u{301} &amp; \\u{1b}</b>";
    let shown = "<b title=\"\\u{301}a\u{301}\">\\u{301}\\u{202e}e\u{301} &amp; \\u{1b}</b>";
    assert_eq!(escape_markup(page), shown);
    assert_eq!(escape_markup(shown), shown);
}

proptest! {
    #[test]
    fn whatever_is_shown_can_be_seen_and_read_back(text in texts()) {
        let shown = UntrustedText::from(&*text).to_string();
        assert_shown(&shown);
        prop_assert_eq!(read(&shown), Some(text.clone()));
        prop_assert_eq!(&escape_line(&shown), &shown);
        assert_shown(&format!("{:?}", UntrustedText::from(&*text)));
    }

    #[test]
    fn no_two_texts_look_alike(one in texts(), other in texts()) {
        let shown = |text: &str| UntrustedText::from(text).to_string();
        prop_assert_eq!(one == other, shown(&one) == shown(&other));
    }

    #[test]
    fn a_length_is_kept(text in texts(), longest in 0_usize..80) {
        let whole = UntrustedText::from(&*text);
        let (stored, shortened) = (UntrustedText::new(&text, longest), whole.shortened(longest));
        prop_assert!(stored.as_received().len() <= longest && shortened.len() <= longest);
        assert_shown(&shortened);
        let stem = shortened.strip_suffix('…').unwrap_or(&shortened);
        prop_assert!(whole.to_string().starts_with(stem));
        let again = UntrustedText::new(stored.as_received(), longest);
        prop_assert_eq!(&again, &stored);
    }

    #[test]
    fn ours_is_escaped_once(text in texts()) {
        for escape in [escape_line, escape_lines] {
            let once = escape(&text);
            prop_assert!(!once.chars().any(is_hidden) || once.contains('\n'));
            prop_assert_eq!(&escape(&once), &once);
        }
        assert_shown(&escape_line(&text));
    }

    #[test]
    fn json_has_the_same_value(text in texts()) {
        let json = serde_json::to_string(&text).unwrap();
        let safe = escape_json(&json);
        assert_shown(&safe);
        prop_assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
    }
}
