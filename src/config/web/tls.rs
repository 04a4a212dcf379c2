//! `tls_server_config`: what rustls does of it, and a fault for what it cannot.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::clients::{AnyCertificate, Named};
use super::keys::{
    ALLOWED_SANS, CERT, CERT_FILE, CLIENT_AUTH, CLIENT_AUTHS, CLIENT_CA, CLIENT_CA_FILE, KEY,
    KEY_FILE, MAX_VERSION, MIN_VERSION, PREFER_SERVER, TLS_SCOPE, VERSIONS,
};
use super::{Noted, given, given_text, one_word};
use crate::config::bootstrap::read_bounded;
use crate::config::fault::Report;
use crate::config::reader::{Fields, Value};
use crate::config::scalar;
use crate::config::schema::Key;

/// The most bytes of a PEM file.
const PEM: u64 = 1 << 20;
/// The most certificates of a file: more than the platform's roots.
const CERTIFICATES: usize = 1_000;
/// The most elements of a list.
const ELEMENTS: usize = 1_000;

/// What turns TLS on in exporter-toolkit.
static ENABLING: [&Key; 7] =
    [&CERT_FILE, &CERT, &KEY_FILE, &KEY, &CLIENT_CA_FILE, &CLIENT_CA, &CLIENT_AUTH];

/// The section as rustls takes it; `None` where it says nothing, or a fault was found.
pub(super) fn server(
    section: &Value<'_>,
    noted: &mut Noted,
    report: &mut Report,
) -> Option<Arc<ServerConfig>> {
    let fields = Fields::open(section, &TLS_SCOPE, report)?;
    if !ENABLING.into_iter().any(|key| is_enabling(&fields, key)) {
        if TLS_SCOPE.keys().any(|key| given(&fields, key).is_some()) {
            let message = "it names no certificate, so nothing would be encrypted";
            section.fault(report, message, "add cert_file and key_file, or remove the section");
        }
        return None;
    }
    let mut reader = Reader { fields, section, noted, report };
    let provider = reader.provider();
    let versions = reader.versions();
    let certified = reader.certified();
    let verifier = reader.verifier(&provider);
    let prefer = reader.prefer_server();
    if !reader.report.is_empty() {
        return None;
    }
    let (versions, certified) = (versions?, certified?);
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|why| reader.section.fault(reader.report, why.to_string(), "name other suites"))
        .ok()?;
    let builder = match verifier? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut server = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    server.ignore_client_order = prefer;
    // A resumed session is not verified again, so it would outlive the client's certificate.
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    Some(Arc::new(server))
}

fn is_enabling(fields: &Fields<'_>, key: &Key) -> bool {
    given(fields, key).is_some_and(|value| value.as_text() != Some(""))
}

pub(super) struct Reader<'a, 't> {
    pub(super) fields: Fields<'t>,
    section: &'a Value<'t>,
    noted: &'a mut Noted,
    pub(super) report: &'a mut Report,
}

/// PEM, and the key that it stood under or was named by.
struct Pem<'t> {
    value: Value<'t>,
    bytes: Vec<u8>,
    file: Option<PathBuf>,
}

impl Pem<'_> {
    fn fault(&self, report: &mut Report, message: &str, hint: &str) {
        let message = match &self.file {
            Some(file) => format!("{}: {message}", file.display()),
            None => message.to_owned(),
        };
        self.value.fault(report, message, hint);
    }
}

