//! The extensions of a certificate, as Go reads them: those that it knows must have the form that
//! it expects, and the others may be anything.

use crate::der::{Der, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, constructed, context};
use crate::{name, uri};

/// `id-ce`, under which the standard extensions stand (RFC 5280, 4.2.1).
const STANDARD: &[u8] = &[0x55, 0x1d];
/// `id-pe-authorityInfoAccess` (RFC 5280, 4.2.2.1).
const AUTHORITY_ACCESS: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01];

/// One extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CertificateExtension<'a> {
    pub(crate) id: &'a [u8],
    pub(crate) critical: bool,
    pub(crate) value: Der<'a>,
}

impl<'a> CertificateExtension<'a> {
    pub(crate) fn read(mut der: Der<'a>) -> Option<Self> {
        let id = der.oid()?;
        let critical = if der.peek(super::der::BOOLEAN) { der.boolean()? } else { false };
        Some(Self { id, critical, value: der.read(OCTET_STRING)? })
    }

    /// What is wrong with it; else whether it says that the certificate is a CA's.
    pub(crate) fn says_ca(&self) -> Result<Option<bool>, &'static str> {
        let value = self.value;
        let taken = |read: Option<()>, what: &'static str| read.map(|()| None).ok_or(what);
        if self.id == AUTHORITY_ACCESS {
            let read = (!self.critical).then_some(()).and_then(|()| authority_access(value));
            return taken(read, "its authority information access");
        }
        let [first, second, number] = self.id else { return Ok(None) };
        if [*first, *second] != *STANDARD {
            return Ok(None);
        }
        match number {
            14 => {
                let mut value = Some(value).filter(|_| !self.critical);
                let read = value.as_mut().and_then(|value| value.read(OCTET_STRING));
                taken(read.map(|_| ()), "its subject key identifier")
            }
            15 => taken({ value }.bits().map(|_| ()), "its key usage"),
            17 => taken(alternative_names(value), "its subject alternative names"),
            19 => basic_constraints(value).map(Some).ok_or("its basic constraints"),
            30 => taken(name_constraints(value), "its name constraints"),
            31 => taken(distribution_points(value), "its CRL distribution points"),
            32 => taken(policies(value), "its policies"),
            33 => taken(policy_mappings(value), "its policy mappings"),
            35 => {
                let read = (!self.critical).then_some(()).and_then(|()| authority_key(value));
                taken(read, "its authority key identifier")
            }
            36 => taken(policy_constraints(value), "its policy constraints"),
            37 => taken(key_purposes(value), "its extended key usage"),
            54 => taken(inhibit_any_policy(value), "its inhibition of any policy"),
            _ => Ok(None),
        }
    }
}

fn basic_constraints(mut value: Der<'_>) -> Option<bool> {
    let mut value = value.read(SEQUENCE)?;
    let ca = if value.peek(super::der::BOOLEAN) { value.boolean()? } else { false };
    if value.peek(INTEGER) {
        // As much as a signed 64-bit number holds, and not below 0.
        let length = value.integer()?;
        (length.len() <= 8 && length.first()? & 0x80 == 0).then_some(())?;
    }
    Some(ca)
}

fn alternative_names(mut value: Der<'_>) -> Option<()> {
    let mut names = value.read(SEQUENCE)?;
    while !names.is_empty() {
        let (tag, name, _) = names.any()?;
        match tag {
            0x81 | 0x82 => name.0.is_ascii().then_some(())?,
            0x86 => {
                let text = std::str::from_utf8(name.0).ok().filter(|text| text.is_ascii())?;
                name::is_host(&uri::host(text)?, name::HostUse::Name).then_some(())?;
            }
            0x87 => matches!(name.0.len(), 4 | 16).then_some(())?,
            _ => (),
        }
    }
    Some(())
}

fn name_constraints(mut value: Der<'_>) -> Option<()> {
    let mut trees = value.read(SEQUENCE)?;
    value.is_empty().then_some(())?;
    let permitted = trees.optional(constructed(0))?;
    let excluded = trees.optional(constructed(1))?;
    // RFC 5280, 4.2.1.10: one of them is there.
    (trees.is_empty() && !(permitted.is_empty() && excluded.is_empty())).then_some(())?;
    subtrees(permitted)?;
    subtrees(excluded)
}

