//! URI name constraints (X509-SVID, 4.2; RFC 5280, 4.2.1.10), as Go's crypto/x509 reads them, and
//! go-spiffe with it.
//!
//! webpki refuses every URI name below a constraint on URI names. So it gets anchors without those
//! constraints ([`without_uris`]), and [`hold`] looks at each path that it finds. An intermediate's
//! constraints are part of what is signed and cannot be left out: [`above`] says how an intermediate
//! that has some was issued, so that webpki can take it as an anchor.

use std::net::IpAddr;

use x509_parser::extensions::{GeneralName, NameConstraints, ParsedExtension};
use x509_parser::prelude::X509Certificate;

use super::path::{self, Algorithms};
use super::presented;
use anchorwatch_core::time::Timestamp;

/// The most comparisons of a name with a constraint on one path, as in crypto/x509.
const COMPARISONS: usize = 250_000;
/// The most signatures that are checked to tell how intermediates were issued, as webpki does for
/// a path.
pub(super) const SIGNATURES: usize = 100;
/// The tag of a URI among general names (RFC 5280, 4.2.1.6).
const URI: u8 = 0x86;

/// Whether the URI names of a path are within all constraints on it. `path` goes from the leaf to
/// the anchor.
pub(super) fn hold(path: &[&X509Certificate<'_>]) -> bool {
    let mut left = COMPARISONS;
    path.iter().enumerate().all(|(place, issuer)| {
        let Some(constraints) = of(issuer) else { return true };
        let below = path.get(..place).unwrap_or_default();
        below.iter().all(|certificate| {
            let Ok(names) = certificate.subject_alternative_name() else { return false };
            let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
            names
                .iter()
                .filter_map(uri)
                .all(|uri| uri.is_ok_and(|uri| allows(constraints, uri, &mut left)))
        })
    })
}

/// The constraints of a certificate, where some are on URI names.
fn of<'a>(certificate: &'a X509Certificate<'_>) -> Option<&'a NameConstraints<'a>> {
    let constraints = certificate.name_constraints().ok().flatten()?.value;
    presented::constrains_uris(certificate).then_some(constraints)
}

/// Whether constraints allow a URI name: it matches none that is excluded and, where some are
/// permitted, one of those.
fn allows(constraints: &NameConstraints<'_>, uri: &str, left: &mut usize) -> bool {
    let NameConstraints { permitted_subtrees, excluded_subtrees } = constraints;
    let mut matching = |subtrees: &Option<Vec<x509_parser::extensions::GeneralSubtree<'_>>>| {
        let (mut any, mut found) = (false, false);
        for subtree in subtrees.iter().flatten() {
            let Some(constraint) = self::uri(&subtree.base) else { continue };
            *left = left.checked_sub(1)?;
            any = true;
            found |= matches(host(uri)?, constraint.ok()?)?;
        }
        Some((any, found))
    };
    let excluded = matching(excluded_subtrees);
    let permitted = matching(permitted_subtrees);
    let (Some((_, excluded)), Some((any, permitted))) = (excluded, permitted) else {
        // What cannot be compared is refused, as crypto/x509 does.
        return false;
    };
    !excluded && (permitted || !any)
}

/// A URI name that is no text: it can be compared with nothing.
struct Unreadable;

