//! Files with trust in them: a trust domain's bundle, received out of band, and CA files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::place::quoted;
use anchorwatch_core::bundle::{
    Authority, AuthorityId, Certificate, ParseError, ParseLimits, SvidType, parse,
};
use anchorwatch_core::spiffe::TrustDomain;

/// Why a file gives no trust. The message does not name the file.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// There is no such file.
    #[error("there is no such file")]
    Missing,
    /// The file cannot be read.
    #[error("it cannot be read: {why}")]
    Unreadable {
        /// Why.
        why: io::Error,
    },
    /// The file is larger than any bundle may be.
    #[error("it has more than {limit} bytes")]
    TooLarge {
        /// The most bytes.
        limit: u64,
    },
    /// There is nothing in the file.
    #[error("it is empty")]
    Empty,
    /// The file holds neither a SPIFFE bundle nor PEM certificates.
    #[error("{detail}")]
    NotABundle {
        /// What is wrong with it.
        detail: Box<str>,
    },
    /// The bundle has no X.509 authority, and nothing else can authenticate an endpoint.
    #[error("it holds no X.509 authority")]
    NoX509Authority,
    /// A CA names another trust domain.
    #[error("it is of another trust domain: a CA in it names {found}")]
    Foreign {
        /// The name in the CA, quoted, escaped and cut.
        found: Box<str>,
    },
}

impl BootstrapError {
    /// What would be right, where `wanted` is what the file should hold.
    pub(super) fn hint(&self, wanted: &str) -> String {
        match self {
            Self::Missing => "a relative path counts from the configuration file".to_owned(),
            Self::Unreadable { .. } => "name a file that anchorwatch's user can read".to_owned(),
            Self::TooLarge { .. } => "this is hardly the right file".to_owned(),
            Self::Empty | Self::NotABundle { .. } => format!("it must hold {wanted}"),
            Self::NoX509Authority => {
                "get it with `spire-server bundle show -format spiffe`".to_owned()
            }
            Self::Foreign { .. } => {
                "get the bundle of the relationship's own trust domain".to_owned()
            }
        }
    }
}

impl From<io::Error> for BootstrapError {
    fn from(why: io::Error) -> Self {
        if why.kind() == io::ErrorKind::NotFound { Self::Missing } else { Self::Unreadable { why } }
    }
}

/// The content of a file of at most `limit` bytes.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, BootstrapError> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        Ok(bytes)
    } else {
        Err(BootstrapError::TooLarge { limit })
    }
}

/// The authorities in a bootstrap file of `trust_domain`: a SPIFFE bundle in JSON, or certificates
/// in PEM. At least one is an X.509 authority, and no CA among them names another trust domain.
/// At most 4 MiB are read.
pub fn read_bundle(
    path: &Path,
    trust_domain: &TrustDomain,
) -> Result<Vec<Arc<Authority>>, BootstrapError> {
    parse_bytes(&content(path, &ParseLimits::default())?, trust_domain)
}

/// As [`read_bundle`], of what a file held.
pub fn parse_bytes(
    bytes: &[u8],
    trust_domain: &TrustDomain,
) -> Result<Vec<Arc<Authority>>, BootstrapError> {
    let limits = ParseLimits::default();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf".as_slice()).unwrap_or(bytes);
    let authorities = match bytes.trim_ascii_start().first() {
        None => return Err(BootstrapError::Empty),
        Some(b'{' | b'[' | b'"') => {
            let parsed = parse(bytes, &limits).map_err(|error| {
                not_a_bundle(match error {
                    ParseError::NotJson { detail } => format!("it is not JSON: {detail}"),
                    ParseError::NotABundle { detail } => format!("it is no bundle: {detail}"),
                    ParseError::TooLarge { .. } => error.to_string(),
                })
            })?;
            parsed.bundle.authorities().to_vec()
        }
        Some(_) => from_pem(bytes, limits.keys).map_err(not_a_bundle)?,
    };
    let mut x509 = authorities.iter().filter_map(|authority| authority.certificate.as_ref());
    if let Some(found) = x509.clone().find_map(|certificate| foreign(certificate, trust_domain)) {
        return Err(BootstrapError::Foreign { found: found.into() });
    }
    if x509.next().is_none() {
        return Err(BootstrapError::NoX509Authority);
    }
    Ok(authorities)
}

/// Whether a CA file holds certificates, every one of which can be read.
pub(super) fn read_ca_file(path: &Path) -> Result<(), BootstrapError> {
    let limits = ParseLimits::default();
    let bytes = content(path, &limits)?;
    if bytes.trim_ascii().is_empty() {
        return Err(BootstrapError::Empty);
    }
    from_pem(&bytes, limits.keys).map(|_| ()).map_err(not_a_bundle)
}

fn content(path: &Path, limits: &ParseLimits) -> Result<Vec<u8>, BootstrapError> {
    read_bounded(path, u64::try_from(limits.body).unwrap_or(u64::MAX))
}

fn not_a_bundle(detail: String) -> BootstrapError {
    BootstrapError::NotABundle { detail: detail.into() }
}

fn from_pem(bytes: &[u8], most: usize) -> Result<Vec<Arc<Authority>>, String> {
    let mut authorities = Vec::new();
    for (place, der) in CertificateDer::pem_slice_iter(bytes).enumerate() {
        if place == most {
            return Err(format!("more than {most} certificates"));
        }
        let number = place + 1;
        let der = der.map_err(|_| format!("certificate {number} is not PEM"))?;
        let certificate =
            Certificate::parse(&der).map_err(|_| format!("certificate {number} is not X.509"))?;
        authorities.push(Arc::new(Authority {
            id: AuthorityId { svid_type: SvidType::X509, fingerprint: certificate.fingerprint() },
            public_key: Some(certificate.public_key),
            key_type: certificate.key_type.clone(),
            kid: None,
            certificate: Some(certificate),
        }));
    }
    if authorities.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    Ok(authorities)
}

/// The name of another trust domain that a CA carries.
fn foreign(certificate: &Certificate, trust_domain: &TrustDomain) -> Option<String> {
    // X509-SVID, 3.1: a signing certificate's ID is its trust domain's. An upstream authority
    // that is no SPIFFE one has no such name.
    certificate.uri_sans.iter().find_map(|name| {
        let name = name.as_received();
        let scheme = name.get(..9)?;
        if !scheme.eq_ignore_ascii_case("spiffe://") {
            return None;
        }
        let host = name.get(9..)?.split('/').next()?;
        (host != trust_domain.as_str()).then(|| quoted(host))
    })
}