fn subtrees(mut trees: Der<'_>) -> Option<()> {
    while !trees.is_empty() {
        let (tag, base, _) = trees.read(SEQUENCE)?.any()?;
        let text = || std::str::from_utf8(base.0).ok().filter(|text| text.is_ascii());
        match tag {
            // A mailbox is not looked into: a constraint on one concerns no SPIFFE ID.
            0x81 if text()?.contains('@') => true,
            0x81 | 0x82 => text().is_some() && name::is_host(base.0, name::HostUse::Constraint),
            0x86 => !uri::is_address(text()?) && name::is_host(base.0, name::HostUse::Constraint),
            0x87 => matches!(base.0.len(), 8 | 32) && is_mask(base.0.get(base.0.len() / 2..)?),
            _ => true,
        }
        .then_some(())?;
    }
    Some(())
}

/// Whether bits that are set are followed by bits that are not, and by nothing else.
fn is_mask(mask: &[u8]) -> bool {
    let rest = mask.iter().skip_while(|byte| **byte == 0xff);
    let mut rest = rest.copied();
    let edge = rest.next().unwrap_or_default();
    edge.count_ones() == edge.leading_ones() && rest.all(|byte| byte == 0)
}

fn distribution_points(mut value: Der<'_>) -> Option<()> {
    let mut points = value.read(SEQUENCE)?;
    while !points.is_empty() {
        let mut point = points.read(SEQUENCE)?;
        if !point.peek(constructed(0)) {
            continue;
        }
        let mut full = point.read(constructed(0))?.read(constructed(0))?;
        while full.peek(context(6)) {
            full.read(context(6))?;
        }
    }
    Some(())
}

fn policies(mut value: Der<'_>) -> Option<()> {
    let mut policies = value.read(SEQUENCE)?;
    let mut seen = std::collections::BTreeSet::new();
    while !policies.is_empty() {
        let id = policies.read(SEQUENCE)?.read(OBJECT_IDENTIFIER)?.0;
        // Numbers of any size, each in its fewest octets.
        let mut begins = true;
        for byte in id {
            (!begins || *byte != 0x80).then_some(())?;
            begins = byte & 0x80 == 0;
        }
        (!id.is_empty() && begins && seen.insert(id)).then_some(())?;
    }
    Some(())
}

fn policy_mappings(mut value: Der<'_>) -> Option<()> {
    let mut mappings = value.read(SEQUENCE)?;
    while !mappings.is_empty() {
        let mut mapping = mappings.read(SEQUENCE)?;
        mapping.read(OBJECT_IDENTIFIER)?;
        mapping.read(OBJECT_IDENTIFIER)?;
    }
    Some(())
}

fn policy_constraints(mut value: Der<'_>) -> Option<()> {
    let mut constraints = value.read(SEQUENCE)?;
    for tag in [context(0), context(1)] {
        if constraints.peek(tag) {
            (constraints.integer_with(tag)?.len() <= 8).then_some(())?;
        }
    }
    Some(())
}

fn inhibit_any_policy(mut value: Der<'_>) -> Option<()> {
    (value.integer()?.len() <= 8).then_some(())
}

fn authority_key(mut value: Der<'_>) -> Option<()> {
    let mut id = value.read(SEQUENCE)?;
    id.optional(context(0)).map(|_| ())
}

fn key_purposes(mut value: Der<'_>) -> Option<()> {
    let mut purposes = value.read(SEQUENCE)?;
    while !purposes.is_empty() {
        purposes.oid()?;
    }
    Some(())
}

fn authority_access(mut value: Der<'_>) -> Option<()> {
    let mut descriptions = value.read(SEQUENCE)?;
    while !descriptions.is_empty() {
        let mut description = descriptions.read(SEQUENCE)?;
        description.oid()?;
        description.optional(context(6))?;
    }
    Some(())
}
