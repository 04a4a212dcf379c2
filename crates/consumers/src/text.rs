//! What a JSON string says to a consumer in Go, which takes any bytes and puts U+FFFD where they
//! are no text.

use std::borrow::Cow;

/// The text of a string that was scanned, quotes and all.
pub(crate) fn unquoted(raw: &[u8]) -> Cow<'_, str> {
    let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    if !inner.contains(&b'\\')
        && let Ok(text) = std::str::from_utf8(inner)
    {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while !rest.is_empty() {
        let plain = rest.iter().position(|byte| *byte == b'\\').unwrap_or(rest.len());
        let (before, from) = rest.split_at_checked(plain).unwrap_or((rest, &[]));
        push_lossy(&mut text, before);
        rest = escape(&mut text, from);
    }
    Cow::Owned(text)
}

/// Bytes as text. Go puts one U+FFFD for each byte that is no part of a character.
fn push_lossy(text: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
}

/// Reads the escape that `from` begins with, if any, and gives what follows it.
fn escape<'a>(text: &mut String, from: &'a [u8]) -> &'a [u8] {
    let Some((letter, rest)) = from.get(1..).and_then(<[u8]>::split_first) else { return &[] };
    text.push(match letter {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let (unit, rest) = unit(rest);
            if let 0xd800..0xdc00 = unit
                && let Some(low) = rest.strip_prefix(b"\\u")
                && let (0xdc00..0xe000, after) = self::unit(low)
            {
                let (low, _) = self::unit(low);
                let pair = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                text.push(char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER));
                return after;
            }
            text.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
            return rest;
        }
        other => char::from(*other),
    });
    rest
}

/// Four hex digits.
fn unit(from: &[u8]) -> (u32, &[u8]) {
    let (digits, rest) = from.split_at_checked(4).unwrap_or((from, &[]));
    let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or_default();
    (digits.iter().fold(0, |unit, byte| (unit << 4) | digit(byte)), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_read_as_go_reads_it() {
        for (raw, text) in [
            (&br#""plain""#[..], "plain"),
            (br#""a\"\\\/\b\f\n\r\t""#, "a\"\\/\u{8}\u{c}\n\r\t"),
            (br#""\u00e9\ud83d\ude00""#, "\u{e9}\u{1f600}"),
            (br#""\ud800x\udc00\ud800\ud83d\ude00""#, "\u{fffd}x\u{fffd}\u{fffd}\u{1f600}"),
            (br#""\ud800A""#, "\u{fffd}A"),
            (b"\"\xe2\x82x\xff\"", "\u{fffd}\u{fffd}x\u{fffd}"),
            (b"\"\xed\xa0\x80\"", "\u{fffd}\u{fffd}\u{fffd}"),
            (br#""""#, ""),
        ] {
            assert_eq!(unquoted(raw), text);
        }
    }
}
