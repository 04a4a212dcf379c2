//! Distinguished names and host names, as Go reads them in a certificate.

use crate::der::{Der, SEQUENCE, SET};

const UTF8_STRING: u8 = 0x0c;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const T61_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const BMP_STRING: u8 = 0x1e;

/// Whether Go reads this distinguished name.
pub(crate) fn is_distinguished_name(element: &[u8]) -> bool {
    fn read(element: &[u8]) -> Option<()> {
        let mut names = Der(element).read(SEQUENCE)?;
        while !names.is_empty() {
            let mut set = names.read(SET)?;
            while !set.is_empty() {
                let mut attribute = set.read(SEQUENCE)?;
                attribute.oid()?;
                let (tag, value, _) = attribute.any()?;
                is_string(tag, value.0).then_some(())?;
            }
        }
        Some(())
    }
    read(element).is_some()
}

fn is_string(tag: u8, value: &[u8]) -> bool {
    match tag {
        T61_STRING => true,
        UTF8_STRING => std::str::from_utf8(value).is_ok(),
        IA5_STRING => value.is_ascii(),
        NUMERIC_STRING => value.iter().all(|byte| matches!(byte, b'0'..=b'9' | b' ')),
        PRINTABLE_STRING => value.iter().all(|byte| is_printable(*byte)),
        BMP_STRING => is_bmp(value),
        _ => false,
    }
}

/// The letters of a `PrintableString`, and `*` and `&`, which Go takes beside them.
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(&byte)
}

/// Pairs of bytes, none of which is a surrogate or no character at all. One that ends the text is
/// left away first.
fn is_bmp(value: &[u8]) -> bool {
    let value =
        value.strip_suffix(&[0, 0]).filter(|_| value.len().is_multiple_of(2)).unwrap_or(value);
    let (units, rest) = value.as_chunks::<2>();
    let odd = |unit: u16| matches!(unit, 0xfffe | 0xffff | 0xfdd0..=0xfdef | 0xd800..=0xdfff);
    rest.is_empty() && units.iter().all(|unit| !odd(u16::from_be_bytes(*unit)))
}

/// Where a host name stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HostUse {
    /// As the name of something.
    Name,
    /// In a name constraint, where a dot may stand before it.
    Constraint,
}

/// Whether Go takes this host name in a certificate. None at all is taken.
pub(crate) fn is_host(name: &[u8], place: HostUse) -> bool {
    if name.is_empty() {
        return true;
    }
    let name = name.strip_prefix(b".").filter(|_| place == HostUse::Constraint).unwrap_or(name);
    let plain = |byte: &u8| (33..=126).contains(byte);
    name.split(|byte| *byte == b'.').all(|label| !label.is_empty() && label.iter().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_made_of_labels() {
        for taken in ["", "a", "example.org", "a.b:443", "[::1]", "_x", ".x"] {
            assert!(is_host(taken.as_bytes(), HostUse::Constraint), "{taken}");
        }
        for refused in [".x", "x.", ".", "a..b", "a b", "a\u{7f}", "\u{e9}"] {
            assert!(!is_host(refused.as_bytes(), HostUse::Name), "{refused}");
        }
    }

    #[test]
    fn strings_hold_what_their_type_allows() {
        for (tag, value, taken) in [
            (PRINTABLE_STRING, &b"SPIFFE *&"[..], true),
            (PRINTABLE_STRING, b"a_b", false),
            (UTF8_STRING, "\u{e9}".as_bytes(), true),
            (UTF8_STRING, b"\xe9", false),
            (T61_STRING, b"\xe9", true),
            (IA5_STRING, b"\xe9", false),
            (NUMERIC_STRING, b"1 2", true),
            (NUMERIC_STRING, b"1a", false),
            (BMP_STRING, b"\0a\0\0", true),
            (BMP_STRING, b"\0a\0", false),
            (BMP_STRING, b"\xd8\0", false),
            (0x1c, b"", false),
        ] {
            assert_eq!(is_string(tag, value), taken, "{tag:#x} {value:?}");
        }
    }
}
