//! Base64 as Go's decoders take it: line breaks anywhere, and bits left over at the end.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Base64 of the standard alphabet with padding (`base64.StdEncoding`), as in `x5c`.
pub(crate) fn standard(text: &str) -> Option<Vec<u8>> {
    // What a strict decoder takes, Go takes too, and it is faster.
    if let Ok(bytes) = STANDARD.decode(text) {
        return Some(bytes);
    }
    let mut decoder = Decoder::new(text.len());
    let mut padding = 0;
    for byte in text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')) {
        match byte {
            b'=' => padding += 1,
            _ if 0 < padding => return None,
            b'+' => decoder.push(62),
            b'/' => decoder.push(63),
            other => decoder.push(digit(other)?),
        }
    }
    // Three would be due after one digit, which is less than a byte.
    let due = (4 - decoder.digits % 4) % 4;
    (due != 3 && padding == due).then_some(decoder.bytes)
}

/// Base64 of the alphabet for URLs without padding (`base64.RawURLEncoding`), as in a JWK.
pub(crate) fn url(text: &str) -> Option<Vec<u8>> {
    if let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) {
        return Some(bytes);
    }
    let mut decoder = Decoder::new(text.len());
    for byte in text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')) {
        decoder.push(match byte {
            b'-' => 62,
            b'_' => 63,
            other => digit(other)?,
        });
    }
    // One digit alone is less than a byte.
    (decoder.digits % 4 != 1).then_some(decoder.bytes)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        _ => None,
    }
}

struct Decoder {
    bytes: Vec<u8>,
    digits: u32,
    /// The bits that are not yet a byte, lowest last.
    bits: u32,
}

impl Decoder {
    fn new(length: usize) -> Self {
        Self { bytes: Vec::with_capacity(length / 4 * 3 + 2), digits: 0, bits: 0 }
    }

    fn push(&mut self, digit: u8) {
        self.bits = (self.bits << 6 | u32::from(digit)) & 0xffff;
        self.digits = self.digits.wrapping_add(1);
        let left = match self.digits % 4 {
            2 => 4,
            3 => 2,
            0 => 0,
            _ => return,
        };
        self.bytes.extend(u8::try_from(self.bits >> left & 0xff));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_alphabet_is_padded() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9vYg==", b"foob"),
            ("+/+/", b"\xfb\xff\xbf"),
            // Bits that are left over are nobody's business.
            ("Zh==", b"f"),
            ("Zm\r\n8=\n", b"fo"),
            ("Z\ng=\n=\n", b"f"),
        ] {
            assert_eq!(standard(text).as_deref(), Some(bytes), "{text}");
        }
        for text in
            ["Zg", "Zg=", "Zg===", "Z===", "=", "Zm9v=", "Zg==Zg==", "Zm9 v", "-_-_", "Zg==x"]
        {
            assert_eq!(standard(text), None, "{text}");
        }
    }

    #[test]
    fn the_alphabet_for_urls_is_not_padded() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg", b"f"),
            ("Zm8", b"fo"),
            ("Zm\n9v", b"foo"),
            ("-_-_", b"\xfb\xff\xbf"),
        ] {
            assert_eq!(url(text).as_deref(), Some(bytes), "{text}");
        }
        for text in ["Z", "Zm9vY", "Zg==", "+/+/", "Zm 8"] {
            assert_eq!(url(text), None, "{text}");
        }
    }
}
