//! Whether Go reads a text as a URL (`net/url.Parse`), and what it takes for its host.

use std::net::{IpAddr, Ipv6Addr};

/// The host of a URL as Go reads it, unescaped and with its port; `None` where Go reads no URL.
/// Anything relative is one too, and has an empty host.
pub(crate) fn host(text: &str) -> Option<Vec<u8>> {
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    let host = without_fragment(text)?;
    unescaped(fragment, Part::Other)?;
    Some(host)
}

fn without_fragment(text: &str) -> Option<Vec<u8>> {
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return None;
    }
    if text == "*" {
        return Some(Vec::new());
    }
    let (scheme, rest) = scheme(text)?;
    // What follows a question mark is taken as it is.
    let rest = rest.split('?').next().unwrap_or_default();
    if !rest.starts_with('/') {
        if !scheme.is_empty() {
            return Some(Vec::new());
        }
        // RFC 3986, 4.2: no colon in the first segment of a relative path.
        if rest.split('/').next().unwrap_or_default().contains(':') {
            return None;
        }
    }
    let after = rest.strip_prefix("//").filter(|_| !scheme.is_empty() || !rest.starts_with("///"));
    let (host, path) = match after {
        None => (Vec::new(), rest),
        Some(after) => {
            let end = after.find('/').unwrap_or(after.len());
            let (authority, path) = after.split_at_checked(end)?;
            (of_authority(scheme, authority)?, path)
        }
    };
    unescaped(path, Part::Other)?;
    Some(host)
}

/// The scheme, and what follows its colon; an empty one where there is none.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let end = text.bytes().position(|byte| !letter(byte)).unwrap_or(text.len());
    let (before, rest) = text.split_at_checked(end)?;
    match rest.strip_prefix(':') {
        Some(_) if before.is_empty() => None,
        Some(rest) if before.starts_with(|c: char| c.is_ascii_alphabetic()) => Some((before, rest)),
        Some(_) | None => Some(("", text)),
    }
}

fn of_authority(scheme: &str, authority: &str) -> Option<Vec<u8>> {
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let host = of_host(scheme, host)?;
    if let Some(user) = user {
        let letter =
            |byte: u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte);
        user.bytes().all(letter).then_some(())?;
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        unescaped(name, Part::Other)?;
        unescaped(password, Part::Other)?;
    }
    Some(host)
}

fn of_host(scheme: &str, host: &str) -> Option<Vec<u8>> {
    match host.rfind('[') {
        Some(0) => return of_literal(host),
        Some(_) => return None,
        None => (),
    }
    if let (Some(first), Some(last)) = (host.find(':'), host.rfind(':')) {
        // RFC 3986, 3.2.2: no colon in a host. Go holds http and https to it, from 1.26 on.
        let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        is_port(host.get(if web { first } else { last }..)?).then_some(())?;
    }
    unescaped(host, Part::Host)
}

/// RFC 3986, 3.2.2, and RFC 6874: an IPv6 address in brackets.
fn of_literal(host: &str) -> Option<Vec<u8>> {
    let (inner, port) = host.get(1..)?.rsplit_once(']')?;
    is_port(port).then_some(())?;
    let port = unescaped(port, Part::Host)?;
    let name = match inner.find("%25") {
        Some(at) => {
            let (address, zone) = inner.split_at_checked(at)?;
            [unescaped(address, Part::Host)?, unescaped(zone, Part::Zone)?].concat()
        }
        None => unescaped(inner, Part::Host)?,
    };
    let at = name.iter().position(|byte| *byte == b'%').unwrap_or(name.len());
    let (address, zone) = name.split_at_checked(at)?;
    let address = std::str::from_utf8(address).ok()?;
    address.parse::<Ipv6Addr>().ok()?;
    // A zone that is begun has a name.
    (zone.len() != 1).then_some(())?;
    Some([b"[", &*name, b"]", &*port].concat())
}

fn is_port(text: &str) -> bool {
    let Some(digits) = text.strip_prefix(':') else { return text.is_empty() };
    digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Which part of a URL is unescaped.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Part {
    Host,
    Zone,
    Other,
}

fn unescaped(text: &str, part: Part) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            if part != Part::Other && byte.is_ascii() && !is_host_byte(*byte) {
                return None;
            }
            bytes.push(*byte);
            continue;
        }
        let [high, low, after @ ..] = rest else { return None };
        rest = after;
        let digit =
            |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let value = digit(*high)? << 4 | digit(*low)?;
        let allowed = match part {
            Part::Other => true,
            // RFC 3986, 3.2.2: what is no ASCII; and the percent sign before a zone.
            Part::Host => !value.is_ascii() || value == b'%',
            Part::Zone => matches!(value, b'%' | b' ') || is_host_byte(value),
        };
        if !allowed {
            return None;
        }
        bytes.push(value);
    }
    Some(bytes)
}

/// What may stand in a host as it is, and a little more.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]<>\"".contains(&byte)
}

/// Whether a text is an IP address to Go, without a zone.
pub(crate) fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_reads_has_the_host_that_go_finds() {
        for (text, found) in [
            ("", ""),
            ("*", ""),
            ("spiffe://example.org", "example.org"),
            ("spiffe://example.org/a%20b?%zz#%41", "example.org"),
            ("spiffe://u:p@example.org:8443/x", "example.org:8443"),
            ("spiffe://a:b:1", "a:b:1"),
            ("spiffe:opaque:%zz", ""),
            ("/path", ""),
            ("//host/path", "host"),
            ("///path", ""),
            ("a/b:c", ""),
            ("x://[::1]:80", "[::1]:80"),
            ("x://[fe80::1%25en0]", "[fe80::1%en0]"),
            ("x://%e9", "\u{fffd}"),
        ] {
            let read = host(text).map(|host| String::from_utf8_lossy(&host).into_owned());
            assert_eq!(read.as_deref(), Some(found), "{text}");
        }
    }

    #[test]
    fn what_go_does_not_read_is_no_url() {
        for text in [
            ":x",
            "1x:/",
            "a:b\u{7f}",
            "a\nb",
            "1a:b",
            "x://a b",
            "x://%41",
            "x://%",
            "x://a/%z1",
            "x://h#%2",
            "x://[::1",
            "x://a[",
            "x://[1.2.3.4]",
            "x://[::1]x",
            "x://h:8a",
            "https://a:b:1",
            "x://u\u{20}@h",
            "x://u%@h",
            "x://[fe80::1%25]",
            "x://a|b",
        ] {
            assert_eq!(host(text), None, "{text}");
        }
    }
}