/// The text of a name that is a URI; `None` of a name of another kind.
fn uri<'a>(name: &GeneralName<'a>) -> Option<Result<&'a str, Unreadable>> {
    match name {
        GeneralName::URI(uri) => Some(Ok(uri)),
        GeneralName::Invalid(..) => Some(Err(Unreadable)),
        GeneralName::DNSName(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::IPAddress(_)
        | GeneralName::OtherName(..)
        | GeneralName::RFC822Name(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::X400Address(_) => None,
    }
}

/// The host of a URI name; `None` where it has none that could be compared with a domain.
fn host(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    // A bracket begins the address of IPv6, and what is escaped would have to be read first.
    let plain = !host.is_empty() && !host.contains(['[', ']', '%']);
    (plain && host.parse::<IpAddr>().is_err()).then_some(host)
}

/// Whether a host is within a constraint; `None` where one of them is no domain.
///
/// crypto/x509 takes a constraint as the domain and all below it; one that begins with a dot leaves
/// the domain itself out, and an empty one takes everything.
fn matches(host: &str, constraint: &str) -> Option<bool> {
    if constraint.is_empty() {
        return Some(true);
    }
    let (domain, below) = match constraint.strip_prefix('.') {
        Some(domain) => (domain, true),
        None => (constraint, false),
    };
    if domain.parse::<IpAddr>().is_ok() {
        return None;
    }
    let (host, domain) = (labels(host)?, labels(domain)?);
    let deep = domain.len().saturating_add(usize::from(below)) <= host.len();
    let same = host.iter().zip(&domain).all(|(one, other)| one.eq_ignore_ascii_case(other));
    Some(deep && same)
}

/// The labels of a domain, the last first.
fn labels(domain: &str) -> Option<Vec<&str>> {
    let printable = domain.bytes().all(|byte| byte.is_ascii_graphic());
    let labels: Vec<&str> = domain.rsplit('.').collect();
    (printable && labels.iter().all(|label| !label.is_empty())).then_some(labels)
}

/// The content of a name constraints extension without those on URI names, which is empty where
/// none is left; `None` where it cannot be read.
pub(super) fn without_uris(content: &[u8]) -> Option<Vec<u8>> {
    let mut kept = Vec::with_capacity(content.len());
    let mut rest = content;
    while !rest.is_empty() {
        let (tag, mut subtrees, after) = element(rest)?;
        rest = after;
        let mut others = Vec::new();
        while !subtrees.is_empty() {
            let (_, subtree, next) = element(subtrees)?;
            let whole = subtrees.len().checked_sub(next.len())?;
            if subtree.first() != Some(&URI) {
                others.extend_from_slice(subtrees.get(..whole)?);
            }
            subtrees = next;
        }
        if !others.is_empty() {
            kept.push(tag);
            kept.extend(length(others.len()));
            kept.extend(others);
        }
    }
    Some(kept)
}

/// The first element of some DER: its tag, its content, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(*first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// A length in DER.
fn length(length: usize) -> Vec<u8> {
    let bytes = length.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let significant = bytes.get(zeros..).unwrap_or_default();
    match (significant, u8::try_from(significant.len())) {
        ([], _) => vec![0],
        ([short @ 0..=0x7f], _) => vec![*short],
        (long, Ok(count)) => [&[0x80 | count], long].concat(),
        (_, Err(_)) => Vec::new(),
    }
}

/// How a certificate of the chain was issued.
#[derive(Clone, Debug)]
pub(super) struct Issued {
    /// The place of the anchor.
    pub(super) anchor: usize,
    /// The places of the intermediates between, from below.
    pub(super) between: Vec<usize>,
    /// The most certificates that may stand below it, where something limits them.
    pub(super) path_length: Option<u32>,
}

/// What [`above`] goes through.
pub(super) struct Issuers<'a> {
    /// The certificates that may stand between.
    pub(super) intermediates: &'a [&'a X509Certificate<'a>],
    /// The anchors, whose own fitness was looked at.
    pub(super) anchors: &'a [X509Certificate<'a>],
    /// Which algorithms may have signed.
    pub(super) algorithms: Algorithms,
    /// The moment to verify at.
    pub(super) now: Timestamp,
    /// How many signatures may still be checked: what is presented is anyone's choice.
    pub(super) signatures: usize,
}

/// Every way in which the intermediate at this place was issued by an anchor, under the rules of RFC
/// 5280, 6.1 but for constraints on URI names, which [`hold`] looks at. Other constraints above it
/// would have to be held by the names below, which webpki then does not see: there is no way
/// through them.
pub(super) fn above(place: usize, issuers: &mut Issuers<'_>, below: &[usize]) -> Vec<Issued> {
    let (intermediates, anchors) = (issuers.intermediates, issuers.anchors);
    let Some(certificate) = intermediates.get(place) else { return Vec::new() };
    if below.contains(&place) || !may_issue(certificate, issuers.now) {
        return Vec::new();
    }
    let own = path_length(certificate);
    let mut found = Vec::new();
    for (anchor, issuer) in anchors.iter().enumerate() {
        if let Ok(path_length) = below_issuer(own, path_length(issuer))
            && issuers.has_issued(issuer, certificate)
        {
            found.push(Issued { anchor, between: Vec::new(), path_length });
        }
    }
    let below = [below, &[place]].concat();
    for (next, issuer) in intermediates.iter().enumerate() {
        if below.contains(&next) || !issuers.has_issued(issuer, certificate) {
            continue;
        }
        for way in above(next, issuers, &below) {
            if let Ok(path_length) = below_issuer(own, way.path_length) {
                let between = [&[next], way.between.as_slice()].concat();
                found.push(Issued { anchor: way.anchor, between, path_length });
            }
        }
    }
    found
}

/// The issuer allows no certificate below its own.
struct NoneAllowed;

