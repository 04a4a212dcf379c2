//! A certificate as Go's `x509.ParseCertificate` reads it, which is what SPIRE, go-spiffe and
//! Istio do with every certificate of a document.

use std::collections::BTreeSet;

use crate::der::{Der, SEQUENCE, constructed, context};
use crate::extensions::CertificateExtension;
use crate::key::{self, Certified, PublicKey};
use crate::name;

/// What a consumer looks at in a certificate.
#[derive(Clone, Debug)]
pub(crate) struct GoCertificate {
    pub(crate) der: Vec<u8>,
    /// `None` where Go does not know the key's algorithm.
    pub(crate) key: Option<PublicKey>,
    pub(crate) is_ca: bool,
    /// `notAfter` less `notBefore`, in seconds.
    pub(crate) lifetime: i64,
}

impl GoCertificate {
    /// Reads a certificate; else says which part of it Go does not take.
    pub(crate) fn parse(der: Vec<u8>) -> Result<Self, &'static str> {
        let Facts { key, is_ca, lifetime } = facts(&der)?;
        Ok(Self { der, key, is_ca, lifetime })
    }
}

struct Facts {
    key: Option<PublicKey>,
    is_ca: bool,
    lifetime: i64,
}

fn facts(der: &[u8]) -> Result<Facts, &'static str> {
    const FORM: &str = "its outer form";
    let mut input = Der(der);
    let mut whole = input.read(SEQUENCE).ok_or(FORM)?;
    if !input.is_empty() {
        return Err("bytes that follow it");
    }
    let mut body = whole.read(SEQUENCE).ok_or(FORM)?;
    let version = version(&mut body).ok_or("its version")?;
    // RFC 5280, 4.1.2.2: no negative number.
    let serial = body.integer().ok_or("its serial number")?;
    if serial.first().is_none_or(|first| first & 0x80 != 0) {
        return Err("its negative serial number");
    }
    let inner = body.read(SEQUENCE).ok_or("its signature algorithm")?;
    let outer = whole.read(SEQUENCE).ok_or("its signature algorithm")?;
    if inner.0 != outer.0 || algorithm(inner).is_none() {
        return Err("its signature algorithm");
    }
    distinguished_name(&mut body).ok_or("its issuer")?;
    let mut validity = body.read(SEQUENCE).ok_or("its validity")?;
    let not_before = validity.time().ok_or("its notBefore")?;
    let not_after = validity.time().ok_or("its notAfter")?;
    distinguished_name(&mut body).ok_or("its subject")?;
    let spki = body.element(SEQUENCE).ok_or("its public key")?;
    let key = match key::of_certificate(spki).ok_or("its public key")? {
        Certified::Key(key) => Some(key),
        Certified::Unknown => None,
    };
    let is_ca = rest(&mut body, version)?;
    whole.bits().ok_or("its signature")?;
    Ok(Facts { key, is_ca, lifetime: not_after - not_before })
}

/// The version, counted from 1.
fn version(body: &mut Der<'_>) -> Option<u8> {
    if !body.peek(constructed(0)) {
        return Some(1);
    }
    let mut version = body.read(constructed(0))?;
    let [version] = version.integer().filter(|_| version.is_empty())? else { return None };
    (*version < 3).then(|| version + 1)
}

fn algorithm(mut algorithm: Der<'_>) -> Option<()> {
    algorithm.oid()?;
    if algorithm.is_empty() { Some(()) } else { algorithm.any().map(|_| ()) }
}

fn distinguished_name(body: &mut Der<'_>) -> Option<()> {
    name::is_distinguished_name(body.element(SEQUENCE)?).then_some(())
}

/// What follows the key: unique identifiers, and in version 3 the extensions. Says whether the
/// certificate is a CA's.
fn rest(body: &mut Der<'_>, version: u8) -> Result<bool, &'static str> {
    let mut is_ca = false;
    if version < 2 {
        return Ok(is_ca);
    }
    body.optional(context(1)).ok_or("its unique identifiers")?;
    body.optional(context(2)).ok_or("its unique identifiers")?;
    if version < 3 {
        return Ok(is_ca);
    }
    if !body.peek(constructed(3)) {
        return Ok(is_ca);
    }
    let mut extensions = body.read(constructed(3)).ok_or("its extensions")?;
    let mut listed = extensions.read(SEQUENCE).ok_or("its extensions")?;
    let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
    while !listed.is_empty() {
        let extension =
            listed.read(SEQUENCE).and_then(CertificateExtension::read).ok_or("an extension")?;
        if !seen.insert(extension.id) {
            return Err("an extension that occurs twice");
        }
        all.push(extension);
    }
    for extension in all {
        is_ca = extension.says_ca()?.unwrap_or(is_ca);
    }
    Ok(is_ca)
}
