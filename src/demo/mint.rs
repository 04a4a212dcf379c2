//! Keys, certificates and bundle documents in the shape that SPIRE gives them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
    SerialNumber,
};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use serde::Serialize;
use time::OffsetDateTime;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::RSAPublicKey;

use anchorwatch_core::bundle::Validity;
use anchorwatch_core::spiffe::{SpiffeId, TrustDomain};
use anchorwatch_core::time::Timestamp;

/// What a minted key is made of.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum DemoKeyAlgorithm {
    /// ECDSA over P-256, SPIRE's default.
    #[default]
    EcP256,
    /// ECDSA over P-384.
    EcP384,
    /// RSA with a modulus of 2,048 bits.
    Rsa2048,
}

impl DemoKeyAlgorithm {
    /// A new key pair of this kind.
    pub fn generate(self) -> Result<KeyPair, MintError> {
        Ok(KeyPair::generate_for(match self {
            Self::EcP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::EcP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            Self::Rsa2048 => &rcgen::PKCS_RSA_SHA256,
        })?)
    }
}

/// Why a key or a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The certificate library refused.
    #[error("cannot mint a certificate")]
    Certificate(#[from] rcgen::Error),
    /// A date lies outside the years that a certificate can name.
    #[error("{0} is no date for a certificate")]
    Date(Timestamp),
    /// The TLS library does not take the key.
    #[error("cannot load a minted key")]
    Key(#[from] rustls::Error),
    /// The public key is not in the form that was expected of it.
    #[error("cannot write a minted key as a JWK")]
    Jwk,
    /// The system gave no random bytes.
    #[error("no random bytes")]
    Random,
}

/// An X.509 authority: what signs X509-SVIDs.
pub struct X509Ca {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    jwk: IssuedJwk,
}

impl X509Ca {
    /// Mints a self-signed authority of `trust_domain` as SPIRE does: `C=US,O=SPIFFE` and the
    /// serial number as subject, the trust domain's ID as URI SAN, certificate and CRL signing.
    pub fn mint(
        trust_domain: &TrustDomain,
        validity: Validity,
        algorithm: DemoKeyAlgorithm,
    ) -> Result<Self, MintError> {
        let params = ca_params(&format!("spiffe://{trust_domain}"), validity)?;
        Self::from_params(params, algorithm.generate()?)
    }

    /// Self-signs an authority from whatever parameters: for what [`X509Ca::mint`] never makes.
    pub fn from_params(params: CertificateParams, key: KeyPair) -> Result<Self, MintError> {
        let certificate = params.self_signed(&key)?.der().clone();
        Self::assemble(params, key, certificate)
    }

    /// Mints an authority below this one, as SPIRE under an upstream authority has.
    pub fn intermediate(
        &self,
        trust_domain: &TrustDomain,
        validity: Validity,
    ) -> Result<Self, MintError> {
        let mut params = ca_params(&format!("spiffe://{trust_domain}"), validity)?;
        params.use_authority_key_identifier_extension = true;
        self.sign_ca(params, DemoKeyAlgorithm::EcP256.generate()?)
    }

    /// Signs an authority from whatever parameters.
    pub fn sign_ca(&self, params: CertificateParams, key: KeyPair) -> Result<Self, MintError> {
        let certificate = params.signed_by(&key, &self.issuer)?.der().clone();
        Self::assemble(params, key, certificate)
    }

    fn assemble(
        params: CertificateParams,
        key: KeyPair,
        certificate: CertificateDer<'static>,
    ) -> Result<Self, MintError> {
        let mut jwk = IssuedJwk::of("x509-svid", &key)?;
        // Bundle, 4.2.2: the standard alphabet, unlike the key's own members.
        jwk.x5c = Some([STANDARD.encode(&certificate)]);
        Ok(Self { issuer: Issuer::new(params, key), certificate, jwk })
    }

    /// Mints the SVID of `id`, with a fresh P-256 key.
    pub fn svid(&self, id: &SpiffeId, validity: Validity) -> Result<Svid, MintError> {
        self.sign(&svid_params(id, validity)?, &DemoKeyAlgorithm::EcP256.generate()?)
    }

    /// Signs a certificate from whatever parameters: for what [`X509Ca::svid`] never makes.
    pub fn sign(&self, params: &CertificateParams, key: &KeyPair) -> Result<Svid, MintError> {
        let leaf = params.signed_by(key, &self.issuer)?.der().clone();
        Svid::new(vec![leaf], key)
    }

    /// The authority's certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The authority's certificate as PEM.
    pub fn pem(&self) -> String {
        let lines = STANDARD.encode(&self.certificate);
        let lines = lines.as_bytes().chunks(64).map(String::from_utf8_lossy);
        let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
        for line in lines {
            pem.push_str(&line);
            pem.push('\n');
        }
        pem.push_str("-----END CERTIFICATE-----\n");
        pem
    }

    /// The authority as an element of a bundle.
    pub fn jwk(&self) -> &IssuedJwk {
        &self.jwk
    }
}

impl fmt::Debug for X509Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("X509Ca").finish_non_exhaustive()
    }
}

/// An X509-SVID with its private key, for a TLS server to present.
#[derive(Clone)]
pub struct Svid {
    chain: Vec<CertificateDer<'static>>,
    key: std::sync::Arc<dyn rustls::sign::SigningKey>,
}