/// How many certificates may stand below one that allows `own` and whose issuer allows `issuer`; `None`
/// where neither says.
fn below_issuer(own: Option<u32>, issuer: Option<u32>) -> Result<Option<u32>, NoneAllowed> {
    let Some(issuer) = issuer else { return Ok(own) };
    let left = issuer.checked_sub(1).ok_or(NoneAllowed)?;
    Ok(Some(own.map_or(left, |own| own.min(left))))
}

impl Issuers<'_> {
    fn has_issued(&mut self, issuer: &X509Certificate<'_>, below: &X509Certificate<'_>) -> bool {
        if issuer.subject().as_raw() != below.issuer().as_raw() || constrains_others(issuer) {
            return false;
        }
        path::has_signed(issuer, below, self.algorithms, &mut self.signatures)
    }
}

/// Whether a certificate limits names other than URI names.
fn constrains_others(certificate: &X509Certificate<'_>) -> bool {
    let Ok(constraints) = certificate.name_constraints() else { return true };
    let NameConstraints { permitted_subtrees, excluded_subtrees } = match constraints {
        Some(constraints) => constraints.value,
        None => return false,
    };
    let mut subtrees = permitted_subtrees.iter().chain(excluded_subtrees).flatten();
    subtrees.any(|subtree| !matches!(subtree.base, GeneralName::URI(_)))
}

fn path_length(certificate: &X509Certificate<'_>) -> Option<u32> {
    certificate.basic_constraints().ok().flatten()?.value.path_len_constraint
}

/// Whether an intermediate may issue certificates now.
fn may_issue(certificate: &X509Certificate<'_>, now: Timestamp) -> bool {
    let is_ca = matches!(certificate.basic_constraints(), Ok(Some(basic)) if basic.value.ca);
    let signs = match certificate.key_usage() {
        Ok(usage) => usage.is_none_or(|usage| usage.value.key_cert_sign()),
        Err(_) => false,
    };
    let known = certificate.extensions().iter().all(|extension| {
        let read = !matches!(extension.parsed_extension(), ParsedExtension::ParseError { .. });
        read && (!extension.critical
            || matches!(
                extension.parsed_extension(),
                ParsedExtension::BasicConstraints(_)
                    | ParsedExtension::ExtendedKeyUsage(_)
                    | ParsedExtension::KeyUsage(_)
                    | ParsedExtension::NameConstraints(_)
                    | ParsedExtension::SubjectAlternativeName(_)
            ))
    });
    is_ca && signs && known && presented::validity(certificate).contains(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_within_a_constraint_as_go_says() {
        for (host, constraint, expected) in [
            ("example.org", "example.org", Some(true)),
            ("EXAMPLE.org", "example.ORG", Some(true)),
            ("a.example.org", "example.org", Some(true)),
            ("a.example.org", ".example.org", Some(true)),
            ("example.org", ".example.org", Some(false)),
            ("badexample.org", "example.org", Some(false)),
            ("org", "example.org", Some(false)),
            ("example.org", "", Some(true)),
            ("example.org.", "example.org", None),
            ("example.org", "10.0.0.1", None),
            ("example.org", "example..org", None),
        ] {
            assert_eq!(matches(host, constraint), expected, "{host} {constraint}");
        }
    }

    #[test]
    fn the_host_of_a_uri_is_read_and_an_address_is_none() {
        for (uri, expected) in [
            ("spiffe://example.org/a", Some("example.org")),
            ("spiffe://example.org", Some("example.org")),
            ("https://user@example.org:8443/?q#f", Some("example.org")),
            ("spiffe://10.0.0.1/a", None),
            ("spiffe://[::1]:1/a", None),
            ("spiffe:///a", None),
            ("spiffe://ex%61mple.org/a", None),
            ("urn:example", None),
        ] {
            assert_eq!(host(uri), expected, "{uri}");
        }
    }

    #[test]
    fn only_constraints_on_uris_are_left_out() {
        let uri = [0x30, 3, URI, 1, b'a'];
        let dns = [0x30, 3, 0x82, 1, b'b'];
        let subtrees = |tag: u8, all: &[&[u8]]| {
            let content = all.concat();
            [&[tag, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
        };
        let both = [subtrees(0xa0, &[&uri, &dns]), subtrees(0xa1, &[&uri])].concat();
        assert_eq!(without_uris(&both), Some(subtrees(0xa0, &[&dns])));
        assert_eq!(without_uris(&subtrees(0xa0, &[&uri])), Some(Vec::new()));
        assert_eq!(without_uris(&[0xa0, 9, 0x30]), None);
        let many = vec![&dns[..]; 40];
        let long = [vec![0xa0, 0x81, 200], many.concat()].concat();
        assert_eq!(without_uris(&long), Some(long.clone()));
    }
}