impl<'t> Reader<'_, 't> {
    fn certified(&mut self) -> Option<CertifiedKey> {
        let certificates = self.pem(&CERT_FILE, &CERT);
        let key = self.pem(&KEY_FILE, &KEY);
        let (certificates, key) = match (certificates, key) {
            (Some(certificates), Some(key)) => (certificates, key),
            (certificates, key) => {
                // A file that cannot be read is a fault already.
                if self.report.is_empty() {
                    let (missing, other) = if certificates.is_none() {
                        ("cert_file", "certificate")
                    } else {
                        ("key_file", "private key")
                    };
                    let message = format!("the {other} is missing");
                    self.section.fault(self.report, message, format!("add {missing}"));
                }
                drop(key);
                return None;
            }
        };
        let chain = self.certificates(&certificates)?;
        let Ok(private) = PrivateKeyDer::from_pem_slice(&key.bytes) else {
            let hint = "it must be PEM, and not encrypted";
            key.fault(self.report, "there is no private key in it that can be read", hint);
            return None;
        };
        let Ok(signing) = aws_lc_rs::default_provider().key_provider.load_private_key(private)
        else {
            let hint = "whoever made it must make another: RSA of 2048 bits or more, ECDSA on \
                        P-256, P-384 or P-521, or Ed25519";
            key.fault(self.report, "rustls cannot use this private key", hint);
            return None;
        };
        let certified = CertifiedKey::new(chain, signing);
        if certified.keys_match().is_err() {
            let message = "the private key does not belong to the first certificate";
            key.fault(self.report, message, "name the two that were made together");
            return None;
        }
        Some(certified)
    }

    fn certificates(&mut self, pem: &Pem<'_>) -> Option<Vec<CertificateDer<'static>>> {
        let mut chain = Vec::new();
        for der in CertificateDer::pem_slice_iter(&pem.bytes).take(CERTIFICATES + 1) {
            let Ok(der) = der else {
                pem.fault(self.report, "it is not PEM", "write PEM certificates");
                return None;
            };
            chain.push(der);
        }
        if chain.is_empty() || CERTIFICATES < chain.len() {
            let message = if chain.is_empty() {
                "there is no certificate in it".to_owned()
            } else {
                format!("more than {CERTIFICATES} certificates")
            };
            pem.fault(self.report, &message, "write PEM certificates");
            return None;
        }
        Some(chain)
    }

    /// The content of a file, or of the configuration itself.
    fn pem(&mut self, in_file: &'static Key, inline: &'static Key) -> Option<Pem<'t>> {
        let file = given_text(&self.fields, in_file, self.report);
        let text = given_text(&self.fields, inline, self.report);
        if let (Some(_), Some((value, _))) = (&file, &text) {
            let message = format!("{} is there too", in_file.name);
            value.fault(self.report, message, "remove one of the two");
            return None;
        }
        if let Some((value, text)) = text {
            return Some(Pem { value, bytes: text.as_bytes().to_vec(), file: None });
        }
        let (value, _) = file?;
        let path = scalar::path(&value, in_file, self.report)?;
        self.noted.files.push(path.clone());
        match read_bounded(&path, PEM) {
            Ok(bytes) => Some(Pem { value, bytes, file: Some(path) }),
            Err(why) => {
                let message = format!("{}: {why}", path.display());
                value.fault(self.report, message, why.hint("PEM"));
                None
            }
        }
    }

    /// The verifier of clients' certificates; the inner `None` takes none.
    #[expect(clippy::option_option, reason = "a fault, or nobody, or somebody")]
    fn verifier(
        &mut self,
        provider: &Arc<CryptoProvider>,
    ) -> Option<Option<Arc<dyn ClientCertVerifier>>> {
        let written = given_text(&self.fields, &CLIENT_AUTH, self.report);
        let word = match &written {
            Some((value, _)) => one_word(value, CLIENT_AUTHS, self.report)?,
            None => "NoClientCert",
        };
        let roots = self.pem(&CLIENT_CA_FILE, &CLIENT_CA);
        let allowed = self.allowed_sans();
        let is_verified = matches!(word, "VerifyClientCertIfGiven" | "RequireAndVerifyClientCert");
        if let Some((value, _)) = &allowed
            && word != "RequireAndVerifyClientCert"
        {
            let message = "names mean something in a verified certificate that must be there";
            value.fault(self.report, message, "set client_auth_type: RequireAndVerifyClientCert");
        }
        if let (Some(roots), "NoClientCert") = (&roots, word) {
            let hint = "set client_auth_type: RequireAndVerifyClientCert";
            roots.fault(self.report, "no client is asked for a certificate", hint);
        }
        let roots = roots.and_then(|roots| self.roots(&roots));
        if is_verified && roots.is_none() && self.report.is_empty() {
            let value = written.as_ref().map_or(self.section, |(value, _)| value);
            let message = "no client_ca_file says which authorities clients have";
            value.fault(self.report, message, "add client_ca_file");
        }
        if !self.report.is_empty() {
            return None;
        }
        let algorithms = provider.signature_verification_algorithms;
        let verifier: Arc<dyn ClientCertVerifier> = match (word, roots) {
            ("NoClientCert", _) => return Some(None),
            ("RequestClientCert", _) => {
                self.unverified(word);
                Arc::new(AnyCertificate { algorithms, mandatory: false })
            }
            (_, Some(roots)) if is_verified => self.verified(word, roots, provider)?,
            _ => {
                self.unverified(word);
                Arc::new(AnyCertificate { algorithms, mandatory: true })
            }
        };
        Some(Some(match allowed {
            Some((_, allowed)) => Arc::new(Named { inner: verifier, allowed }),
            None => verifier,
        }))
    }

    fn unverified(&mut self, word: &str) {
        self.noted.warnings.push(format!(
            "client_auth_type {word} takes certificates that nobody verifies: it authenticates no \
             client"
        ));
    }

    fn verified(
        &mut self,
        word: &str,
        roots: RootCertStore,
        provider: &Arc<CryptoProvider>,
    ) -> Option<Arc<dyn ClientCertVerifier>> {
        let builder =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        self.noted.verifies_clients = word == "RequireAndVerifyClientCert";
        let builder = if word == "VerifyClientCertIfGiven" {
            builder.allow_unauthenticated()
        } else {
            builder
        };
        let built = builder.build();
        built.map_err(|why| self.section.fault(self.report, why.to_string(), "")).ok()
    }

    fn roots(&mut self, pem: &Pem<'_>) -> Option<RootCertStore> {
        let mut roots = RootCertStore::empty();
        for (place, certificate) in self.certificates(pem)?.into_iter().enumerate() {
            if roots.add(certificate).is_err() {
                let message = format!("certificate {} cannot be an authority", place + 1);
                pem.fault(self.report, &message, "name CA certificates alone");
                return None;
            }
        }
        Some(roots)
    }

    fn allowed_sans(&mut self) -> Option<(Value<'t>, Vec<Box<str>>)> {
        let value = given(&self.fields, &ALLOWED_SANS)?.clone();
        let words = self.list(&value, "a list of names")?;
        Some((value, words.into_iter().map(|(_, text)| text.into()).collect()))
    }

    pub(super) fn list(
        &mut self,
        value: &Value<'t>,
        noun: &str,
    ) -> Option<Vec<(Value<'t>, &'t str)>> {
        let elements = value.elements(noun, "write each after a `- `", self.report)?;
        if ELEMENTS < elements.len() {
            let message = format!("it has more than {ELEMENTS} elements");
            value.fault(self.report, message, "name fewer");
            return None;
        }
        let mut words = Vec::with_capacity(elements.len());
        for element in elements {
            if let Some(text) = element.text("a text", "write a text", self.report) {
                words.push((element, text));
            }
        }
        Some(words)
    }

    fn versions(&mut self) -> Option<Vec<&'static SupportedProtocolVersion>> {
        let least = self.version(&MIN_VERSION, "TLS12")?;
        let most = self.version(&MAX_VERSION, "TLS13")?;
        match (least, most) {
            ("TLS12", "TLS12") => Some(vec![&rustls::version::TLS12]),
            ("TLS13", "TLS13") => Some(vec![&rustls::version::TLS13]),
            ("TLS12", _) => Some(vec![&rustls::version::TLS13, &rustls::version::TLS12]),
            _ => {
                let message = "min_version is above max_version, so nobody could connect";
                self.section.fault(self.report, message, "lower min_version");
                None
            }
        }
    }

    fn version(&mut self, key: &'static Key, absent: &'static str) -> Option<&'static str> {
        let Some(value) = given(&self.fields, key) else { return Some(absent) };
        let text = scalar::text(value, key, self.report)?;
        if matches!(text, "TLS10" | "TLS11") {
            let message = format!("{text} is broken, and rustls does not speak it");
            let hint = "write TLS12; who runs older clients must replace them";
            value.fault(self.report, message, hint);
            return None;
        }
        one_word(value, VERSIONS, self.report)
    }

    fn prefer_server(&mut self) -> bool {
        let Some(value) = given(&self.fields, &PREFER_SERVER) else { return true };
        scalar::switch(value, &PREFER_SERVER, self.report).unwrap_or(true)
    }
}