impl Svid {
    /// A chain, leaf first, and the leaf's key. Nothing checks that they belong together.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Result<Self, MintError> {
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok(Self { chain, key: default_provider().key_provider.load_private_key(der)? })
    }

    /// The same, with `certificate` at the end of the chain.
    pub fn with(mut self, certificate: CertificateDer<'static>) -> Self {
        self.chain.push(certificate);
        self
    }

    /// The certificates, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// What a rustls server presents. rustls' own constructors refuse some of the broken
    /// certificates that tests must serve; this takes them all.
    pub fn certified_key(&self) -> CertifiedKey {
        CertifiedKey::new(self.chain.clone(), self.key.clone())
    }
}

impl fmt::Debug for Svid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Svid").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

/// A JWT authority, public part only: nothing here signs tokens.
#[derive(Clone, Debug)]
pub struct JwtAuthority {
    jwk: IssuedJwk,
}

impl JwtAuthority {
    /// Mints a JWT signing key with a key ID of 32 letters and digits, as SPIRE does.
    pub fn mint(algorithm: DemoKeyAlgorithm) -> Result<Self, MintError> {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let digit = |byte: &u8| DIGITS.get(usize::from(*byte) % DIGITS.len()).copied();
        let kid = random::<32>()?.iter().filter_map(digit).map(char::from).collect();
        Self::with_kid(algorithm, kid)
    }

    /// Mints a JWT signing key with this key ID.
    pub fn with_kid(algorithm: DemoKeyAlgorithm, kid: String) -> Result<Self, MintError> {
        let mut jwk = IssuedJwk::of("jwt-svid", &algorithm.generate()?)?;
        jwk.kid = Some(kid);
        Ok(Self { jwk })
    }

    /// The authority as an element of a bundle.
    pub fn jwk(&self) -> &IssuedJwk {
        &self.jwk
    }
}

/// One element of `keys`, its members in SPIRE's order.
#[derive(Clone, Debug, Serialize)]
pub struct IssuedJwk {
    #[serde(rename = "use")]
    svid_type: &'static str,
    kty: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x5c: Option<[String; 1]>,
}

impl IssuedJwk {
    fn of(svid_type: &'static str, key: &KeyPair) -> Result<Self, MintError> {
        let raw = key.der_bytes();
        let mut jwk = Self {
            svid_type,
            kty: "EC",
            kid: None,
            crv: None,
            x: None,
            y: None,
            n: None,
            e: None,
            x5c: None,
        };
        // SEC 1, 2.3.3: an uncompressed point is 04 and the two coordinates, of equal length.
        let point = raw.strip_prefix(&[4]).filter(|point| matches!(point.len(), 64 | 96));
        if let Some(point) = point {
            let (x, y) = point.split_at(point.len() / 2);
            jwk.crv = Some(if x.len() == 32 { "P-256" } else { "P-384" });
            jwk.x = Some(URL_SAFE_NO_PAD.encode(x));
            jwk.y = Some(URL_SAFE_NO_PAD.encode(y));
        } else {
            let (_, key) = RSAPublicKey::from_der(raw).map_err(|_| MintError::Jwk)?;
            // RFC 7518, 6.3.1.1: the modulus without the zero that DER puts before it.
            let modulus = key.modulus.strip_prefix(&[0]).unwrap_or(key.modulus);
            jwk.kty = "RSA";
            jwk.n = Some(URL_SAFE_NO_PAD.encode(modulus));
            jwk.e = Some(URL_SAFE_NO_PAD.encode(key.exponent));
        }
        Ok(jwk)
    }
}

/// A bundle document as SPIRE writes it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct IssuedDocument {
    /// The elements, in the order that they are to stand in.
    pub keys: Vec<IssuedJwk>,
    /// `spiffe_sequence`; SPIRE omits a 0.
    #[serde(rename = "spiffe_sequence", skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// `spiffe_refresh_hint`, in seconds.
    #[serde(rename = "spiffe_refresh_hint", skip_serializing_if = "Option::is_none")]
    pub refresh_hint: Option<u64>,
}

impl IssuedDocument {
    /// The document's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The parameters of an authority in SPIRE's shape, with this URI SAN.
pub fn ca_params(uri: &str, validity: Validity) -> Result<CertificateParams, MintError> {
    let mut params = base_params("SPIFFE", uri, validity)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let number = params.serial_number.iter().flat_map(SerialNumber::to_bytes);
    let number = number.fold(0_u128, |number, byte| number << 8 | u128::from(byte));
    let name = DnType::CustomDnType(vec![2, 5, 4, 5]);
    params.distinguished_name.push(name, printable(&number.to_string())?);
    Ok(params)
}

/// The parameters of an X509-SVID in SPIRE's shape.
pub fn svid_params(id: &SpiffeId, validity: Validity) -> Result<CertificateParams, MintError> {
    let mut params = base_params("SPIRE", id.as_str(), validity)?;
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
        KeyUsagePurpose::KeyAgreement,
    ];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn base_params(
    organization: &str,
    uri: &str,
    validity: Validity,
) -> Result<CertificateParams, MintError> {
    let mut params = CertificateParams::default();
    params.not_before = date(validity.not_before)?;
    params.not_after = date(validity.not_after)?;
    let mut serial = random::<16>()?;
    // RFC 5280, 4.1.2.2: positive, and no zero in front.
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, printable("US")?);
    params.distinguished_name.push(DnType::OrganizationName, printable(organization)?);
    params.subject_alt_names = vec![SanType::URI(uri.try_into()?)];
    Ok(params)
}

fn printable(text: &str) -> Result<DnValue, MintError> {
    Ok(DnValue::PrintableString(text.try_into()?))
}

fn date(at: Timestamp) -> Result<OffsetDateTime, MintError> {
    OffsetDateTime::from_unix_timestamp(at.as_unix()).map_err(|_| MintError::Date(at))
}

fn random<const N: usize>() -> Result<[u8; N], MintError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| MintError::Random)?;
    Ok(bytes)
}
